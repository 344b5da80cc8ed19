from functools import cache
from itertools import product

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ner_lightning.entities import EntitySpan
from ner_lightning.modeling.decoders import ArgmaxDecoder
from ner_lightning.schemes import BIO, BIOES, IGNORE_INDEX, IO, LabelScheme, TagSet
from strategies import SCHEMES, tag_id_lists, tag_sets

DECODER = ArgmaxDecoder()
TYPES = ("PER", "LOC")


@cache
def sequences_with(scheme: LabelScheme, num_words: int) -> tuple[torch.Tensor, dict[EntitySpan, torch.Tensor]]:
    """All tag sequences, and for every span which of them the strict reading finds it in."""
    tags = TagSet(scheme, TYPES)
    sequences = list(product(range(len(tags.tags)), repeat=num_words))
    rows: dict[EntitySpan, list[int]] = {}
    for row, sequence in enumerate(sequences):
        for entity in tags.read(sequence, "strict"):
            rows.setdefault(entity, []).append(row)
    return torch.tensor(sequences), {entity: torch.tensor(found) for entity, found in rows.items()}


@pytest.mark.parametrize("scheme", SCHEMES, ids=repr)
@pytest.mark.parametrize("num_words", [1, 2, 3, 4])
def test_a_span_score_is_the_probability_that_exactly_this_span_is_read(scheme, num_words):
    """By brute force over all tag sequences, words being independent of each other."""
    tags = TagSet(scheme, TYPES)
    sequences, rows_by_span = sequences_with(scheme, num_words)
    assert len(rows_by_span) == len(TYPES) * num_words * (num_words + 1) // 2
    for seed in range(5):
        generator = torch.Generator().manual_seed(seed)
        logits = 2 * torch.randn(num_words, len(tags.tags), generator=generator, dtype=torch.float64)
        by_word = logits.softmax(dim=-1)
        probabilities = by_word[torch.arange(num_words), sequences].prod(dim=1)
        assert probabilities.sum().item() == pytest.approx(1)
        scores = DECODER.span_scores(logits, rows_by_span, tags)
        for score, rows in zip(scores, rows_by_span.values(), strict=True):
            assert score == pytest.approx(probabilities[rows].sum().item(), abs=1e-12)


@given(st.data(), tag_sets(), st.sampled_from([torch.float32, torch.bfloat16]))
def test_scores_are_probabilities_for_any_finite_logits(data, tags, dtype):
    num_words = data.draw(st.integers(1, 4))
    number = st.floats(-1e4, 1e4)
    size = num_words * len(tags.tags)
    values = data.draw(st.lists(number, min_size=size, max_size=size))
    logits = torch.tensor(values).view(num_words, -1).to(dtype)
    mask = torch.ones(1, num_words, dtype=torch.bool)
    tag_ids = DECODER.tag_ids(logits[None], mask, tags)[0]
    for entity in DECODER.entities(logits, tag_ids, tags):
        assert entity.score is not None
        assert 0 <= entity.score <= 1


@pytest.mark.parametrize(
    ("scheme", "prefixes"), [(IO(), "II"), (BIO(), "BI"), (BIOES(), "BE")], ids=["IO", "BIO", "BIOES"]
)
def test_sure_tags_give_their_entity_the_score_one_and_doubt_at_a_border_takes_from_it(scheme, prefixes):
    tags = TagSet(scheme, ("PER",))
    logits = torch.full((4, len(tags.tags)), -50.0)
    logits[[0, 3], 0] = 50.0
    for word, prefix in enumerate(prefixes, start=1):
        logits[word, tags.tag_ids[f"{prefix}-PER"]] = 50.0
    span = EntitySpan(1, 3, "PER")
    assert DECODER.span_scores(logits, [span], tags) == [pytest.approx(1)]
    logits[3, tags.tag_ids["I-PER"]] = 50.0  # the word behind goes on with even chance
    expected = 1 if scheme.marks_end else 0.5
    assert DECODER.span_scores(logits, [span], tags) == [pytest.approx(expected)]


@given(st.data(), tag_sets())
def test_the_most_probable_tag_of_every_word_and_nothing_behind_the_last(data, tags):
    rows = data.draw(st.lists(tag_id_lists(tags), min_size=1, max_size=4))
    longest = max(map(len, rows))
    logits = torch.randn(len(rows), longest, len(tags.tags), generator=torch.Generator().manual_seed(0))
    mask = torch.zeros(len(rows), longest, dtype=torch.bool)
    for row, ids in enumerate(rows):
        mask[row, : len(ids)] = True
        for word, tag_id in enumerate(ids):
            logits[row, word, tag_id] = 10.0
    expected = [ids + [IGNORE_INDEX] * (longest - len(ids)) for ids in rows]
    assert DECODER.tag_ids(logits, mask, tags).tolist() == expected


@given(st.data(), tag_sets())
def test_entities_are_the_lenient_reading_with_scores(data, tags):
    ids = data.draw(tag_id_lists(tags))
    logits = torch.randn(len(ids), len(tags.tags), generator=torch.Generator().manual_seed(0))
    entities = DECODER.entities(logits, torch.tensor(ids, dtype=torch.long), tags)
    read = tags.read(ids)
    assert list(entities) == read
    assert [entity.score for entity in entities] == DECODER.span_scores(logits, read, tags)


def test_logits_over_other_tags_are_refused():
    with pytest.raises(ValueError, match="logits must be over 5 tags, got 4"):
        DECODER.tag_ids(torch.zeros(1, 2, 4), torch.ones(1, 2, dtype=torch.bool), TagSet(BIO(), TYPES))
