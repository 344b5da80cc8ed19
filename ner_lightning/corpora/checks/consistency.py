"""Consistency of the annotation: equal entities with several types, and equal sentences with different entities."""

from __future__ import annotations

from collections import Counter

from ner_lightning.corpora.checks.places import place_of, shortened
from ner_lightning.corpora.reader import Corpus
from ner_lightning.entities import EntitySpan


def ambiguous_surfaces(corpus: Corpus) -> dict[str, dict[str, int]]:
    """Return the entities that occur with several types in any splits, most frequent first.

    Returns:
        For each entity (its words joined by spaces), the count of each type.
    """
    types_by_surface: dict[str, Counter[str]] = {}
    for sentence in (s for sentences in corpus.splits.values() for s in sentences):
        for entity in sentence.entities:
            types_by_surface.setdefault(sentence.surface(entity), Counter())[entity.entity_type] += 1
    several = [(surface, types) for surface, types in types_by_surface.items() if len(types) > 1]
    several.sort(key=lambda item: (-item[1].total(), item[0]))
    return {surface: dict(types.most_common()) for surface, types in several}


def label_conflicts(corpus: Corpus) -> tuple[str, ...]:
    """Return one line for each group of sentences, in any splits, with the same words but different entities."""
    readings: dict[tuple[str, ...], dict[tuple[EntitySpan, ...], str]] = {}
    for name, sentences in corpus.splits.items():
        for number, sentence in enumerate(sentences):
            entities = ", ".join(f"{e.entity_type} {sentence.surface(e)!r}" for e in sentence.entities)
            reading = f"{entities or 'no entity'} ({place_of(name, number, sentence)})"
            readings.setdefault(sentence.words, {}).setdefault(sentence.entities, reading)
    return tuple(
        f"{shortened(' '.join(words))}: {'; '.join(by_entities.values())}"
        for words, by_entities in readings.items()
        if len(by_entities) > 1
    )
