from math import isclose

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.utils.rnn import pad_sequence

from ner_lightning.entities import EntitySpan
from ner_lightning.metrics.span_counts import (
    READINGS,
    SpanCounts,
    concatenate_sentences,
    count_ill_formed,
    count_matches,
)
from ner_lightning.schemes import BIO, BIOES, IGNORE_INDEX, IO, TagSet
from support.strategies import ENTITY_TYPES, flat_entities, tag_id_lists, tag_sets

TYPES = tuple(ENTITY_TYPES)


def padded(rows: list[list[int]]) -> torch.Tensor:
    if not rows:
        return torch.zeros(0, 0, dtype=torch.long)
    return pad_sequence([torch.tensor(row, dtype=torch.long) for row in rows], True, IGNORE_INDEX)


def test_scores_match_a_calculation_by_hand():
    counts = SpanCounts(matched=2, predicted=4, gold=3)
    assert (counts.precision, counts.recall) == (0.5, pytest.approx(2 / 3))
    assert counts.f1 == pytest.approx(4 / 7)


@pytest.mark.parametrize("counts", [SpanCounts(), SpanCounts(0, 2, 0), SpanCounts(0, 0, 2), SpanCounts(0, 1, 1)])
def test_scores_without_a_match_are_zero(counts):
    assert (counts.precision, counts.recall, counts.f1) == (0, 0, 0)


@given(st.integers(1, 50), st.integers(0, 50), st.integers(0, 50))
def test_f1_is_the_harmonic_mean(matched, also_predicted, also_gold):
    counts = SpanCounts(matched, matched + also_predicted, matched + also_gold)
    precision, recall = counts.precision, counts.recall
    assert isclose(counts.f1, 2 * precision * recall / (precision + recall))


def test_a_span_matches_by_boundaries_and_type_whatever_its_score():
    gold = [EntitySpan(0, 2, "PER"), EntitySpan(3, 4, "LOC"), EntitySpan(5, 6, "LOC")]
    predicted = [EntitySpan(0, 2, "PER", 0.3), EntitySpan(3, 5, "LOC"), EntitySpan(5, 6, "MISC")]
    assert SpanCounts.of(predicted, gold) == SpanCounts(matched=1, predicted=3, gold=3)


@given(flat_entities(), flat_entities(), flat_entities())
def test_counts_add_up_over_sentences(first, second, third):
    """Counting two sentences separately gives the same result as counting one text that contains both."""
    gold, predicted, further = first[0], second[0], third[0]
    moved = [EntitySpan(e.start + 100, e.end + 100, e.entity_type) for e in further]
    apart = SpanCounts.of(predicted, gold) + SpanCounts.of(further, further)
    assert SpanCounts.of(predicted + moved, gold + moved) == apart


@given(st.data(), tag_sets(), tag_sets(), st.sampled_from(["lenient", "strict"]))
def test_counting_tensors_equals_counting_the_spans_read_from_them(data, predicted_tags, known_tags, reading):
    """Any scheme against any scheme, with a type that cannot be predicted."""
    gold_tags = TagSet(known_tags.scheme, (*TYPES, "ORG"))
    gold = data.draw(st.lists(tag_id_lists(gold_tags), max_size=4))
    last = len(predicted_tags.tags) - 1
    predicted = [data.draw(st.lists(st.integers(0, last), min_size=len(row), max_size=len(row))) for row in gold]
    counts = count_matches(
        concatenate_sentences(padded(predicted)), concatenate_sentences(padded(gold)), predicted_tags, gold_tags
    )[READINGS.index(reading)]
    expected = {kind: SpanCounts() for kind in gold_tags.entity_types}
    for predicted_row, gold_row in zip(predicted, gold, strict=True):
        read, annotated = predicted_tags.read(predicted_row, reading), gold_tags.read(gold_row, reading)
        for kind in expected:
            expected[kind] += SpanCounts.of(
                [e for e in read if e.entity_type == kind], [e for e in annotated if e.entity_type == kind]
            )
    assert [SpanCounts(*row) for row in counts.tolist()] == list(expected.values())


def test_spans_of_neighboring_rows_are_not_joined():
    """A row that ends inside an entity and one that begins with I are two entities."""
    tags = TagSet(BIO(), ("PER",))
    ids = concatenate_sentences(torch.tensor([[0, 1], [2, 0]]))
    assert count_matches(ids, ids, tags, tags)[0].tolist() == [[2, 2, 2]]
    assert count_matches(ids, ids, tags, tags)[1].tolist() == [[1, 1, 1]]


def test_equal_spans_of_different_rows_do_not_match():
    tags = TagSet(BIO(), ("PER",))
    predicted, gold = torch.tensor([[1, 0], [0, 0]]), torch.tensor([[0, 0], [1, 0]])
    counts = count_matches(concatenate_sentences(predicted), concatenate_sentences(gold), tags, tags)[0]
    assert counts.tolist() == [[0, 1, 1]]


@pytest.mark.parametrize("scheme", [BIO(), BIOES()], ids=repr)
@given(data=st.data())
def test_a_row_is_ill_formed_if_no_entities_are_written_that_way(scheme, data):
    tags = TagSet(scheme, TYPES)
    rows = data.draw(st.lists(tag_id_lists(tags, max_words=4), max_size=5))
    expected = sum(tags.write(tags.read(row), len(row)) != row for row in rows)
    assert count_ill_formed(concatenate_sentences(padded(rows)), tags) == expected


@given(st.data())
def test_no_row_in_io_is_ill_formed(data):
    tags = TagSet(IO(), TYPES)
    assert (
        count_ill_formed(concatenate_sentences(padded(data.draw(st.lists(tag_id_lists(tags), max_size=5)))), tags) == 0
    )
