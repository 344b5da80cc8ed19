"""The lines of a document, each read as a separate text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ner_lightning.corpora.reading.raw_sentences import RawRow, RawSpan, SpannedText


def texts_of(row: RawRow) -> Iterator[RawRow]:
    """Yield a row, or the lines of a document that is read by lines.

    Empty lines are left out. An entity belongs to the line in which it begins; it does not fit if it continues in the
    next line.
    """
    if not isinstance(row, SpannedText) or not row.by_line:
        yield row
        return
    start = 0
    for number, line in enumerate(row.text.split("\n"), start=1):
        spans = [_moved(span, start) for span in row.spans if start <= span.start <= start + len(line)]
        if line.strip() or spans:
            yield replace(row, text=line, spans=spans, id=f"{row.id}-{number}")
        start += len(line) + 1
    if outside := [span for span in row.spans if not 0 <= span.start < start]:
        yield replace(row, text="", spans=outside, id=f"{row.id}-outside")


def _moved(span: RawSpan, start: int) -> RawSpan:
    pieces = tuple((left - start, right - start) for left, right in span.pieces)
    return replace(span, start=span.start - start, end=span.end - start, pieces=pieces)
