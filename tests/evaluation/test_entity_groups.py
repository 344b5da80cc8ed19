import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner_lightning.evaluation.entity_groups import by_entity_length, by_familiarity, by_frequency, by_sentence_length
from ner_lightning.evaluation.scores import score
from ner_lightning.metrics.span_counts import SpanCounts
from support.sentences_with_errors import SENTENCES, TRAINING, sentence

GROUPINGS = [by_entity_length(), by_sentence_length(), by_familiarity(TRAINING), by_frequency(TRAINING)]


@pytest.mark.parametrize("grouping", GROUPINGS, ids=lambda grouping: grouping.title)
def test_groups_add_up_to_all_entities(grouping):
    counts = grouping.scores(SENTENCES)
    assert tuple(counts) == grouping.groups
    assert sum(counts.values(), SpanCounts()) == score(SENTENCES).overall


def test_gold_and_predicted_entities_count_by_their_length():
    counts = by_entity_length().scores(SENTENCES)
    assert list(counts) == ["1 word", "2 words", "3 words", "4 words", "5 words or more"]
    assert list(counts.values()) == [
        SpanCounts(matched=1, predicted=5, gold=4),
        SpanCounts(matched=1, predicted=1, gold=2),
        SpanCounts(matched=0, predicted=0, gold=1),
        SpanCounts(matched=0, predicted=1, gold=0),
        SpanCounts(),
    ]


def test_an_entity_is_seen_if_training_has_its_surface_with_the_same_type():
    counts = by_familiarity(TRAINING).scores(SENTENCES)
    assert list(counts.values()) == [
        SpanCounts(matched=1, predicted=4, gold=3),  # Bill Gates, and Paris as either
        SpanCounts(matched=1, predicted=1, gold=1),  # Seattle was an ORG
        SpanCounts(matched=0, predicted=2, gold=3),
    ]


def test_frequency_counts_the_surface_with_any_type():
    counts = by_frequency(TRAINING).scores(SENTENCES)
    assert {name: (c.predicted, c.gold) for name, c in counts.items()} == {
        "0 times": (2, 3),
        "1 time": (1, 1),
        "2–4 times": (3, 2),
        "5–19 times": (1, 1),
        "20 times or more": (0, 0),
    }


@given(st.integers(1, 100))
def test_the_length_of_a_sentence_is_within_the_limits_of_its_group(num_words):
    counts = by_sentence_length().scores([sentence("w " * num_words, [(0, 1, "PER")], [])])
    (name,) = (name for name, of_group in counts.items() if of_group.gold)
    first, _, last = name.removesuffix(" or more").removesuffix(" words").partition("–")
    assert int(first) <= num_words <= (int(last) if last else 100)
