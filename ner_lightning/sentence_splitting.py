"""Sentence splitters: a raw text becomes sentences, the units that most models are trained on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Final

from sentencex import get_sentence_boundaries

BLOCK: Final = 500  # characters read at once: a quotation mark that is never closed hides sentence ends up to there
MIN_WRAPPED_WIDTH: Final = 40  # characters
FILLED_SHARE: Final = 0.9  # of the width: people who wrap by hand break lines a little early


class SentenceSplitter(ABC):
    """Finds the sentences of a raw text. A bundle stores it by its class and its arguments."""

    @abstractmethod
    def starts(self, text: str) -> list[int]:
        """Return the position at which each sentence starts, in order; the first is 0."""


@dataclass(frozen=True)
class WholeTexts(SentenceSplitter):
    """Leaves texts whole: for models that are trained on documents or paragraphs."""

    def starts(self, text: str) -> list[int]:  # noqa: ARG002 (what every splitter takes)
        return [0]


@dataclass(frozen=True)
class LanguageSentences(SentenceSplitter):
    r"""Splits at line breaks and at the ends of sentences, as found by the library ``sentencex`` (about 300 languages).

    An empty line ends a sentence. So does any other line break, unless the paragraph is wrapped: every line but the
    last is so long that the first word of the next line would hardly have fitted.

    Args:
        language: ISO 639 code of the language, whose abbreviations do not end a sentence. The sentences of languages
            with other punctuation, such as Chinese and Hindi, are also found with ``en``.

    >>> text = "Dr. Smith left.\nHe lives in the U.S. now. Really?"
    >>> LanguageSentences().starts(text)
    [0, 16, 42]
    """

    language: str = "en"

    def starts(self, text: str) -> list[int]:
        paragraphs = pairwise([*_paragraph_starts(text), len(text)])
        return [
            start + position
            for start, end in paragraphs
            for position in _sentence_starts(text[start:end], self.language)
        ]


def _paragraph_starts(text: str) -> list[int]:
    """Return the start of each line, but only of the first of wrapped lines. Empty lines belong to what precedes."""
    starts, end = [0], 0
    lines = text.splitlines(keepends=True)
    for is_empty, group in groupby(lines, str.isspace):
        paragraph = list(group)
        if not is_empty:
            starts += _line_starts(paragraph, end)
        end += sum(map(len, paragraph))
    return sorted(set(starts))


def _line_starts(lines: Sequence[str], start: int) -> list[int]:
    """Return the start of each line of a paragraph that begins at ``start``; only the first if they are wrapped."""
    starts = [start]
    if _are_wrapped(lines):
        return starts
    for line in lines[:-1]:
        starts.append(starts[-1] + len(line))
    return starts


def _are_wrapped(lines: Sequence[str]) -> bool:
    """Return True if each line but the last fills the paragraph's width, counting the first word of the next line."""
    lengths = [len(line.rstrip()) for line in lines]
    width = max(lengths, default=0)
    return width >= MIN_WRAPPED_WIDTH and all(
        length + 1 + len(following.split(maxsplit=1)[0]) > FILLED_SHARE * width
        for length, following in zip(lengths, lines[1:], strict=False)
    )


def _sentence_starts(line: str, language: str) -> Iterator[int]:
    """Yield the sentence starts of a line or paragraph, read in overlapping blocks, so that the time is linear."""
    yield 0
    begin = latest = 0
    while begin < len(line):
        block = line[begin : begin + BLOCK]
        for boundary in get_sentence_boundaries(language, block)[1:]:
            latest = begin + boundary["start_index"]
            yield latest
        is_last = begin + len(block) == len(line)
        # the last sentence may be cut by the end of the block: it is read again, unless it fills the block
        begin = len(line) if is_last else latest if latest > begin else begin + len(block)
