"""Tables and lists for a terminal: lines break at spaces only, and what is too wide is cut between columns."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from rich import table as rich_table
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from ner_lightning.console import printable

PIECE = re.compile(r"^\s*\S+|\S+")  # what stays on one line; an indentation belongs to the first piece
MIN_LETTERS = 8  # of a line of text in a terminal that is too narrow
FRAME = 3  # columns of the terminal that a column takes besides its cells: two spaces and a line


@dataclass(frozen=True, slots=True)
class TerminalTable:
    """A table as the terminal shows it.

    Args:
        title: What it shows.
        header: The names of the columns.
        rows: The cells of every row.
        text_columns: Number of columns, from the left, that hold text; the others hold numbers, aligned right.
        note: How it is counted, a sentence or two.
        has_total: Whether the last row sums up the others.
    """

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    text_columns: int = 1
    note: str = ""
    has_total: bool = False

    def select(self, columns: Sequence[int]) -> TerminalTable:
        """Return the table with some of its columns."""
        return replace(
            self,
            header=tuple(self.header[i] for i in columns),
            rows=tuple(tuple(row[i] for i in columns) for row in self.rows),
            text_columns=sum(i < self.text_columns for i in columns),
        )

    def least_widths(self) -> list[int]:
        """Return the width of every column below which a word or a number would break."""
        return [
            max(max(map(cell_len, PIECE.findall(cell)), default=1) if is_text else cell_len(cell) for cell in cells)
            for is_text, cells in self._cells_by_column()
        ]

    def natural_widths(self) -> list[int]:
        """Return the width of every column at which no cell wraps."""
        return [max(1, *map(cell_len, cells)) for _, cells in self._cells_by_column()]

    def _cells_by_column(self) -> Iterator[tuple[bool, list[str]]]:
        for index, name in enumerate(self.header):
            is_text = index < self.text_columns
            names = [name] if is_text else name.split(" ")  # one below the other, which leaves room for text
            yield is_text, [*names, *(row[index] for row in self.rows)]


def print_table(console: Console, table: TerminalTable, keeps_columns: bool = True) -> None:
    """Print a table.

    Args:
        console: Where to.
        table: The table.
        keeps_columns: Whether the columns that have no room follow in further tables with the same first columns; a
            summary leaves them out.
    """
    shown = replace(
        table,
        header=tuple(map(printable, table.header)),
        rows=tuple(tuple(map(printable, row)) for row in table.rows),
    )
    if table.title:
        console.print(Text(table.title, style="table.title"))
    parts = cut_columns(shown.least_widths(), shown.text_columns, console.width)
    for columns in parts if keeps_columns else parts[:1]:
        console.print(_drawn(shown.select(columns), console.width), crop=False)
    if table.note:
        console.print(Text(table.note, style="table.caption"))


def print_item(console: Console, text: str) -> None:
    """Print an item of a list; a word that is longer than a line, such as a path, is not broken."""
    for number, line in enumerate(wrapped_lines(printable(text), console.width - FRAME)):
        console.out(f"{'   ' if number else ' - '}{line}", highlight=False)


def print_text(console: Console, text: str) -> None:
    """Print a sentence or two; a word that is longer than a line, such as a path, is not broken."""
    for line in wrapped_lines(printable(text), console.width):
        console.out(line, highlight=False)


def wrapped_lines(text: str, width: int) -> list[str]:
    """Return the lines of a text; each is as wide as it may be, or a single longer word.

    >>> wrapped_lines("a bc  def runs/long/path g", width=6)
    ['a bc', 'def', 'runs/long/path', 'g']
    """
    lines = [""]
    for word in re.findall(r"\S+\s*", text):
        if lines[-1] and cell_len(lines[-1] + word.rstrip()) > width:
            lines.append("")
        lines[-1] += word
    return [line.rstrip() for line in lines]


def cut_columns(widths: Sequence[int], text_columns: int, width: int) -> list[list[int]]:
    """Return the columns of every part of a table that is to fit the terminal; each part begins with the first ones.

    Args:
        widths: The least width of every column.
        text_columns: Number of columns that hold text; they begin each part if there are others and room for them.
        width: The width of the terminal.

    >>> cut_columns([10, 5, 5, 5], 1, width=30)
    [[0, 1, 2], [0, 3]]
    >>> cut_columns([10, 5, 5, 5], 1, width=40)
    [[0, 1, 2, 3]]
    """
    needed = [each + FRAME for each in widths]
    room = width - 1  # of the left edge
    if sum(needed) <= room:
        return [[*range(len(widths))]]
    num_first = text_columns if text_columns < len(widths) else 1
    if sum(needed[:num_first]) + max(needed[num_first:], default=0) > room:
        num_first = 1
    first = [*range(num_first)]
    parts: list[list[int]] = []
    left = 0
    for column in range(num_first, len(widths)):
        if not parts or needed[column] > left:
            parts.append([*first])
            left = room - sum(needed[:num_first])
        parts[-1].append(column)
        left -= needed[column]
    return parts or [first]


def fitted_widths(least: Sequence[int], natural: Sequence[int], text_columns: int, room: int) -> list[int]:
    """Return widths between the least and the natural ones that fill the room as evenly as possible.

    Where there is too little room, text gets narrower than its longest word, and no number is cut.

    >>> fitted_widths([3, 2], [20, 4], text_columns=2, room=12)
    [8, 4]
    >>> fitted_widths([30, 6], [30, 6], text_columns=1, room=20)
    [14, 6]
    """
    widths = list(least)
    while sum(widths) < room and widths != list(natural):
        wanting = [index for index, most in enumerate(natural) if widths[index] < most]
        widths[min(wanting, key=widths.__getitem__)] += 1
    while sum(widths) > room and max(widths[:text_columns], default=0) > MIN_LETTERS:
        widths[widths.index(max(widths[:text_columns]))] -= 1
    return widths


def _drawn(table: TerminalTable, width: int) -> rich_table.Table:
    room = width - 1 - FRAME * len(table.header)
    widths = fitted_widths(table.least_widths(), table.natural_widths(), table.text_columns, room)
    drawn = rich_table.Table(width=sum(widths) + FRAME * len(widths) + 1)
    for index, (name, column_width) in enumerate(zip(table.header, widths, strict=True)):
        is_text = index < table.text_columns
        drawn.add_column(
            Text(name if is_text else name.replace(" ", "\n")),
            justify="left" if is_text else "right",
            width=column_width,
            overflow="fold",
        )
    for number, row in enumerate(table.rows, 1):
        is_total = table.has_total and number == len(table.rows)
        if is_total:
            drawn.add_section()
        drawn.add_row(*map(Text, row), style="bold" if is_total else None)
    return drawn
