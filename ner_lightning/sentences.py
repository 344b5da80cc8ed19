"""A sentence: its words, its entities, and the positions of both in the text."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

from ner_lightning.entities import EntitySpan


@dataclass(frozen=True, slots=True)
class Sentence:
    """The words of one sentence (or text) and the entities among them.

    Args:
        words: The words; an empty or invisible word is a word like any other.
        entities: Entities in order that do not overlap and end within the sentence.
        id: Name of the sentence, unique in its split.
        document_id: Name of the document that the sentence is from, or None if the corpus does not say.
        text: The text that the words were taken from; None means the words joined by spaces.
        word_offsets: Start and end of every word in ``text``; given if and only if ``text`` is given.
        unannotated: Positions of words that nobody annotated, in order: they are neither learned nor scored.
    """

    words: tuple[str, ...]
    entities: tuple[EntitySpan, ...] = ()
    id: str = ""
    document_id: str | None = None
    text: str | None = None
    word_offsets: tuple[tuple[int, int], ...] | None = None
    unannotated: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        for entity in self.entities[-1:]:
            if entity.end > len(self.words):
                raise ValueError(f"{entity} ends after the last of {len(self.words)} words")
        for left, right in pairwise(self.entities):
            if right.start < left.end:
                raise ValueError(f"entities must be in order and not overlap, got {left} before {right}")
        if (self.text is None) != (self.word_offsets is None):
            raise ValueError("text and word_offsets must be given together or not at all")
        if self.word_offsets is not None and len(self.word_offsets) != len(self.words):
            raise ValueError(f"every word needs its offsets, got {len(self.word_offsets)} for {len(self.words)} words")
        if self.unannotated:
            self._check_unannotated()

    def _check_unannotated(self) -> None:
        for left, right in pairwise((-1, *self.unannotated, len(self.words))):
            if right <= left:
                raise ValueError(f"unannotated words must be in order and within the sentence, got {self.unannotated}")
        for entity in self.entities:
            if covered := set(range(entity.start, entity.end)).intersection(self.unannotated):
                raise ValueError(
                    f"an entity must not contain a word that nobody annotated, got {entity.entity_type} from word "
                    f"{entity.start} to {entity.end} with word {min(covered)}"
                )

    def __len__(self) -> int:
        return len(self.words)

    def as_text(self) -> tuple[str, tuple[tuple[int, int], ...]]:
        """Return the text and the offsets of its words; words without a text are joined by spaces.

        >>> Sentence(("New", "York")).as_text()
        ('New York', ((0, 3), (4, 8)))
        """
        if self.text is not None and self.word_offsets is not None:
            return self.text, self.word_offsets
        offsets, start = [], 0
        for word in self.words:
            offsets.append((start, start + len(word)))
            start += len(word) + 1
        return " ".join(self.words), tuple(offsets)

    def part(self, start: int, end: int) -> Sentence:
        """Return the words from ``start`` to ``end`` as a sentence without entities."""
        return Sentence(self.words[start:end], id=self.id, document_id=self.document_id)

    def surface(self, entity: EntitySpan) -> str:
        """Return the words of an entity, joined by spaces."""
        return entity.surface(self.words)

    def with_entities(self, entities: tuple[EntitySpan, ...]) -> Sentence:
        """Return the same sentence with other entities."""
        return replace(self, entities=entities)
