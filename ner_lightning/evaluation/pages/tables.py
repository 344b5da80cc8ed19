"""Tables that are described once and shown both in the terminal and on pages."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from markupsafe import Markup
from rich.console import Console

from ner_lightning import terminal_tables
from ner_lightning.terminal_tables import TerminalTable

MAX_NAMES = 3  # shown in a cell
PERCENT_SIGN: Final = re.compile(r"\s\(%\)$")  # at the end of a column's name
HUES = 8  # colors that can be distinguished with any color vision (Okabe and Ito 2008); defined in page.css


@dataclass(frozen=True, slots=True)
class Percent:
    """A share, shown in percent, with a bar on a page. None, if nothing was counted, is shown as a dash."""

    share: float | None

    def __str__(self) -> str:
        return "–" if self.share is None else f"{100 * self.share:.2f}"

    def __html__(self) -> str:
        if self.share is None:
            return str(self)
        return Markup('<span class="bar" style="--share: {:.4f}">{}</span>').format(self.share, str(self))


@dataclass(frozen=True, slots=True)
class Frequencies:
    """The frequency of each of several names. Tables show the most frequent ones.

    Args:
        counts: Frequency by name.
        most: Number of names that tables show.
    """

    counts: Mapping[str, int]
    most: int = MAX_NAMES

    def __str__(self) -> str:
        in_order = sorted(self.counts.items(), key=lambda item: -item[1])
        shown = [name if times == 1 else f"{name} ({times})" for name, times in in_order[: self.most]]
        return ", ".join([*shown, "…"] if len(in_order) > self.most else shown) or "–"


@dataclass(frozen=True, slots=True)
class TypeLabel:
    """The name of an entity type, with its color on a page; with more than ``HUES`` types, colors repeat."""

    name: str
    hue: int

    def __str__(self) -> str:
        return self.name

    def __html__(self) -> str:
        return Markup('<span class="type hue-{}">{}</span>').format(self.hue, self.name)


def type_labels(entity_types: Iterable[str]) -> dict[str, TypeLabel]:
    """Return a label for every entity type, in alphabetical order, so that equal sets of types get equal colors."""
    return {name: TypeLabel(name, index % HUES) for index, name in enumerate(sorted(set(entity_types)))}


@dataclass(frozen=True, slots=True)
class Table:
    """A table with its title and an explanation.

    Args:
        title: The title.
        header: The names of the columns.
        rows: The cells of every row. The terminal shows their ``str``, a page their ``__html__`` if they have one.
        text_columns: The number of columns, from the left, that contain text; the others contain numbers and are
            aligned right.
        note: An explanation in a sentence or two.
        has_total: True if the last row sums up the others.
    """

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    text_columns: int = 1
    note: str = ""
    has_total: bool = False

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.header):
                raise ValueError(f"a row of {self.title!r} needs {len(self.header)} cells, got {len(row)}")

    def head(self, most: int) -> Table:
        """Return the first rows, with a note on how many there are; a table with a total is not cut."""
        if self.has_total or len(self.rows) <= most:
            return self
        note = f"{self.note} The first {most} of {len(self.rows):,} rows.".strip()
        return replace(self, rows=self.rows[:most], note=note)

    def to_plain(self) -> list[dict[str, Any]]:
        """Return the rows as JSON can hold them: by the name of the column, shares as numbers from 0 to 1.

        A total is marked by ``"is_total": true``, since a type may have the same name.
        """
        keys = [PERCENT_SIGN.sub("", name).lower().replace(" ", "_") for name in self.header]
        rows = [dict(zip(keys, map(_plain, row), strict=True)) for row in self.rows]
        if self.has_total and rows:
            rows[-1]["is_total"] = True
        return rows


def _plain(cell: Any) -> Any:
    if isinstance(cell, Percent):
        return cell.share
    if isinstance(cell, Frequencies):
        return dict(cell.counts)
    return cell if isinstance(cell, int | None) else str(cell)


def print_table(console: Console, table: Table, keeps_columns: bool = True) -> None:
    """Print the table; what is wider than the terminal is cut between columns.

    Args:
        console: The console.
        table: The table.
        keeps_columns: True if columns without space follow in another table; False if they are left out.
    """
    rows = tuple(tuple(map(str, row)) for row in table.rows)
    shown = TerminalTable(table.title, table.header, rows, table.text_columns, table.note, table.has_total)
    terminal_tables.print_table(console, shown, keeps_columns)
