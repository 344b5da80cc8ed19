"""Windows: runs of words that fit the encoder, each of which owns some of its words."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class Window:
    """The words from ``start`` to ``end`` of a text, of which it owns ``owned_start`` to ``owned_end``."""

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


def plan_windows_in_context(
    word_begins: Sequence[int], start: int, end: int, capacity: int, overlap: int, context: int
) -> list[Window]:
    """Cover the words from ``start`` to ``end`` with windows, and fill the outer windows with words around them.

    The words around them are owned by no window. They get the room that is left, half on each side, or more on one side
    if the other has fewer words.

    Args:
        word_begins: Index of the first subword of each word, followed by the number of subwords.
        start: The first word to cover.
        end: The word after the last one to cover.
        capacity: Largest number of subwords in a window; no word may have more.
        overlap: Largest number of subwords shared by neighboring windows.
        context: Largest number of subwords that are added on each side.

    Raises:
        ValueError: If the overlap is more than half of the capacity.

    >>> plan_windows_in_context([0, 1, 2, 3, 4, 5], 2, 3, capacity=4, overlap=2, context=2)
    [Window(start=0, end=4, owned_start=2, owned_end=3)]
    """
    windows = [
        Window(start + w.start, start + w.end, start + w.owned_start, start + w.owned_end)
        for w in plan_windows(word_begins[start : end + 1], capacity, overlap)
    ]
    if context:
        is_only = len(windows) == 1
        windows[0] = _filled(word_begins, windows[0], capacity, context, context if is_only else 0)
        if not is_only:
            windows[-1] = _filled(word_begins, windows[-1], capacity, 0, context)
    return windows


def _filled(word_begins: Sequence[int], window: Window, capacity: int, before: int, after: int) -> Window:
    """Return a window with at most this number of subwords before and after it, as far as there is room."""
    first, last = word_begins[window.start], word_begins[window.end]
    room = capacity - (last - first)
    wanted_after = min(after, word_begins[-1] - last)
    start = bisect_left(word_begins, first - min(before, max(room - room // 2, room - wanted_after)))
    left = room - (first - word_begins[start])
    end = bisect_right(word_begins, last + min(after, left)) - 1
    return replace(window, start=start, end=end)


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
