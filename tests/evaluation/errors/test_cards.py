from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from ner_lightning.entities import EntitySpan
from ner_lightning.evaluation.errors.analysis import analyse
from ner_lightning.evaluation.errors.cards import (
    MAX_BYTES,
    MAX_SENTENCES,
    drawing_order,
    error_cards,
    error_key,
    suspect_cards,
)
from ner_lightning.evaluation.errors.suspects import find_suspects
from ner_lightning.evaluation.pages.sentence_rows import Row
from ner_lightning.evaluation.pages.tables import type_labels
from ner_lightning.metrics.error_types import EntityPair
from support.sentences_with_errors import SENTENCES, sentence

PAIRS = {  # by the kinds and types that they count as; LOC for PER is a wrong type of both types
    frozenset({("missed", "PER")}): EntityPair(EntitySpan(0, 1, "PER"), None),
    frozenset({("spurious", "LOC")}): EntityPair(None, EntitySpan(0, 1, "LOC")),
    frozenset({("wrong boundary", "LOC")}): EntityPair(EntitySpan(0, 1, "LOC"), EntitySpan(0, 2, "LOC")),
    frozenset({("wrong type", "LOC"), ("wrong type", "PER")}): EntityPair(
        EntitySpan(0, 1, "PER"), EntitySpan(0, 1, "LOC")
    ),
}
CORRECT = EntityPair(EntitySpan(0, 1, "PER"), EntitySpan(0, 1, "PER"))


@given(st.lists(st.sets(st.sampled_from(list(PAIRS))), max_size=30), st.integers(0, 12))
def test_every_kind_of_error_of_every_type_is_shown(keys_of, most):
    pairs = [[CORRECT, *(PAIRS[key] for key in keys)] for keys in keys_of]
    chosen = list(islice(drawing_order(pairs), most))
    with_errors = [index for index, keys in enumerate(keys_of) if keys]
    assert len(set(chosen)) == len(chosen) == min(most, len(with_errors))
    assert set(chosen) <= set(with_errors)
    assert chosen == list(drawing_order(pairs))[:most]
    if most >= 5:  # a turn for each of the five
        found = {key for keys in keys_of for key in keys}
        assert {key for index in chosen for key in keys_of[index]} == found


def test_rare_errors_are_not_crowded_out():
    """The only spurious entity among a thousand missed ones is shown, wherever it is."""
    missed, spurious = (EntityPair(EntitySpan(0, 1, "PER"), None), EntityPair(None, EntitySpan(0, 1, "LOC")))
    pairs = [[missed]] * 1000
    pairs[700] = [spurious]
    assert 700 in list(drawing_order(pairs))[:2]


def shown(rows: list[Row]) -> list[tuple]:
    return [
        (row.name, piece.text, piece.highlight.note, piece.highlight.wrong)
        for row in rows
        for piece in row.pieces
        if piece.highlight
    ]


def test_gold_is_shown_above_predicted_with_a_description_of_the_error():
    cards = error_cards(analyse(SENTENCES), type_labels(["LOC", "ORG", "PER"]))
    assert [shown(card.rows) for card in cards[1:3]] == [
        [("gold", "New York Times", "mispredicted", True), ("predicted", "The New York Times", "too long 0.70", True)],
        [("gold", "May", "missed", True), ("predicted", "March", "spurious 0.92", True)],
    ]


def test_cards_mention_only_errors():
    cards = error_cards(analyse(SENTENCES), type_labels(["LOC", "ORG", "PER"]))
    assert [card.title for card in cards] == [
        "2 · PER as LOC, too short, LOC as PER",
        "3 · ORG too long",
        "4 · PER spurious, PER missed",
        "5 · LOC as PER",
    ]
    assert [card.errors for card in cards] == [["3:2:0", "1:0:2"], ["2:1:1"], ["5::2", "4:2:"], ["1:0:2"]]
    assert cards[0].text == "2\nParis Hilton saw Paris"


def test_an_error_is_identified_by_its_kind_and_both_types():
    types = ["LOC", "ORG", "PER"]
    keys = [error_key(pair, types) for pair in (CORRECT, *PAIRS.values())]
    assert keys == ["0:2:2", "4:2:", "5::0", "2:0:0", "1:2:0"]


def test_only_the_context_of_errors_is_shown_for_a_long_document():
    """Of 200 entities one is wrong; correct ones are shown only next to it."""
    entities = [(10 * i, 10 * i + 1, "PER") for i in range(200)]
    document = sentence(" ".join(f"w{i}" for i in range(2000)), entities, entities[:100] + entities[101:])
    (card,) = error_cards(analyse([document]), type_labels(["PER"]))
    assert shown(card.rows) == [
        ("gold", "w990", "", False),
        ("gold", "w1000", "missed", True),
        ("gold", "w1010", "", False),
        ("predicted", "w990", "", False),
        ("predicted", "w1010", "", False),
    ]


def test_sentences_that_do_not_fit_are_skipped():
    """A sentence that would take all the space is skipped, and so are those above the maximum number."""
    huge = sentence("w" * MAX_BYTES, [(0, 1, "PER")], [], "huge")
    small = sentence("w", [(0, 1, "PER")], [], "small")
    titles = [card.title for card in error_cards(analyse([huge, small, huge]), type_labels(["PER"]))]
    assert titles == ["small · PER missed"]
    assert len(error_cards(analyse([small] * (MAX_SENTENCES + 1)), type_labels(["PER"]))) == MAX_SENTENCES


def test_a_suspect_is_shown_with_its_neighboring_entities():
    words = " ".join(f"w{i}" for i in range(300))
    gold, predicted = [(100, 102, "LOC"), (105, 106, "PER"), (200, 201, "PER")], [(101, 103, "LOC", 0.97)]
    analysis = analyse([SENTENCES[0], sentence(words, gold, predicted, "7")])
    (card,) = suspect_cards(analysis, find_suspects(analysis), type_labels(["LOC", "PER"]))
    assert card.title == "0.970 · LOC shifted · 7"
    assert shown(card.rows) == [
        ("gold", "w100 w101", "mispredicted", True),
        ("gold", "w105", "missed", True),
        ("predicted", "w101 w102", "shifted 0.97", True),
    ]
