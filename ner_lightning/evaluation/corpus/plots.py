"""The plots of a corpus report: bars for each split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from matplotlib.figure import Figure

from ner_lightning.evaluation.pages.plots import COLORS, WIDE, name_rows, row_figure

MAX_SUBWORDS: Final = 8  # words with more are shown together

Bars = Mapping[str, Mapping[str, float]]


def bar_plot(bars: Bars, rows: Sequence[str], x_label: str, width: float = WIDE) -> Figure:
    """Plot a group of bars in each row.

    Args:
        bars: For each split, the length of its bar in each row; a missing one is 0.
        rows: The names of the rows, from the top.
        x_label: The name of what the bars show.
        width: The width of the figure in inches.
    """
    figure, axes = row_figure(len(rows), width)
    height = 0.8 / max(len(bars), 1)
    for index, (name, lengths) in enumerate(bars.items()):
        places = [row - 0.4 + height * (index + 0.5) for row in range(len(rows))]
        axes.barh(places, [lengths.get(row, 0) for row in rows], height, color=COLORS[index % len(COLORS)], label=name)
    name_rows(axes, rows, width)
    axes.set_xlabel(x_label)
    if len(bars) > 1:
        axes.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=len(bars))
    return figure


def length_shares(counts: Mapping[str, Mapping[int, int]]) -> tuple[Bars, list[str]]:
    """Return the percentage of sentences in each range of lengths, and the ranges; each is twice as wide as the last.

    >>> length_shares({"train": {0: 1, 3: 2, 4: 1}})
    ({'train': {'0': 25.0, '3–4': 75.0}}, ['0', '1', '2', '3–4'])
    """
    longest = max((length for of_split in counts.values() for length in of_split), default=0)
    ranges = [length_range(0), *(length_range(2**power) for power in range((max(longest, 1) - 1).bit_length() + 1))]
    return {name: _shares(of_split, length_range) for name, of_split in counts.items()}, ranges


def length_range(length: int) -> str:
    """Return the name of the range of a length, of which the end is a power of two.

    >>> [length_range(length) for length in (0, 1, 2, 3, 4, 5, 9)]
    ['0', '1', '2', '3–4', '3–4', '5–8', '9–16']
    """
    if length < 3:
        return str(length)
    power = (length - 1).bit_length()
    return f"{2 ** (power - 1) + 1:,}–{2**power:,}"


def subword_shares(counts: Mapping[str, Mapping[int, int]]) -> tuple[Bars, list[str]]:
    """Return the percentage of words with each number of subwords, and the numbers.

    >>> subword_shares({"train": {1: 3, 2: 1}})
    ({'train': {'1': 75.0, '2': 25.0}}, ['1', '2'])
    """
    most = max((number for of_split in counts.values() for number in of_split), default=1)
    numbers = sorted({min(number, MAX_SUBWORDS) for number in range(1, most + 1)})
    return {name: _shares(of_split, subword_number) for name, of_split in counts.items()}, [
        *map(subword_number, numbers)
    ]


def subword_number(number: int) -> str:
    """Return a number of subwords as the plot shows it."""
    return str(number) if number < MAX_SUBWORDS else f"{MAX_SUBWORDS} or more"


def _shares(counts: Mapping[int, int], name_of: Callable[[int], str]) -> dict[str, float]:
    total = max(sum(counts.values()), 1)
    shares: Counter[str] = Counter()
    for number, count in counts.items():
        shares[name_of(number)] += count
    return {name: 100 * count / total for name, count in shares.items()}
