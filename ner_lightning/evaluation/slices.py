"""Kinds of entities by which scores are told apart. Gold and predicted entities are sorted by the same rules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ner_lightning.entities import EntitySpan
from ner_lightning.evaluation.training_entities import TrainingEntities

LENGTHS: Final = ("1 word", "2 words", "3 words", "4 words", "5 words or more")
FAMILIARITY: Final = ("seen", "seen as another type", "unseen")


def length_of(entity: EntitySpan) -> str:
    """Which of ``LENGTHS`` an entity has."""
    return LENGTHS[min(len(entity), len(LENGTHS)) - 1]


def surface_of(entity: EntitySpan, words: Sequence[str]) -> str:
    """The words of an entity, joined by blanks, as training entities are kept."""
    return " ".join(words[entity.start : entity.end])


def familiarity_of(surface: str, entity_type: str, training: TrainingEntities) -> str:
    """Which of ``FAMILIARITY`` an entity has: whether training annotated its surface, with its type or another."""
    types = training.get(surface, {})
    return "seen" if entity_type in types else "seen as another type" if types else "unseen"
