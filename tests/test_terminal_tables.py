"""Tests that tables in a terminal break lines only at spaces, whatever their content and the width of the terminal."""

import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from ner_lightning.terminal_tables import TerminalTable, print_item, print_table

NAMES = ("B-PERSON_NAME_OF_A_CHARACTER_IN_FICTION", "runs/wnut17+focal+bioes/seed-0", "I-ORG", "a b")
WORDS = st.text("abc-/_東", min_size=1, max_size=30)


def printed(table: TerminalTable, width: int) -> list[str]:
    console = Console(file=io.StringIO(), width=width)
    print_table(console, table)
    return console.file.getvalue().splitlines()  # type: ignore[attr-defined]


def cells_of(lines: list[str]) -> list[str]:
    return [cell.strip() for line in lines if line[:1] in "│┃" for cell in re.split("[│┃]", line)[1:-1]]


@pytest.mark.parametrize("width", [60, 80, 200])
@pytest.mark.parametrize("num_columns", [1, 4, 12])
@pytest.mark.parametrize("has_text", [False, True])
def test_identifiers_are_not_broken_across_lines(width: int, num_columns: int, has_text: bool) -> None:
    texts = ("with some words about it",) if has_text else ()
    header = ("type", *(["about"] * has_text), *(f"seed {i}" for i in range(num_columns)))
    rows = tuple((name, *texts, *(f"{10.0 + i:.2f}" for i in range(num_columns))) for name in NAMES)
    lines = printed(TerminalTable("scores", header, rows, text_columns=1 + has_text, note="by type"), width)
    assert max(map(cell_len, lines)) <= width
    cells = cells_of(lines)
    assert {name for name in NAMES if cells.count(name) >= 1} == set(NAMES)
    assert all(cells.count(f"{10.0 + i:.2f}") == len(NAMES) for i in range(num_columns))
    assert lines[0] == "scores"
    assert lines[-1].startswith("by type")


@given(
    st.lists(st.tuples(st.lists(WORDS, max_size=4).map(" ".join), WORDS), min_size=1, max_size=4),
    st.integers(min_value=30, max_value=120),
)
def test_a_word_that_fits_on_a_line_is_not_broken(rows: list[tuple[str, str]], width: int) -> None:
    lines = printed(TerminalTable("", ("text", "name"), tuple(rows), text_columns=2), width)
    assert max(map(cell_len, lines)) <= width
    shown = {word for cell in cells_of(lines) for word in cell.split()}
    short = {word for row in rows for cell in row for word in cell.split() if cell_len(word) <= (width - 7) // 2}
    assert short <= shown


def test_columns_that_do_not_fit_are_moved_to_a_second_table_with_the_first_column() -> None:
    row = ("PER", *map(str, range(1000, 1020)))
    table = TerminalTable("counts", ("type", *(f"c{i}" for i in range(20))), (row, row), has_total=True)
    lines = printed(table, 80)
    assert cells_of(lines).count("PER") == 2 * 2
    assert sum(line.startswith("├") for line in lines) == 2  # both tables have a line above the total


def test_a_word_wider_than_the_terminal_uses_its_full_width() -> None:
    lines = printed(TerminalTable("", ("path", "n"), (("x" * 200, "1"),)), 80)
    assert max(map(len, lines)) == 80
    assert "".join(cells_of(lines)).count("x") == 200


def test_the_width_of_hidden_characters_is_that_of_their_escapes() -> None:
    lines = printed(TerminalTable("", ("type", "n"), (("PER\x1b[31m\n", "1"), ("PE\u200bR", "2"))), 80)
    assert cells_of(lines)[2:] == ["PER\\x1b[31m\\n", "1", "PE\\u200bR", "2"]
    assert len(set(map(len, lines))) == 1


def test_list_items_are_wrapped_only_at_spaces() -> None:
    console = Console(file=io.StringIO(), width=30)
    path = "data/" + "long/" * 10 + "train.conll:7:"
    print_item(console, f"{path} I-PER at first\x1b, and then some more of it")
    assert console.file.getvalue().splitlines() == [  # type: ignore[attr-defined]
        f" - {path}",
        "   I-PER at first\\x1b, and",
        "   then some more of it",
    ]
