"""The text of a sentence with its entities as spans of characters."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ner_lightning.corpora.writing.losses import LOST_EMPTY_ENTITY, Losses
from ner_lightning.sentences import Sentence


@dataclass(frozen=True, slots=True)
class TextSpan:
    """An entity as a span of characters.

    Args:
        start: Start, included.
        end: End, excluded.
        entity_type: The entity type.
        text: The text of the entity.
        score: Probability of the entity, or None if it has none.
    """

    start: int
    end: int
    entity_type: str
    text: str
    score: float | None = None


def text_spans(sentence: Sentence, losses: Losses) -> Iterator[TextSpan]:
    """Yield the entities of a sentence as spans of its text, and count what such spans cannot hold."""
    losses.add_unannotated(sentence)
    text, offsets = sentence.as_text()
    for entity in sentence.entities:
        start, end = offsets[entity.start][0], offsets[entity.end - 1][1]
        if start < end:
            yield TextSpan(start, end, entity.entity_type, text[start:end], entity.score)
        else:
            losses.add(LOST_EMPTY_ENTITY)
