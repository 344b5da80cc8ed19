"""The positions of given words in the text that they were taken from."""

from __future__ import annotations

from collections.abc import Sequence


def find_words(words: Sequence[str], text: str) -> tuple[tuple[int, int], ...] | None:
    """Return start and end of every word in a text, or None if the text is not those words with spaces between them.

    >>> find_words(["Bill", "'s"], "Bill's"), find_words(["Bill"], "Will")
    (((0, 4), (4, 6)), None)
    """
    offsets, end = list[tuple[int, int]](), 0
    for word in words:
        start = text.find(word, end)
        if start < 0 or text[end:start].strip():
            return None
        end = start + len(word)
        offsets.append((start, end))
    return None if text[end:].strip() else tuple(offsets)
