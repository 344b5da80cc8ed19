"""Sentences as a file has them: words with tags, words with spans of words, or a text with spans of characters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RawSpan:
    """An annotated span as a file has it; it may be reversed, out of range, or overlap another one.

    Args:
        start: Start, included.
        end: End, excluded.
        entity_type: The entity type.
        text: The text of the entity, if the file repeats it.
        score: Probability of the entity, if the file has predictions with scores.
        pieces: Start and end of each piece of a discontinuous span, in order; empty if the span is in one piece.
    """

    start: int
    end: int
    entity_type: str
    text: str | None = None
    score: float | None = None
    pieces: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class TaggedSentence:
    """Words and tags as read, before the label scheme of the file is known.

    Args:
        words: The words.
        tags: One tag per word, not yet checked.
        path: The file.
        lines: The line of each word in the file, counted from 1.
        id: Name of the sentence; empty if the file gives none.
        document_id: Name of its document, or None if the file does not say.
        text: The text that the words were taken from, if the file has it.
        word_offsets: Start and end of every word in ``text``; given if and only if ``text`` is given.
    """

    words: Sequence[str]
    tags: Sequence[str]
    path: str
    lines: Sequence[int]
    id: str = ""
    document_id: str | None = None
    text: str | None = None
    word_offsets: tuple[tuple[int, int], ...] | None = None

    @property
    def line(self) -> int:
        return self.lines[0] if self.lines else 0


@dataclass(frozen=True, slots=True)
class SpannedWords:
    """Words with entities given as spans of words.

    Args:
        words: The words.
        spans: Start (included) and end (excluded) of each entity, in words.
        path: The file.
        line: The line in the file, counted from 1.
        id: Name of the sentence; empty if the file gives none.
        document_id: Name of its document, or None if the file does not say.
        unannotated: Positions of words that nobody annotated, in order.
    """

    words: Sequence[str]
    spans: Sequence[RawSpan]
    path: str
    line: int
    id: str = ""
    document_id: str | None = None
    unannotated: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class SpannedText:
    """A text with entities given as spans of characters.

    Args:
        text: The text.
        spans: Start (included) and end (excluded) of each entity, in characters.
        path: The file.
        line: The line in the file, counted from 1.
        id: Name of the text; empty if the file gives none.
        document_id: Name of its document, or None if the file does not say.
        by_line: True if each line of the text is a separate text.
        word_offsets: Start and end of every word in the text; None if a word splitter finds the words.
    """

    text: str
    spans: Sequence[RawSpan]
    path: str
    line: int
    id: str = ""
    document_id: str | None = None
    by_line: bool = False
    word_offsets: tuple[tuple[int, int], ...] | None = None


@dataclass(frozen=True, slots=True)
class Skipped:
    """A row that is deliberately not read.

    Args:
        reason: The reason, for the note about it.
        path: The file.
        line: The line in the file, counted from 1.
    """

    reason: str
    path: str
    line: int


RawSentence = TaggedSentence | SpannedWords | SpannedText
RawRow = RawSentence | Skipped
