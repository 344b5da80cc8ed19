from collections import Counter

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from nervaluate import Evaluator

from ner_lightning.entities import EntitySpan
from ner_lightning.metrics.error_types import (
    ERROR_KINDS,
    EntityPair,
    SemEvalCounts,
    confused_types,
    count_kinds,
    count_semeval,
    pair_entities,
)
from ner_lightning.metrics.span_counts import SpanCounts
from support.strategies import ENTITY_TYPES, flat_entities

NERVALUATE_NAMES = {"strict": "strict", "exact": "exact", "partial": "partial", "type": "ent_type"}


def spans(*values: tuple[int, int, str]) -> list[EntitySpan]:
    return [EntitySpan(*value) for value in values]


def overlaps(first: EntitySpan, second: EntitySpan) -> bool:
    return bool(set(range(first.start, first.end)) & set(range(second.start, second.end)))


@pytest.mark.parametrize(
    ("predicted", "kind", "boundary"),
    [
        ((2, 5, "PER"), "correct", "equal"),
        ((2, 5, "LOC"), "wrong type", "equal"),
        ((1, 5, "PER"), "wrong boundary", "too long"),
        ((1, 6, "PER"), "wrong boundary", "too long"),
        ((2, 4, "PER"), "wrong boundary", "too short"),
        ((3, 4, "PER"), "wrong boundary", "too short"),
        ((1, 4, "PER"), "wrong boundary", "shifted"),
        ((4, 9, "PER"), "wrong boundary", "shifted"),
        ((4, 9, "LOC"), "wrong both", "shifted"),
    ],
)
def test_every_pair_has_the_expected_kind(predicted, kind, boundary):
    (pair,) = pair_entities(spans((2, 5, "PER")), spans(predicted))
    assert (pair.kind, pair.boundary) == (kind, boundary)


def test_entities_without_shared_words_are_missed_and_spurious():
    pairs = pair_entities(spans((2, 5, "PER")), spans((0, 2, "PER"), (5, 6, "PER")))
    assert [pair.kind for pair in pairs] == ["spurious", "missed", "spurious"]
    assert {pair.boundary for pair in pairs} == {None}


@pytest.mark.parametrize(
    ("gold", "predicted", "pairs"),
    [
        pytest.param([(0, 3, "PER")], [(0, 1, "PER"), (1, 3, "LOC")], [(0, 1), (None, 0)], id="best overlap"),
        pytest.param([(0, 2, "PER")], [(0, 1, "LOC"), (1, 2, "PER")], [(None, 0), (0, 1)], id="then equal type"),
        pytest.param([(0, 2, "PER")], [(0, 1, "PER"), (1, 2, "PER")], [(0, 0), (None, 1)], id="then leftmost"),
        pytest.param([(0, 1, "PER"), (1, 4, "PER")], [(0, 4, "PER")], [(0, None), (1, 0)], id="one of two gold"),
        pytest.param(
            [(0, 3, "A"), (3, 6, "A")], [(2, 5, "A"), (5, 6, "A")], [(0, None), (1, 0), (None, 1)], id="chain"
        ),
        pytest.param([(0, 3, "PER"), (1, 2, "LOC")], [(1, 2, "LOC")], [(0, None), (1, 0)], id="nested gold"),
    ],
)
def test_pairs_match_those_found_by_hand(gold, predicted, pairs):
    golds, predictions = spans(*gold), spans(*predicted)
    expected = {EntityPair(None if g is None else golds[g], None if p is None else predictions[p]) for g, p in pairs}
    assert set(pair_entities(golds, predictions)) == expected


@given(flat_entities(), flat_entities())
def test_every_entity_is_in_exactly_one_pair_and_no_further_match_is_possible(gold, predicted):
    golds, predictions = gold[0], predicted[0]
    pairs = pair_entities(golds, predictions)
    assert sorted(pair.gold for pair in pairs if pair.gold) == golds
    assert sorted(pair.predicted for pair in pairs if pair.predicted) == predictions
    assert all(overlaps(pair.gold, pair.predicted) for pair in pairs if pair.gold and pair.predicted)
    missed = [pair.gold for pair in pairs if pair.predicted is None]
    spurious = [pair.predicted for pair in pairs if pair.gold is None]
    assert not any(overlaps(g, p) for g in missed for p in spurious)
    assert pair_entities(reversed(golds), reversed(predictions)) == pairs


@given(flat_entities(), flat_entities())
def test_totals_by_type_add_up_and_agree_with_the_scores(gold, predicted):
    golds, predictions = gold[0], predicted[0]
    pairs = pair_entities(golds, predictions)
    by_gold, by_predicted = count_kinds(pairs, "gold"), count_kinds(pairs, "predicted")
    for kind in ENTITY_TYPES:
        scored = SpanCounts.of(
            [e for e in predictions if e.entity_type == kind], [e for e in golds if e.entity_type == kind]
        )
        assert sum(by_gold.get(kind, {}).values()) == scored.gold
        assert sum(by_predicted.get(kind, {}).values()) == scored.predicted
        assert by_gold.get(kind, {}).get("correct", 0) == by_predicted.get(kind, {}).get("correct", 0) == scored.matched
    assert not any(counts["spurious"] for counts in by_gold.values())
    assert not any(counts["missed"] for counts in by_predicted.values())
    for kind in ERROR_KINDS[:4]:
        assert sum(c[kind] for c in by_gold.values()) == sum(c[kind] for c in by_predicted.values())


def nervaluate_results(sentences: list[tuple[list[EntitySpan], list[EntitySpan]]]) -> dict:
    """Return nervaluate's results: it expects inclusive ends and lists of sentences."""
    gold, predicted = (
        [[{"label": e.entity_type, "start": e.start, "end": e.end - 1} for e in pair[side]] for pair in sentences]
        for side in (0, 1)
    )
    return Evaluator(gold, predicted, tags=ENTITY_TYPES, loader="dict").evaluate()["overall"]


def one_to_one(gold: list[EntitySpan], predicted: list[EntitySpan]) -> list[EntitySpan]:
    """Return the predicted entities for which nervaluate has only one possible pair."""
    kept: list[EntitySpan] = []
    for entity in predicted:
        touched = [g for g in gold if overlaps(g, entity)]
        if len(touched) <= 1 and not any(overlaps(g, other) for g in touched for other in kept):
            kept.append(entity)
    return kept


@given(st.lists(st.tuples(flat_entities(), flat_entities()), min_size=1, max_size=5))
def test_semeval_equals_nervaluate_if_no_entity_overlaps_two_others(drawn):
    sentences = [(gold, one_to_one(gold, predicted)) for (gold, _), (predicted, _) in drawn]
    assume(any(gold or predicted for gold, predicted in sentences))
    ours = count_semeval([pair for gold, predicted in sentences for pair in pair_entities(gold, predicted)])
    theirs = nervaluate_results(sentences)
    for measure, name in NERVALUATE_NAMES.items():
        counts, result = ours[measure], theirs[name]
        assert counts == SemEvalCounts(result.correct, result.incorrect, result.partial, result.missed, result.spurious)
        assert (counts.possible, counts.actual) == (result.possible, result.actual)
        if len(sentences) == 1:  # scores over several sentences were merged wrongly before 1.2.1
            assert (counts.precision, counts.recall) == (result.precision, result.recall)
            assert counts.f1 == pytest.approx(result.f1, abs=1e-12)


def test_semeval_measures_match_a_count_by_hand_over_several_sentences():
    """A partial match counts the same, no matter what the other sentences contain."""
    pairs = [
        *pair_entities(spans((0, 2, "PER")), spans((0, 1, "PER"))),  # wrong boundary
        *pair_entities(spans((0, 2, "PER"), (3, 4, "LOC")), spans((0, 2, "LOC"), (5, 6, "LOC"))),  # type, MIS, SPU
        *pair_entities(spans((0, 2, "PER")), spans((1, 3, "LOC"))),  # both
        *pair_entities(spans((0, 2, "PER")), spans((0, 2, "PER"))),
    ]
    counts = count_semeval(pairs)
    assert counts == {
        "strict": SemEvalCounts(correct=1, incorrect=3, missed=1, spurious=1),
        "exact": SemEvalCounts(correct=2, incorrect=2, missed=1, spurious=1),
        "partial": SemEvalCounts(correct=2, partial=2, missed=1, spurious=1),
        "type": SemEvalCounts(correct=2, incorrect=2, missed=1, spurious=1),
    }
    assert [counts[m].f1 for m in counts] == [1 / 5, 2 / 5, 3 / 5, 2 / 5]


def test_the_best_match_is_paired_while_nervaluate_pairs_the_first_overlap():
    gold, predicted = spans((0, 3, "PER"), (3, 6, "PER")), spans((2, 5, "PER"), (5, 6, "PER"))
    strict = count_semeval(pair_entities(gold, predicted))["strict"]
    assert strict == SemEvalCounts(incorrect=1, missed=1, spurious=1)
    assert nervaluate_results([(gold, predicted)])["strict"].incorrect == 2


def test_no_entities_score_zero():
    counts = count_semeval([])["partial"]
    assert (counts.precision, counts.recall, counts.f1) == (0, 0, 0)


def test_an_empty_pair_is_refused():
    with pytest.raises(ValueError, match="needs a gold or a predicted entity"):
        EntityPair(None, None)


@given(flat_entities(), flat_entities())
def test_types_are_confused_where_boundaries_agree(gold, predicted):
    """Checked against a lookup by boundaries, which flat entities allow."""
    types_by_span = [{(e.start, e.end): e.entity_type for e in entities} for entities, _ in (gold, predicted)]
    spans = types_by_span[0] | types_by_span[1]
    expected = Counter(tuple(types.get(span) for types in types_by_span) for span in spans)
    pairs = pair_entities(gold[0], predicted[0])
    assert Counter(types for pair in pairs for types in confused_types(pair)) == expected
