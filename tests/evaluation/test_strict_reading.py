from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.metrics import f1_score
from seqeval.scheme import IOB2, IOBES

from ner_lightning.entities import EntitySpan
from ner_lightning.evaluation.scores import score
from ner_lightning.evaluation.strict_reading import read_strictly, recognized_scheme
from ner_lightning.metrics.span_counts import SpanCounts
from ner_lightning.predictions import PredictedSentence
from ner_lightning.schemes import BIO, BIOES, TagSet
from ner_lightning.tags import entities_of
from support.strategies import ENTITY_TYPES, tag_id_lists


def sentence(gold: str, predicted: str | None) -> PredictedSentence:
    tags = None if predicted is None else tuple(predicted.split())
    found = () if tags is None else tuple(entities_of(tags))
    words = tuple(gold.split())
    return PredictedSentence("s", None, words, tuple(entities_of(words)), found, tags)


@pytest.mark.parametrize(("scheme", "seqeval_scheme"), [(BIO(), IOB2), (BIOES(), IOBES)], ids=["BIO", "BIOES"])
@given(data=st.data())
def test_strict_scores_equal_those_of_seqeval(scheme, seqeval_scheme, data):
    tags = TagSet(scheme, tuple(ENTITY_TYPES))
    rows = data.draw(st.lists(tag_id_lists(tags), min_size=1, max_size=4))
    gold_rows = [
        data.draw(st.lists(st.integers(0, len(tags.tags) - 1), min_size=len(r), max_size=len(r))) for r in rows
    ]
    # what is annotated is well-formed
    gold = [[tags.tags[i] for i in tags.write(tags.read(row), len(row))] for row in gold_rows]
    predicted = [[tags.tags[i] for i in row] for row in rows]
    sentences = [sentence(" ".join(g), " ".join(p)) for g, p in zip(gold, predicted, strict=True)]
    reading = read_strictly(sentences, scheme)
    ill_formed = [tags.write(tags.read(row), len(row)) != row for row in rows]
    assert reading.ill_formed == sum(ill_formed) / len(rows)
    gold_entities = any(s.gold for s in sentences)
    strict = score(reading.sentences).overall
    assert reading.contradicting == 0
    if gold_entities and strict.predicted:  # seqeval fails without
        options = {"mode": "strict", "scheme": seqeval_scheme, "zero_division": 0}
        assert strict.f1 == pytest.approx(f1_score(gold, predicted, **options), abs=1e-12)


def test_strict_reading_matches_a_calculation_by_hand():
    reading = read_strictly([sentence("B-PER I-PER O", "I-PER I-PER O"), sentence("B-LOC", "B-LOC")], BIO())
    assert score(reading.sentences).overall == SpanCounts(matched=1, predicted=1, gold=2)
    assert reading.ill_formed == 0.5


def test_sentences_whose_entities_contradict_their_tags_are_counted():
    matching, lenient = sentence("O O", "B-PER O"), sentence("O O", "I-PER O")
    other = replace(matching, predicted=(EntitySpan(0, 2, "PER"),))
    assert read_strictly([matching, lenient, other, replace(matching, predicted=())], BIO()).contradicting == 2


def test_bilou_is_read_as_bioes():
    reading = read_strictly([sentence("B-PER I-PER O B-LOC", "B-PER L-PER O U-LOC")], BIOES())
    assert (score(reading.sentences).overall.f1, reading.ill_formed) == (1.0, 0.0)


def test_schemes_are_recognized_by_the_tags():
    assert recognized_scheme([sentence("O O", "B-PER I-PER")]) == BIO()
    assert recognized_scheme([sentence("O O", "B-PER E-PER")]) == BIOES()
    assert recognized_scheme([sentence("O O", "I-PER I-PER")]) is None  # IO, or BIO without its first tags
    assert recognized_scheme([sentence("B-PER O", "O O")]) is None  # any
    assert recognized_scheme([sentence("O O O", "I-PER B-PER I-LOC")]) is None  # IOB1 is never predicted
    assert recognized_scheme([sentence("O O", "B-PER I-PER"), sentence("O", None)]) is None


@pytest.mark.parametrize(
    ("tags", "message"),
    [("S-PER", r"BIO must be O or begin with B, I, sentence 's' has S-PER"), (None, "'s' has none")],
)
def test_tags_that_cannot_be_read_are_rejected(tags, message):
    with pytest.raises(ValueError, match=message):
        read_strictly([sentence("O", tags)], BIO())
