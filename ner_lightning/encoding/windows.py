"""Windows: runs of words that fit the encoder, each of which owns some of its words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class Window:
    """The words from ``start`` to ``end`` of a sentence, of which it owns ``owned_start`` to ``owned_end``."""

    start: int
    end: int
    owned_start: int
    owned_end: int


def plan_windows(word_begins: Sequence[int], capacity: int, overlap: int) -> list[Window]:
    """Cover the words of a sentence with windows, so that each word is owned by exactly one window.

    Neighboring windows share words. A shared word is owned by the window in which it is farther from the cut edge; the
    beginning and end of the sentence are not cut edges.

    Args:
        word_begins: Index of the first subword of each word, followed by the number of subwords.
        capacity: Largest number of subwords in a window; no word may have more.
        overlap: Largest number of subwords shared by neighboring windows.

    Raises:
        ValueError: If the overlap is more than half of the capacity.

    >>> plan_windows([0, 1, 2, 3, 4, 5], capacity=4, overlap=2)
    [Window(start=0, end=4, owned_start=0, owned_end=3), Window(start=2, end=5, owned_start=3, owned_end=5)]
    """
    if not 0 <= 2 * overlap <= capacity:
        raise ValueError(f"the overlap must be between 0 and half the window of {capacity} subwords, got {overlap}")
    spans = _spans_of_words(word_begins, capacity, overlap)
    borders = [
        0,
        *(_border(word_begins, left, right) for left, right in pairwise(spans)),
        len(word_begins) - 1,
    ]
    return [Window(*span, *owned) for span, owned in zip(spans, pairwise(borders), strict=True)]


def _spans_of_words(word_begins: Sequence[int], capacity: int, overlap: int) -> list[tuple[int, int]]:
    num_words = len(word_begins) - 1
    spans, start, end = [], 0, 0
    while True:
        while end < num_words and word_begins[end + 1] - word_begins[start] <= capacity:
            end += 1
        spans.append((start, end))
        if end == num_words:
            return spans
        # share as much context as the overlap allows, but leave room for the next word
        while word_begins[end] - word_begins[start] > overlap or word_begins[end + 1] - word_begins[start] > capacity:
            start += 1


def _border(word_begins: Sequence[int], left: tuple[int, int], right: tuple[int, int]) -> int:
    """Return the first shared word that is not nearer to the right window's start than to the left one's end."""
    for word in range(right[0], left[1]):
        from_start_of_right = word_begins[word] - word_begins[right[0]]
        to_end_of_left = word_begins[left[1]] - word_begins[word + 1]
        if from_start_of_right >= to_end_of_left:
            return word
    return left[1]
