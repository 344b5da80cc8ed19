"""The unit that the character offsets of a file count: code points, or the units of UTF-16 or UTF-8.

JavaScript counts an emoji as two, and programs that work on bytes count more for most letters. If a file repeats the
texts of its entities, comparing shows which unit it counts.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate
from typing import Final

from ner_lightning.corpora.reader import ReadingNote, SplitName
from ner_lightning.corpora.reading.raw_sentences import RawRow, RawSpan, SpannedText

CODE_POINTS: Final = "code points"
WIDTH_BY_UNIT: Final[Mapping[str, Callable[[str], int]]] = {
    CODE_POINTS: lambda character: 1,  # noqa: ARG005
    "UTF-16 units": lambda character: 1 + (character > "\uffff"),
    "UTF-8 bytes": lambda character: len(character.encode()),
}


def with_code_point_offsets(rows: Sequence[RawRow], split: SplitName) -> tuple[list[RawRow], list[ReadingNote]]:
    """Convert the offsets of files that count other units.

    Args:
        rows: The rows of a split.
        split: The split, for the notes.

    Returns:
        The rows with offsets in code points, and a note for each converted file.
    """
    texts_by_path: dict[str, list[SpannedText]] = {}
    for row in rows:
        if isinstance(row, SpannedText) and not row.text.isascii():
            texts_by_path.setdefault(row.path, []).append(row)
    unit_by_path, notes = dict[str, str](), []
    for path, texts in texts_by_path.items():
        num_agreeing = {unit: _count_agreeing(texts, unit) for unit in WIDTH_BY_UNIT}
        unit = max(WIDTH_BY_UNIT, key=num_agreeing.__getitem__)  # of equal counts the first, code points
        if unit != CODE_POINTS:
            unit_by_path[path] = unit
            num_spans = sum(span.text is not None for text in texts for span in text.spans)
            evidence = f"the texts of {num_agreeing[unit]} of {num_spans} entities in non-ASCII texts agree"
            message = f"offsets count {unit} ({evidence}), converted"
            notes.append(ReadingNote(split, "offsets_converted", message, path))
    converted = [
        replace(row, spans=[_converted(span, row.text, unit_by_path[row.path]) for span in row.spans])
        if isinstance(row, SpannedText) and row.path in unit_by_path
        else row
        for row in rows
    ]
    return converted, notes


def _count_agreeing(texts: Sequence[SpannedText], unit: str) -> int:
    """Return the number of spans whose text agrees if the offsets count a unit."""
    return sum(
        _text_of(found, row.text) == span.text
        for row in texts
        for span in row.spans
        if span.text is not None
        for found in [_converted(span, row.text, unit)]
    )


def _text_of(span: RawSpan, text: str) -> str:
    """Return the text of a span; its pieces are joined by spaces, as annotation tools write them."""
    return " ".join(text[start:end] for start, end in span.pieces or [(span.start, span.end)])


def _converted(span: RawSpan, text: str, unit: str) -> RawSpan:
    if unit == CODE_POINTS:
        return span
    starts = _starts(text, unit)
    start, end = (_code_point(offset, starts) for offset in (span.start, span.end))
    pieces = tuple((_code_point(start, starts), _code_point(end, starts)) for start, end in span.pieces)
    return replace(span, start=start, end=end, pieces=pieces)


def code_point_offset(offset: int, text: str, unit: str) -> int:
    """Return an offset in code points that is given in another unit.

    >>> code_point_offset(3, "\N{FIRE}ab", "UTF-16 units")
    2
    """
    return _code_point(offset, _starts(text, unit))


def _starts(text: str, unit: str) -> list[int]:
    return list(accumulate(map(WIDTH_BY_UNIT[unit], text), initial=0))


def _code_point(offset: int, starts: Sequence[int]) -> int:
    """Return the index of the character at an offset; offsets outside the text stay outside."""
    if offset < 0:
        return offset
    if offset > starts[-1]:
        return len(starts) - 1 + offset - starts[-1]
    return bisect_right(starts, offset) - 1
