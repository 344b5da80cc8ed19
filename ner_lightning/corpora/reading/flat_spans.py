"""Annotated spans become entities: whole words within the text, without overlaps; what did not fit is reported."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

from ner_lightning.corpora.reader import NoteKind
from ner_lightning.corpora.reading.raw_sentences import RawSpan
from ner_lightning.entities import EntitySpan

Problem = tuple[NoteKind, str]
Overlaps = Literal["longest", "innermost"]
Discontinuous = Literal["cover", "pieces", "drop"]


@dataclass(frozen=True)  # without slots, so that jsonargparse can take it as a default
class SpanReading:
    """The reading of spans that do not fit one flat layer of entities.

    Args:
        overlaps: The one of two overlapping spans to keep: the longer (longest) or the shorter (innermost).
        discontinuous: The reading of a span in several pieces: one entity from the first piece to the last (cover),
            an entity for each piece (pieces), or none (drop).
    """

    overlaps: Overlaps = "longest"
    discontinuous: Discontinuous = "cover"


@dataclass(frozen=True, slots=True)
class FittedSpans:
    """The entities read from the spans of one sentence.

    Args:
        entities: Entities in order, without overlaps.
        problems: Kind and description of everything that was widened or dropped.
    """

    entities: tuple[EntitySpan, ...]
    problems: tuple[Problem, ...] = ()


def fit_to_text(
    spans: Iterable[RawSpan], text: str, offsets: Sequence[tuple[int, int]], reading: SpanReading = SpanReading()
) -> FittedSpans:
    """Turn spans of characters into entities.

    A span that cuts a word is widened to the whole word. A span that covers no word, is not inside the text or ends
    before it starts is dropped. Spaces at the edges of a span do not matter.

    >>> fit_to_text([RawSpan(0, 6, "PER")], "Bill Gates", [(0, 4), (5, 10)]).problems
    (('span_cuts_word', "PER 0-6 'Bill G' cuts a word, widened to 0-10 'Bill Gates'"),)
    """
    starts, ends = [start for start, _ in offsets], [end for _, end in offsets]
    entities, problems = [], list[Problem]()
    for span in _in_one_piece(spans, text, reading.discontinuous, problems):
        start, end, entity_type = span.start, span.end, span.entity_type
        name = f"{entity_type} {start}-{end}"
        if misfit := _misfit(name, start, end, "text of", len(text)):
            problems.append(misfit)
            continue
        problems += _difference(name, text[start:end], span.text)
        first, last = bisect_right(ends, start), bisect_left(starts, end)
        if first >= last:
            problems.append(("span_without_word", f"{name} {text[start:end]!r} covers no word, dropped"))
            continue
        left, right = starts[first], ends[last - 1]
        if left < start or right > end:
            change = f"widened to {left}-{right} {text[left:right]!r}"
            problems.append(("span_cuts_word", f"{name} {text[start:end]!r} cuts a word, {change}"))
        entities.append(EntitySpan(first, last, entity_type, span.score))
    return _flat(entities, [text[start:end] for start, end in offsets], problems, reading.overlaps)


def _difference(name: str, found: str, given: str | None) -> list[Problem]:
    """Return the difference between the text at the offsets of a span and the text that the file gives, if any."""
    if given is None or found.split() == given.split():
        return []
    difference = f"is {found!r} in the text, but {given!r} in the annotation"
    return [("span_text_differs", f"{name} {difference}, read by its offsets")]


def _in_one_piece(
    spans: Iterable[RawSpan], text: str, discontinuous: Discontinuous, problems: list[Problem]
) -> Iterator[RawSpan]:
    """Yield spans without pieces, and report those that have several; spaces between pieces do not count as a gap."""
    for span in spans:
        gaps = [text[left:right] for (_, left), (right, _) in pairwise(span.pieces)]
        if all(gap.isspace() for gap in gaps):
            yield replace(span, pieces=())
            continue
        pieces = ", ".join(f"{start}-{end} {text[start:end]!r}" for start, end in span.pieces)
        name = f"{span.entity_type} is in {len(span.pieces)} pieces ({pieces})"
        found = " ".join(text[start:end] for start, end in span.pieces)
        problems += _difference(f"{span.entity_type} {span.start}-{span.end}", found, span.text)
        outcomes: dict[Discontinuous, str] = {
            "cover": f"read from {span.start} to {span.end}",
            "pieces": "each piece is read as an entity",
            "drop": "dropped",
        }
        problems.append(("discontinuous_span", f"{name}, {outcomes[discontinuous]}"))
        if discontinuous == "cover":
            yield replace(span, text=None, pieces=())
        elif discontinuous == "pieces":
            yield from (RawSpan(start, end, span.entity_type, None, span.score) for start, end in span.pieces)


def fit_to_words(spans: Iterable[RawSpan], words: Sequence[str], overlaps: Overlaps = "longest") -> FittedSpans:
    """Turn spans of words into entities; a span that is empty or not inside the sentence is dropped."""
    entities, problems = [], list[Problem]()
    for span in spans:
        name = f"{span.entity_type} {span.start}-{span.end}"
        if misfit := _misfit(name, span.start, span.end, "words", len(words)):
            problems.append(misfit)
        else:
            entities.append(EntitySpan(span.start, span.end, span.entity_type, span.score))
    return _flat(entities, words, problems, overlaps)


def _misfit(name: str, start: int, end: int, whole: str, length: int) -> Problem | None:
    """Return the reason to drop a span, or None if it can be kept."""
    if start > end:
        return "span_reversed", f"{name} ends before it starts, dropped"
    if start < 0 or end > length:
        return "span_outside_text", f"{name} is not inside the {whole} 0-{length}, dropped"
    return ("span_without_word", f"{name} is empty, dropped") if start == end else None


def _flat(
    entities: Iterable[EntitySpan], words: Sequence[str], problems: list[Problem], overlaps: Overlaps
) -> FittedSpans:
    """Drop each entity that overlaps a preferred one; of equally long ones, keep the first, then the smaller type."""
    kept: list[EntitySpan] = []
    sign = -1 if overlaps == "longest" else 1
    for entity in sorted(entities, key=lambda entity: (sign * len(entity), entity)):
        over = next((other for other in kept if entity.start < other.end and other.start < entity.end), None)
        if over is None:
            kept.append(entity)
            continue
        first, second = (f"{e.entity_type} {' '.join(words[e.start : e.end])!r}" for e in (entity, over))
        problems.append(("overlapping_span", f"{first} overlaps {second}, dropped"))
    return FittedSpans(tuple(sorted(kept)), tuple(problems))
