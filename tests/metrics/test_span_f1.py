import copy
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from seqeval.metrics import classification_report
from seqeval.metrics.sequence_labeling import get_entities
from seqeval.scheme import IOB1, IOB2, IOBES
from torch.nn.utils.rnn import pad_sequence

from ner_lightning.encoding.batches import EvaluationBatch
from ner_lightning.metrics.span_counts import SpanCounts
from ner_lightning.metrics.span_f1 import SpanF1
from ner_lightning.schemes import BIO, BIOES, IGNORE_INDEX, IO, TagSet
from ner_lightning.training.entity_scores import EntityScores
from support.strategies import ENTITY_TYPES, tag_sets

TYPES = tuple(ENTITY_TYPES)
STRICT = {IO: IOB1, BIO: IOB2, BIOES: IOBES}
Rows = list[list[int]]


def padded(rows: Rows, extra: int = 0) -> torch.Tensor:
    """Return the rows padded with -100 to equal length, plus ``extra`` columns of padding."""
    if not rows:
        return torch.zeros(0, extra, dtype=torch.long)
    ids = pad_sequence([torch.tensor(row, dtype=torch.long) for row in rows], True, IGNORE_INDEX)
    return torch.nn.functional.pad(ids, (0, extra), value=IGNORE_INDEX)


@st.composite
def tagged_pairs(draw: st.DrawFn, predicted_tags: TagSet, gold_tags: TagSet) -> tuple[Rows, Rows]:
    """Draw predicted and gold tag ids; most predictions are copies of the gold tags."""
    predicted, gold = [], []
    for _ in range(draw(st.integers(1, 6))):
        length = draw(st.integers(0, 8))
        gold.append(draw(st.lists(st.integers(0, len(gold_tags.tags) - 1), min_size=length, max_size=length)))
        entities = [e for e in gold_tags.read(gold[-1]) if e.entity_type in predicted_tags.entity_types]
        copied = predicted_tags.write(entities, length)
        noise = st.integers(0, len(predicted_tags.tags) - 1)
        predicted.append([draw(noise) if draw(st.integers(0, 3)) == 0 else tag for tag in copied])
    return predicted, gold


def names(rows: Rows, tags: TagSet) -> list[list[str]]:
    return [[tags.tags[i] for i in row] for row in rows]


def scores_of(metric: SpanF1) -> dict[str, float]:
    return {name: score.item() for name, score in metric.compute().items()}


def seqeval_report(gold: list[list[str]], predicted: list[list[str]], **reading: Any) -> dict[str, Any]:
    if not any(tag != "O" for row in [*gold, *predicted] for tag in row):
        return {"micro avg": {"precision": 0, "recall": 0, "f1-score": 0}}
    return classification_report(gold, predicted, output_dict=True, zero_division=0, **reading)


def close(value: float) -> Any:
    return pytest.approx(value, abs=1e-12)


@given(st.data(), tag_sets())
def test_scores_equal_the_report_of_seqeval_in_both_readings(data, tags):
    predicted, gold = data.draw(tagged_pairs(tags, tags))
    metric = SpanF1(tags, tags)
    metric.update(padded(predicted), padded(gold))
    scores, counts = scores_of(metric), metric.counts()["lenient"]

    report = seqeval_report(names(gold, tags), names(predicted, tags))
    overall = report["micro avg"]
    assert scores["f1"] == close(overall["f1-score"])
    assert scores["precision"] == close(overall["precision"])
    assert scores["recall"] == close(overall["recall"])
    for kind in TYPES:  # seqeval leaves out types that occur on neither side
        row = report.get(kind, {"precision": 0, "recall": 0, "f1-score": 0, "support": 0})
        assert scores[f"f1/{kind}"] == counts[kind].f1 == close(row["f1-score"])
        assert counts[kind].precision == close(row["precision"])
        assert counts[kind].recall == close(row["recall"])
        assert counts[kind].gold == row["support"]


@given(st.data(), tag_sets())
def test_strict_scores_equal_the_strict_report_of_seqeval(data, tags):
    predicted, gold = data.draw(tagged_pairs(tags, tags))
    metric = SpanF1(tags, tags)
    metric.update(padded(predicted), padded(gold))
    scores = scores_of(metric)
    scheme = STRICT[type(tags.scheme)]
    if not any(tags.read(row, "strict") for row in [*gold, *predicted]):
        overall = {"precision": 0, "recall": 0, "f1-score": 0}  # seqeval's report fails where it has no row
    else:
        overall = seqeval_report(names(gold, tags), names(predicted, tags), mode="strict", scheme=scheme)["micro avg"]
    assert scores["f1_strict"] == close(overall["f1-score"])
    assert scores["precision_strict"] == close(overall["precision"])
    assert scores["recall_strict"] == close(overall["recall"])


@given(st.data(), tag_sets(), st.integers(1, 3), st.integers(0, 3))
def test_scores_depend_neither_on_batches_nor_on_padding_nor_on_ranks(data, tags, batch_size, extra):
    predicted, gold = data.draw(tagged_pairs(tags, tags))
    whole = SpanF1(tags, tags)
    whole.update(padded(predicted), padded(gold))
    ranks = [SpanF1(tags, tags), SpanF1(tags, tags)]
    for number, first in enumerate(range(0, len(gold), batch_size)):
        rows = slice(first, first + batch_size)
        ranks[number % 2].update(padded(predicted[rows], extra), padded(gold[rows], extra))
    ranks[0].merge_state(ranks[1])
    assert scores_of(ranks[0]) == scores_of(whole)


@given(st.data(), tag_sets())
def test_gold_types_that_cannot_be_predicted_count_as_missed(data, tags):
    gold_tags = TagSet(BIO(), (*TYPES, "ORG", "EVENT"))
    predicted, gold = data.draw(tagged_pairs(tags, gold_tags))
    metric = SpanF1(tags, gold_tags)
    metric.update(padded(predicted), padded(gold))
    report = seqeval_report(names(gold, gold_tags), names(predicted, tags))
    scores = scores_of(metric)
    assert scores["f1"] == close(report["micro avg"]["f1-score"])
    assert scores["recall"] == close(report["micro avg"]["recall"])
    for kind in ("ORG", "EVENT"):
        support = len([e for e in get_entities(names(gold, gold_tags)) if e[0] == kind])
        assert metric.counts()["lenient"][kind] == SpanCounts(0, 0, support)


def test_io_predictions_are_scored_against_bio_gold():
    """IO cannot separate the two adjacent persons, so both are missed and one wrong entity is predicted."""
    io, bio = TagSet(IO(), ("LOC", "PER")), TagSet(BIO(), ("LOC", "PER"))
    gold = ["B-PER", "B-PER", "O", "B-LOC", "I-LOC"]
    predicted = ["I-PER", "I-PER", "O", "I-LOC", "I-LOC"]
    metric = SpanF1(io, bio)
    metric.update(torch.tensor([[io.tag_ids[t] for t in predicted]]), torch.tensor([[bio.tag_ids[t] for t in gold]]))
    assert metric.counts()["lenient"] == {"LOC": SpanCounts(1, 1, 1), "PER": SpanCounts(0, 1, 2)}
    assert scores_of(metric)["f1"] == close(2 / 5)


def test_a_partly_found_entity_counts_as_wrong():
    tags = TagSet(BIO(), ("MISC", "ORG"))
    predicted = torch.tensor([[tags.tag_ids[t] for t in ("O", "O", "I-ORG", "B-MISC")]])
    gold = torch.tensor([[tags.tag_ids[t] for t in ("O", "B-ORG", "I-ORG", "B-MISC")]])
    callback = EntityScores()
    callback.span_f1 = SpanF1(tags, tags)
    callback.on_validation_batch_end(
        None, None, {"tag_ids": predicted}, EvaluationBatch((), (), gold, gold), batch_idx=0
    )
    scores = scores_of(callback.span_f1)
    assert (scores["f1/MISC"], scores["f1/ORG"], scores["f1"]) == (1.0, 0.0, 0.5)
    assert scores["ill_formed"] == 1.0
    assert callback.word_accuracy.compute().item() == 0.75


@given(st.data(), st.sampled_from([BIO(), BIOES()]))
def test_the_share_of_ill_formed_sentences_is_computed(data, scheme):
    tags = TagSet(scheme, TYPES)
    predicted, gold = data.draw(tagged_pairs(tags, tags))
    metric = SpanF1(tags, tags)
    metric.update(padded(predicted), padded(gold))
    ill_formed = [row for row in predicted if tags.write(tags.read(row), len(row)) != row]
    assert scores_of(metric)["ill_formed"] == close(len(ill_formed) / len(predicted))


@pytest.mark.parametrize("shape", [(0, 0), (0, 4), (2, 0)])
def test_batches_without_words_change_no_count(shape):
    tags = TagSet(BIO(), ("PER",))
    metric = SpanF1(tags, tags)
    metric.update(torch.tensor([[1, 2, 0]]), torch.tensor([[1, 2, 1]]))
    before = metric.counts()["lenient"]
    empty = torch.zeros(shape, dtype=torch.long)
    metric.update(empty, empty)
    assert metric.counts()["lenient"] == before == {"PER": SpanCounts(1, 1, 2)}


def test_a_metric_without_updates_scores_zero():
    tags = TagSet(BIO(), ("PER",))
    metric = SpanF1(tags, tags)
    with pytest.warns(UserWarning, match="before the ``update`` method"):
        scores = scores_of(metric)
    assert set(scores.values()) == {0.0}


def test_a_reset_forgets_all_counts():
    tags = TagSet(BIO(), ("PER",))
    metric = SpanF1(tags, tags)
    ids = torch.tensor([[1, 2]])
    metric.update(ids, ids)
    first = copy.deepcopy(scores_of(metric))
    metric.reset()
    metric.update(ids, ids)
    assert scores_of(metric) == first
    assert metric.counts()["lenient"] == {"PER": SpanCounts(1, 1, 1)}


def test_sentences_of_different_lengths_are_refused():
    tags = TagSet(BIO(), ("PER",))
    with pytest.raises(ValueError, match="must be of the same sentences"):
        SpanF1(tags, tags).update(torch.tensor([[1, 2]]), torch.tensor([[1, IGNORE_INDEX]]))


@pytest.mark.parametrize("gold_types", [("LOC", "PER"), ("PER",), ("ORG", "PER", "LOC")])
def test_gold_types_must_begin_with_the_predicted_ones(gold_types):
    with pytest.raises(ValueError, match="must begin with the predicted ones"):
        SpanF1(TagSet(BIO(), ("PER", "LOC")), TagSet(BIO(), gold_types))
