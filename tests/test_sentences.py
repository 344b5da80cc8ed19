import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner_lightning.entities import EntitySpan
from ner_lightning.sentences import Sentence
from support.strategies import flat_entities

WORDS = ("Bill", "Gates", "visited", "New", "York")


@given(st.lists(st.text(), max_size=8).map(tuple))
def test_words_without_a_text_are_located_in_their_text_joined_by_spaces(words):
    text, offsets = Sentence(words).as_text()
    assert text == " ".join(words)
    assert tuple(text[start:end] for start, end in offsets) == words


@given(st.text(alphabet="ab ,", max_size=20))
def test_a_given_text_and_its_offsets_are_kept(text):
    words, offsets, position = [], [], 0
    for word in text.split():
        start = text.index(word, position)
        position = start + len(word)
        words.append(word)
        offsets.append((start, position))
    sentence = Sentence(tuple(words), text=text, word_offsets=tuple(offsets))
    assert sentence.as_text() == (text, tuple(offsets))


def test_the_surface_of_an_entity_is_its_words_joined_by_spaces():
    sentence = Sentence(WORDS, (EntitySpan(0, 2, "PER"), EntitySpan(3, 5, "LOC")))
    assert [sentence.surface(entity) for entity in sentence.entities] == ["Bill Gates", "New York"]


@given(flat_entities())
def test_flat_entities_in_order_are_accepted(generated):
    entities, num_words = generated
    sentence = Sentence(("w",) * num_words, tuple(entities), id="s", document_id="d")
    assert len(sentence) == num_words
    without = sentence.with_entities(())
    assert (without.words, without.entities, without.id, without.document_id) == (
        sentence.words,
        (),
        "s",
        "d",
    )
    assert without.with_entities(tuple(entities)) == sentence


@pytest.mark.parametrize(
    ("entities", "message"),
    [
        ([EntitySpan(4, 6, "LOC")], "ends after the last of 5 words"),
        ([EntitySpan(0, 2, "PER"), EntitySpan(1, 3, "PER")], "in order and not overlap"),
        ([EntitySpan(3, 5, "LOC"), EntitySpan(0, 2, "PER")], "in order and not overlap"),
        ([EntitySpan(0, 2, "PER"), EntitySpan(0, 2, "LOC")], "in order and not overlap"),
    ],
)
def test_entities_that_are_not_flat_are_refused(entities, message):
    with pytest.raises(ValueError, match=message):
        Sentence(WORDS, tuple(entities))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"text": "a b"}, "together or not at all"),
        ({"word_offsets": ((0, 1), (2, 3))}, "together or not at all"),
        ({"text": "a b", "word_offsets": ((0, 1),)}, "got 1 for 2 words"),
    ],
)
def test_text_without_fitting_offsets_is_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        Sentence(("a", "b"), **fields)


@pytest.mark.parametrize(("start", "end"), [(1, 1), (2, 1), (-1, 1)])
def test_an_empty_or_negative_span_is_refused(start, end):
    with pytest.raises(ValueError, match="0 <= start < end"):
        EntitySpan(start, end, "PER")


def test_the_score_of_a_span_does_not_affect_equality():
    assert {EntitySpan(0, 2, "PER", 0.9)} & {EntitySpan(0, 2, "PER")}
    assert EntitySpan(0, 2, "PER") != EntitySpan(0, 2, "LOC")
    assert len(EntitySpan(3, 5, "LOC")) == 2
