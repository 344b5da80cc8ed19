"""Tables and lists for a terminal: lines break only at spaces, and tables that are too wide are split by columns."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from rich import table as rich_table
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from ner_lightning.console import printable

PIECE = re.compile(r"^\s*\S+|\S+")  # text that is kept on one line; an indentation belongs to the first piece
MIN_LETTERS = 8  # smallest width of a column of text, even if the terminal is too narrow
FRAME = 3  # width that a column needs in addition to its cells: two spaces and a vertical line


@dataclass(frozen=True, slots=True)
class TerminalTable:
    """A table for the terminal.

    Args:
        title: The title.
        header: The names of the columns.
        rows: The cells of every row.
        text_columns: Number of columns, from the left, that contain text; the others contain numbers and are aligned
            right.
        note: An explanation in a sentence or two.
        has_total: True if the last row sums up the others.
    """

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    text_columns: int = 1
    note: str = ""
    has_total: bool = False

    def select(self, columns: Sequence[int]) -> TerminalTable:
        """Return the table with only the columns that have these indices."""
        return replace(
            self,
            header=tuple(self.header[i] for i in columns),
            rows=tuple(tuple(row[i] for i in columns) for row in self.rows),
            text_columns=sum(i < self.text_columns for i in columns),
        )

    def least_widths(self) -> list[int]:
        """Return the smallest width of every column at which no word or number breaks."""
        return [
            max(max(map(cell_len, PIECE.findall(cell)), default=1) if is_text else cell_len(cell) for cell in cells)
            for is_text, cells in self._cells_by_column()
        ]

    def natural_widths(self) -> list[int]:
        """Return the smallest width of every column at which no cell wraps."""
        return [max(1, *map(cell_len, cells)) for _, cells in self._cells_by_column()]

    def _cells_by_column(self) -> Iterator[tuple[bool, list[str]]]:
        for index, name in enumerate(self.header):
            is_text = index < self.text_columns
            names = [name] if is_text else name.split(" ")  # words are placed below each other, to leave room for text
            yield is_text, [*names, *(row[index] for row in self.rows)]


def print_table(console: Console, table: TerminalTable, keeps_columns: bool = True) -> None:
    """Print a table.

    Args:
        console: The console.
        table: The table.
        keeps_columns: True if columns without space follow in further tables that repeat the first columns; false if
            they are left out.
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
    """Print an item of a list; words longer than a line, such as paths, are not broken."""
    for number, line in enumerate(wrapped_lines(printable(text), console.width - FRAME)):
        console.out(f"{'   ' if number else ' - '}{line}", highlight=False)


def print_text(console: Console, text: str) -> None:
    """Print a sentence or two; words longer than a line, such as paths, are not broken."""
    for line in wrapped_lines(printable(text), console.width):
        console.out(line, highlight=False)


def wrapped_lines(text: str, width: int) -> list[str]:
    """Break a text into lines at spaces. Lines are at most ``width`` wide, unless they consist of one longer word.

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
    """Split a table into parts that fit the terminal, and return the columns of each part.

    Each part begins with the columns of text if there is room for them, and otherwise with the first column.

    Args:
        widths: The smallest width of every column.
        text_columns: Number of columns, from the left, that contain text.
        width: The width of the terminal.

    >>> cut_columns([10, 5, 5, 5], 1, width=30)
    [[0, 1, 2], [0, 3]]
    >>> cut_columns([10, 5, 5, 5], 1, width=40)
    [[0, 1, 2, 3]]
    """
    needed = [each + FRAME for each in widths]
    room = width - 1  # without the left edge of the table
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
    """Return widths between the least and the natural ones that use the room as evenly as possible.

    If there is too little room, columns of text become narrower than their longest words. Numbers are never cut.

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
