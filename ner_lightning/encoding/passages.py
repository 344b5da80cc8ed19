"""Passages: sentences that run through the encoder together, with the neighboring words that are only read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Final, Literal, get_args

from ner_lightning.sentences import Sentence

Unit = Literal["sentence", "document"]
MAX_WORDS: Final = 20_000  # longer documents become several passages, which bounds the memory of prediction


@dataclass(frozen=True, slots=True)
class Passage:
    """Sentences that run through the encoder together.

    Args:
        sentences: The sentences, in order. Their words are learned and scored.
        positions: The position of each sentence in its split.
        before: Words of the same document before the sentences, which are only read.
        after: Words of the same document after the sentences, which are only read.
    """

    sentences: tuple[Sentence, ...]
    positions: tuple[int, ...]
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()

    @property
    def words(self) -> tuple[str, ...]:
        """All words, including those that are only read."""
        return (*self.before, *(word for sentence in self.sentences for word in sentence.words), *self.after)

    @property
    def borders(self) -> list[int]:
        """Index of the first word of each sentence, followed by the index after the last word of the last one."""
        return list(accumulate(map(len, self.sentences), initial=len(self.before)))

    def with_sentences(self, sentences: Sequence[Sentence]) -> Passage:
        """Return the same passage with other forms of its sentences."""
        return replace(self, sentences=tuple(sentences))


def require_unit(unit: str, context: int) -> None:
    """Check the settings of passages.

    Raises:
        ValueError: If the unit is unknown, or the context is negative or combined with documents.
    """
    if unit not in get_args(Unit):
        raise ValueError(f"unit must be one of {', '.join(get_args(Unit))}, got {unit!r}")
    if type(context) is not int or context < 0:
        raise ValueError(f"context must be a whole number of subwords, at least 0, got {context!r}")
    if unit == "document" and context:
        raise ValueError(
            f"context must be 0 with unit document, whose sentences see their neighbors anyway, got {context}"
        )


def passages_of(sentences: Sequence[Sentence], unit: Unit, context: int) -> list[Passage]:
    """Return the passages of a split, so that each sentence is in exactly one.

    Args:
        sentences: The sentences of the split. Those with the same ``document_id`` form a document, in this order; a
            sentence without one is a separate document.
        unit: ``sentence`` for a passage per sentence, in order; ``document`` for one per document.
        context: Number of words before and after a sentence that are read with it, if its document has them.

    >>> [passage.words for passage in passages_of([Sentence(("a",)), Sentence(("b",))], "document", 0)]
    [('a',), ('b',)]
    """
    if unit == "document":
        return [
            Passage(tuple(sentences[i] for i in positions), positions)
            for document in _documents(sentences)
            for positions in _bounded(document, sentences)
        ]
    if not context:
        return [Passage((sentence,), (i,)) for i, sentence in enumerate(sentences)]
    passages = [
        passage for document in _documents(sentences) for passage in _with_neighbors(document, sentences, context)
    ]
    return sorted(passages, key=lambda passage: passage.positions)


def _documents(sentences: Sequence[Sentence]) -> list[list[int]]:
    """Return the positions of the sentences of each document."""
    documents: dict[str | int, list[int]] = {}
    for i, sentence in enumerate(sentences):
        documents.setdefault(i if sentence.document_id is None else sentence.document_id, []).append(i)
    return list(documents.values())


def _bounded(document: Sequence[int], sentences: Sequence[Sentence]) -> Iterator[tuple[int, ...]]:
    """Yield the sentences of a document in runs of at most ``MAX_WORDS`` words, or of one longer sentence."""
    run: list[int] = []
    num_words = 0
    for i in document:
        if run and num_words + len(sentences[i]) > MAX_WORDS:
            yield tuple(run)
            run, num_words = [], 0
        run.append(i)
        num_words += len(sentences[i])
    yield tuple(run)


def _with_neighbors(document: Sequence[int], sentences: Sequence[Sentence], context: int) -> Iterator[Passage]:
    words = [word for i in document for word in sentences[i].words]
    end = 0
    for i in document:
        start, end = end, end + len(sentences[i])
        before, after = words[max(start - context, 0) : start], words[end : end + context]
        yield Passage((sentences[i],), (i,), tuple(before), tuple(after))
