from hypothesis import given
from hypothesis import strategies as st

from ner_lightning.evaluation.scores import score, score_by
from ner_lightning.metrics.span_counts import SpanCounts
from ner_lightning.predictions import PredictedSentence
from support.strategies import ENTITY_TYPES, flat_entities


@st.composite
def predicted_sentences(draw: st.DrawFn) -> PredictedSentence:
    (gold, _), (predicted, _) = draw(flat_entities()), draw(flat_entities())
    return PredictedSentence("s", None, ("word",) * 12, tuple(gold), tuple(predicted), None)


@given(st.lists(predicted_sentences(), max_size=4))
def test_the_score_of_a_type_ignores_other_types(sentences):
    scores = score(sentences)
    for kind in ENTITY_TYPES:
        counts = [
            SpanCounts.of(*([e for e in side if e.entity_type == kind] for side in (s.predicted, s.gold)))
            for s in sentences
        ]
        assert scores.by_type.get(kind, SpanCounts()) == sum(counts, SpanCounts())
    overall = [SpanCounts.of(sentence.predicted, sentence.gold) for sentence in sentences]
    assert scores.overall == sum(overall, SpanCounts())


@given(st.lists(predicted_sentences(), max_size=4))
def test_groups_add_up_to_the_whole(sentences):
    by_length = score_by(sentences, lambda _, entity: len(entity))
    assert sum(by_length.values(), SpanCounts()) == score(sentences).overall
    assert all(counts.matched <= min(counts.predicted, counts.gold) for counts in by_length.values())
