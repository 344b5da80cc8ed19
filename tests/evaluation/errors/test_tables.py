"""Tests that tables match counts by hand and their totals match the scores."""

import io

import pytest
from rich.console import Console

from ner_lightning.evaluation.errors.analysis import analyse
from ner_lightning.evaluation.errors.tables import confusion_matrix, error_tables
from ner_lightning.evaluation.pages.tables import print_table
from support.sentences_with_errors import SENTENCES, TRAINING, sentence

ANALYSIS = analyse(SENTENCES, TRAINING)
TABLES = error_tables(ANALYSIS)


def cells(name: str) -> list[list[str]]:
    return [[str(cell) for cell in row] for row in TABLES[name].rows]


def test_undefined_scores_are_not_shown_as_0():
    """Five of seven gold entities are not found. No predicted ORG is correct, and there is no gold ORG."""
    assert cells("scores") == [
        ["LOC", "50.00", "33.33", "40.00", "3", "2"],
        ["ORG", "0.00", "0.00", "0.00", "1", "1"],
        ["PER", "25.00", "33.33", "28.57", "3", "4"],
        ["overall", "28.57", "28.57", "28.57", "7", "7"],
    ]
    (row,) = [
        row for row in error_tables(analyse([sentence("a", [(0, 1, "X")], [])]))["scores"].rows if str(row[0]) == "X"
    ]
    assert [str(cell) for cell in row] == ["X", "–", "0.00", "0.00", "1", "0"]


def test_kinds_of_errors_match_a_count_by_hand_on_both_sides():
    assert cells("gold_kinds") == [
        ["LOC", "3", "1", "2", "0", "0", "0"],
        ["ORG", "1", "0", "0", "1", "0", "0"],
        ["PER", "3", "1", "0", "0", "1", "1"],
        ["all", "7", "2", "2", "1", "1", "1"],
    ]
    assert cells("predicted_kinds") == [
        ["LOC", "2", "1", "0", "0", "1", "0"],
        ["ORG", "1", "0", "0", "1", "0", "0"],
        ["PER", "4", "1", "2", "0", "0", "1"],
        ["all", "7", "2", "2", "1", "1", "1"],
    ]


def test_types_are_confused_only_where_boundaries_agree():
    assert cells("confusion") == [["LOC", "PER", "Paris (2)", "2", "66.67"]]
    matrix = [[str(cell) for cell in row] for row in confusion_matrix(ANALYSIS).rows]
    assert matrix == [["LOC", "1", "0", "2"], ["ORG", "0", "0", "0"], ["PER", "0", "0", "1"]]


def test_boundary_errors_are_counted_by_word():
    assert cells("boundaries") == [["ORG", "1", "0", "0"], ["PER", "0", "1", "0"], ["all", "1", "1", "0"]]
    again = [SENTENCES[2], sentence("The Hague and on", [(0, 2, "LOC")], [(1, 3, "LOC")])]
    assert error_tables(analyse([*SENTENCES, *again]))["edge_words"].rows == (
        ("The", "added at the start", 2),
        ("Hilton", "left out at the end", 1),
        ("The", "left out at the start", 1),
        ("and", "added at the end", 1),
    )


def test_a_surface_is_that_of_gold_if_there_is_a_gold_entity():
    assert cells("surfaces") == [
        ["Paris", "LOC as PER (2)", "LOC (3), PER", "2", "2"],
        ["March", "PER spurious", "–", "1", "0"],
        ["May", "PER missed", "–", "1", "1"],
        ["New York Times", "ORG too long", "–", "1", "1"],
        ["Paris Hilton", "PER as LOC, too short", "–", "1", "1"],
    ]


def test_each_semeval_measure_has_a_row():
    assert [row[4:] for row in cells("semeval")] == [
        ["2", "4", "0", "1", "1"],
        ["4", "2", "0", "1", "1"],
        ["4", "0", "2", "1", "1"],
        ["3", "3", "0", "1", "1"],
    ]


def test_tables_about_training_are_left_out_if_it_is_unknown():
    assert TABLES.keys() - error_tables(analyse(SENTENCES)).keys() == {"familiarity", "frequency"}


@pytest.mark.parametrize("sentences", [SENTENCES, SENTENCES[5:], SENTENCES[:1]], ids=["all", "none", "no error"])
def test_all_tables_fit_a_terminal_and_json(sentences):
    for name, table in error_tables(analyse(sentences, TRAINING)).items():
        console = Console(file=io.StringIO(), width=80)
        print_table(console, table)
        printed = console.file.getvalue()
        assert max(map(len, printed.splitlines())) <= 80
        assert all(row.keys() - {"is_total"} == table.to_plain()[0].keys() for row in table.to_plain()[:-1])
        assert [row for row in table.to_plain() if "is_total" in row] == table.to_plain()[-1:] * table.has_total
        if name == "scores" and sentences is SENTENCES:
            assert table.to_plain()[0] == {
                "type": "LOC", "precision": 0.5, "recall": 1 / 3, "f1": 0.4, "gold": 3, "predicted": 2,
            }  # fmt: skip
