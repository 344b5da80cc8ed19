import io
from dataclasses import replace

import pytest
from rich.console import Console

from ner_lightning.evaluation.pages.tables import (
    HUES,
    Frequencies,
    Percent,
    Table,
    print_table,
    type_labels,
)


def test_a_share_is_shown_in_percent_with_a_bar_on_a_page():
    assert str(Percent(2 / 3)) == "66.67"
    assert Percent(2 / 3).__html__() == '<span class="bar" style="--share: 0.6667">66.67</span>'
    assert str(Percent(None)) == Percent(None).__html__() == "–"


def test_types_get_the_same_colors_in_any_order():
    labels = type_labels(["PER", "LOC", "PER"])
    assert labels == type_labels(["LOC", "PER"])
    assert (labels["LOC"].hue, labels["PER"].hue) == (0, 1)
    assert {label.hue for label in type_labels(map(str, range(20))).values()} == set(range(HUES))


def test_names_from_a_corpus_are_plain_text_in_terminal_and_page():
    label = type_labels(["<b>[red]"])["<b>[red]"]
    assert "&lt;b&gt;[red]" in label.__html__()
    console = Console(file=io.StringIO(), width=80)
    table = Table("[bold]", ("type", ":star:"), ((label, Percent(1.0)), (":100:", Percent(0.5))), note="[note]")
    print_table(console, table)
    shown = console.file.getvalue()
    assert all(text in shown for text in ("[bold]", ":star:", "<b>[red]", "100.00", ":100:", "[note]"))


@pytest.mark.parametrize("width", [20, 40, 60, 80])
def test_no_number_is_cut_in_a_narrow_terminal(width):
    rows = (("a type with a long name", "some words of text", *(10**digits for digits in range(4, 9))),)
    console = Console(file=io.StringIO(), width=width)
    print_table(console, Table("counts", ("type", "words", *"abcde"), rows, text_columns=2))
    assert all(str(10**digits) in console.file.getvalue() for digits in range(4, 9))
    if width == 80:
        assert max(map(len, console.file.getvalue().splitlines())) <= width


def test_frequencies_show_the_most_frequent_names_and_keep_all():
    assert str(Frequencies({})) == "–"
    assert str(Frequencies({"a, b": 1, "c": 3})) == "c (3), a, b"
    many = {"a": 1, "b": 1, "c": 2, "d": 1}
    assert str(Frequencies(many)) == "c (2), a, b, …"
    assert Table("x", ("names",), ((Frequencies(many),),)).to_plain() == [{"names": many}]


def test_every_row_needs_all_cells():
    with pytest.raises(ValueError, match="'scores' needs 2 cells, got 1"):
        Table("scores", ("type", "F1"), (("PER",),))


def test_the_head_of_a_table_notes_the_number_of_all_rows():
    table = Table("words", ("word", "times"), tuple((str(i), i) for i in range(1200)), note="By frequency.")
    head = table.head(2)
    assert head.rows == (("0", 0), ("1", 1))
    assert head.note == "By frequency. The first 2 of 1,200 rows."
    assert table.head(1200) is table
    whole = replace(table, has_total=True)
    assert whole.head(2) is whole


def test_json_contains_shares_numbers_and_names():
    table = Table("scores", ("type", "F1 (%)", "in all"), ((type_labels(["PER"])["PER"], Percent(None), 3),))
    assert table.to_plain() == [{"type": "PER", "f1": None, "in_all": 3}]
    total = replace(table, has_total=True)
    assert total.to_plain() == [{"type": "PER", "f1": None, "in_all": 3, "is_total": True}]
