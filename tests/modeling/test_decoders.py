from functools import cache
from itertools import pairwise, product

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ner_lightning.entities import EntitySpan
from ner_lightning.modeling.decoders import ArgmaxDecoder, ViterbiDecoder, span_scores
from ner_lightning.modeling.linear_chain import Transitions
from ner_lightning.schemes import BIO, BIOES, IGNORE_INDEX, IO, LabelScheme, TagSet
from support.strategies import SCHEMES, tag_id_lists, tag_sets

DECODERS = [ArgmaxDecoder(), ViterbiDecoder()]
TYPES = ("PER", "LOC")


def whole(num_words: int) -> torch.Tensor:
    return torch.ones(1, num_words, dtype=torch.bool)


def random_chain(tags: TagSet, num_words: int, seed: int = 0) -> tuple[torch.Tensor, Transitions]:
    """Return random word logits of a sentence, and random transitions that forbid what the scheme does."""
    num_tags = len(tags.tags)
    generator = torch.Generator().manual_seed(seed)
    draws = torch.randn(num_words + num_tags + 2, num_tags, generator=generator, dtype=torch.float64)
    logits, inner, (start, end) = draws.split([num_words, num_tags, 2])
    return 2 * logits, Transitions(start, inner, end).restricted_to(tags)


@cache
def sequences_with(scheme: LabelScheme, num_words: int) -> tuple[torch.Tensor, dict[EntitySpan, torch.Tensor]]:
    """Return all tag sequences, and for every span the sequences in which strict reading finds it."""
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
    """Checked by brute force over all tag sequences, with independent words."""
    tags = TagSet(scheme, TYPES)
    sequences, rows_by_span = sequences_with(scheme, num_words)
    assert len(rows_by_span) == len(TYPES) * num_words * (num_words + 1) // 2
    for seed in range(5):
        generator = torch.Generator().manual_seed(seed)
        logits = 2 * torch.randn(num_words, len(tags.tags), generator=generator, dtype=torch.float64)
        by_word = logits.softmax(dim=-1)
        probabilities = by_word[torch.arange(num_words), sequences].prod(dim=1)
        assert probabilities.sum().item() == pytest.approx(1)
        (scores,) = span_scores(logits[None], whole(num_words), [list(rows_by_span)], tags)
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
    for decoder, transitions in product(DECODERS, (None, Transitions.allowed_by(tags))):
        tag_ids = decoder.tag_ids(logits[None], mask, tags, transitions)
        for entity in decoder.entities(logits[None], tag_ids, tags, transitions)[0]:
            assert entity.score is not None
            assert 0 <= entity.score <= 1


@pytest.mark.parametrize(
    ("scheme", "prefixes"), [(IO(), "II"), (BIO(), "BI"), (BIOES(), "BE")], ids=["IO", "BIO", "BIOES"]
)
def test_certain_tags_give_an_entity_score_1_and_an_uncertain_boundary_lowers_it(scheme, prefixes):
    tags = TagSet(scheme, ("PER",))
    logits = torch.full((4, len(tags.tags)), -50.0)
    logits[[0, 3], 0] = 50.0
    for word, prefix in enumerate(prefixes, start=1):
        logits[word, tags.tag_ids[f"{prefix}-PER"]] = 50.0
    span = EntitySpan(1, 3, "PER")
    assert span_scores(logits[None], whole(4), [[span]], tags) == [[pytest.approx(1)]]
    logits[3, tags.tag_ids["I-PER"]] = 50.0  # the next word continues the entity with a probability of 1/2
    expected = 1 if scheme.marks_end else 0.5
    assert span_scores(logits[None], whole(4), [[span]], tags) == [[pytest.approx(expected)]]


@given(st.data(), tag_sets())
def test_argmax_gives_the_most_probable_tag_of_every_word_and_ignores_padding(data, tags):
    rows = data.draw(st.lists(tag_id_lists(tags), min_size=1, max_size=4))
    longest = max(map(len, rows))
    logits = torch.randn(len(rows), longest, len(tags.tags), generator=torch.Generator().manual_seed(0))
    mask = torch.zeros(len(rows), longest, dtype=torch.bool)
    for row, ids in enumerate(rows):
        mask[row, : len(ids)] = True
        for word, tag_id in enumerate(ids):
            logits[row, word, tag_id] = 10.0
    expected = [ids + [IGNORE_INDEX] * (longest - len(ids)) for ids in rows]
    assert ArgmaxDecoder().tag_ids(logits, mask, tags).tolist() == expected


@given(st.data(), tag_sets())
def test_entities_are_the_lenient_reading_with_scores(data, tags):
    rows = data.draw(st.lists(tag_id_lists(tags), min_size=1, max_size=3))
    longest = max(map(len, rows))
    logits = torch.randn(len(rows), longest, len(tags.tags), generator=torch.Generator().manual_seed(0))
    tag_ids = torch.tensor([ids + [IGNORE_INDEX] * (longest - len(ids)) for ids in rows], dtype=torch.long)
    found = ArgmaxDecoder().entities(logits, tag_ids, tags)
    for ids, row, entities in zip(rows, logits, found, strict=True):
        read = tags.read(ids)
        assert list(entities) == read
        alone = span_scores(row[None, : len(ids)], whole(len(ids)), [read], tags)
        assert [[entity.score for entity in entities]] == alone


@pytest.mark.parametrize("scheme", SCHEMES, ids=repr)
def test_a_crf_scores_a_span_by_its_marginal(scheme):
    """Checked by brute force over all sequences that the scheme allows, with learned transitions."""
    tags = TagSet(scheme, TYPES)
    sequences, rows_by_span = sequences_with(scheme, 4)
    logits, transitions = random_chain(tags, 4)
    scores = logits[torch.arange(4), sequences].sum(dim=1) + transitions.start[sequences[:, 0]]
    scores += transitions.inner[sequences[:, :-1], sequences[:, 1:]].sum(dim=1) + transitions.end[sequences[:, -1]]
    probabilities = scores.softmax(dim=0)
    transitions.inner.requires_grad_()  # as in a model that is being trained
    found = span_scores(logits[None], whole(4), [list(rows_by_span)], tags, transitions)[0]
    for score, rows in zip(found, rows_by_span.values(), strict=True):
        assert score == pytest.approx(probabilities[rows].sum().item(), abs=1e-12)


@pytest.mark.parametrize("scheme", SCHEMES, ids=repr)
def test_transitions_of_zero_give_the_same_scores_as_no_transitions(scheme):
    tags = TagSet(scheme, TYPES)
    num_tags = len(tags.tags)
    logits, _ = random_chain(tags, 4)
    spans = list(sequences_with(scheme, 4)[1])
    nothing = Transitions(
        *(torch.zeros(size, dtype=torch.float64) for size in ([num_tags], [num_tags] * 2, [num_tags]))
    )
    by_chain = span_scores(logits[None], whole(4), [spans], tags, nothing)[0]
    assert by_chain == pytest.approx(span_scores(logits[None], whole(4), [spans], tags)[0], abs=1e-12)


@given(tag_sets(), st.integers(1, 12), st.integers(0, 10_000), st.booleans())
def test_viterbi_never_gives_an_ill_formed_sequence(tags, num_words, seed, learned):
    logits, transitions = random_chain(tags, num_words, seed)
    ids = ViterbiDecoder().tag_ids(logits[None], whole(num_words), tags, transitions if learned else None)[0].tolist()
    assert all(tags.allowed[pair] for pair in pairwise([0, *ids, 0]))
    assert tags.read(ids, "strict") == tags.read(ids)


@given(st.data(), tag_sets())
def test_viterbi_keeps_the_best_tag_of_every_word_if_they_are_well_formed(data, tags):
    """If the best tags of all words form a sequence that the scheme allows, it is the best sequence."""
    ids = data.draw(tag_id_lists(tags).filter(bool))
    logits = torch.nn.functional.one_hot(torch.tensor(ids), len(tags.tags)).double()[None]
    found = ViterbiDecoder().tag_ids(logits, whole(len(ids)), tags)[0].tolist()
    well_formed = all(tags.allowed[pair] for pair in pairwise([0, *ids, 0]))
    assert (found == ids) == well_formed


def test_argmax_with_a_crf_gives_the_best_marginal_of_every_word():
    tags = TagSet(BIO(), TYPES)
    sequences, _ = sequences_with(BIO(), 4)
    logits, transitions = random_chain(tags, 4)
    scores = logits[torch.arange(4), sequences].sum(dim=1) + transitions.start[sequences[:, 0]]
    scores += transitions.inner[sequences[:, :-1], sequences[:, 1:]].sum(dim=1) + transitions.end[sequences[:, -1]]
    marginals = (scores.softmax(0)[:, None, None] * torch.nn.functional.one_hot(sequences, 5)).sum(0)
    found = ArgmaxDecoder().tag_ids(logits[None], whole(4), tags, transitions)[0]
    assert found.tolist() == marginals.argmax(dim=1).tolist()


@pytest.mark.parametrize("decoder", DECODERS, ids=repr)
def test_sentences_without_words_have_no_tags(decoder):
    tags = TagSet(BIO(), TYPES)
    assert decoder.tag_ids(torch.zeros(2, 0, 5), torch.zeros(2, 0, dtype=torch.bool), tags).shape == (2, 0)
    mixed = torch.tensor([[True, True], [False, False]])
    tag_ids = decoder.tag_ids(torch.zeros(2, 2, 5), mixed, tags, Transitions.allowed_by(tags))
    assert tag_ids[1].tolist() == [IGNORE_INDEX] * 2
    assert decoder.entities(torch.zeros(2, 2, 5), tag_ids, tags, Transitions.allowed_by(tags))[1] == ()


def test_logits_over_other_tags_are_refused():
    with pytest.raises(ValueError, match="logits must be over 5 tags, got 4"):
        ArgmaxDecoder().tag_ids(torch.zeros(1, 2, 4), torch.ones(1, 2, dtype=torch.bool), TagSet(BIO(), TYPES))
