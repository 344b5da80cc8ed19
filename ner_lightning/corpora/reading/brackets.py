"""Entities written as brackets in a column, as in CoNLL-2012: (PERSON*, *, *), (GPE)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from ner_lightning.corpora.reader import CorpusError
from ner_lightning.corpora.reading.raw_sentences import RawSpan, SpannedWords, TaggedSentence

CELL: Final = re.compile(r"((?:\([^()*\s]+)*)\*?(\)*)")


def uses_brackets(sentences: Sequence[TaggedSentence]) -> bool:
    """Return whether the tags of a split are brackets rather than tags such as B-PER."""
    tags = {tag for sentence in sentences for tag in sentence.tags}
    return any("*" in tag for tag in tags) and all(tag and CELL.fullmatch(tag) for tag in tags)


def spanned_words(sentence: TaggedSentence) -> SpannedWords:
    """Return a sentence whose brackets have become spans of words.

    Raises:
        CorpusError: If a cell is not made of brackets, or a bracket is not closed or was not opened.
    """
    path, lines = sentence.path, sentence.lines
    spans = sorted(_spans(sentence), key=lambda span: (span.start, span.end))
    return SpannedWords(sentence.words, spans, path, lines[0], sentence.id, sentence.document_id)


def _spans(sentence: TaggedSentence) -> Iterator[RawSpan]:
    open_brackets: list[tuple[int, str]] = []
    for index, (tag, line) in enumerate(zip(sentence.tags, sentence.lines, strict=True)):
        found = CELL.fullmatch(tag)
        if not found or not tag:
            raise CorpusError(
                f"{sentence.path}:{line}: an entity must be written as (PERSON*, *, *) or (GPE), got {tag!r}; "
                f"set tag_column if the entities are in another column"
            )
        open_brackets += ((index, kind) for kind in found[1].split("(")[1:])
        for _ in found[2]:
            if not open_brackets:
                raise CorpusError(f"{sentence.path}:{line}: {tag!r} closes a bracket that was not opened")
            start, kind = open_brackets.pop()
            yield RawSpan(start, index + 1, kind)
    if open_brackets:
        start, kind = open_brackets[-1]
        raise CorpusError(f"{sentence.path}:{sentence.lines[start]}: the bracket of {kind!r} is not closed")
