from hypothesis import given
from hypothesis import strategies as st
from sentences_with_errors import SENTENCES

from ner_lightning.evaluation.error_analysis import analyse
from ner_lightning.evaluation.report import choose_fairly, error_cards, error_keys, error_rows
from ner_lightning.evaluation.tables import type_labels
from ner_lightning.metrics.error_types import pair_entities

KEYS = st.sets(st.tuples(st.sampled_from(["missed", "spurious", "wrong type"]), st.sampled_from(["PER", "LOC"])))


@given(st.lists(KEYS, max_size=30), st.integers(0, 12))
def test_every_kind_of_error_of_every_type_has_its_turn(keys_of, most):
    chosen = choose_fairly(keys_of, most)
    with_errors = [index for index, keys in enumerate(keys_of) if keys]
    assert len(chosen) == min(most, len(with_errors))
    assert set(chosen) <= set(with_errors)
    assert chosen == sorted(set(chosen)) == choose_fairly(keys_of, most)
    if most >= 6:  # a turn for each of the six
        assert set().union(*(keys_of[index] for index in chosen)) == set().union(*keys_of)


def test_rare_errors_are_not_crowded_out():
    """The one spurious entity among a thousand missed ones is shown, wherever it stands."""
    keys_of = [{("missed", "PER")}] * 1000
    keys_of[700] = {("spurious", "LOC")}
    assert 700 in choose_fairly(keys_of, 10)


def test_an_error_counts_for_both_types_that_have_part_in_it():
    second = SENTENCES[1]
    assert error_keys(pair_entities(second.gold, second.predicted)) == {
        ("wrong both", "PER"),
        ("wrong both", "LOC"),
        ("wrong type", "LOC"),
        ("wrong type", "PER"),
    }


def test_gold_stands_above_predicted_with_what_is_wrong():
    gold, predicted = error_rows(SENTENCES[3], type_labels(["PER"]))
    shown = [
        (row.name, piece.text, piece.highlight.note, piece.highlight.wrong)
        for row in (gold, predicted)
        for piece in row.pieces
        if piece.highlight
    ]
    assert shown == [("gold", "May", "missed", True), ("predicted", "March", "spurious 0.92", True)]


def test_cards_name_their_errors_and_leave_out_what_is_right():
    cards = error_cards(analyse(SENTENCES), type_labels(["LOC", "ORG", "PER"]))
    assert [card.title for card in cards] == [
        "2 · PER as LOC, too short, LOC as PER",
        "3 · ORG too long",
        "4 · PER spurious, PER missed",
        "5 · LOC as PER",
    ]
