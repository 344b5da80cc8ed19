"""The surfaces that were annotated in the training data, by type: they distinguish seen entities from unseen ones."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from ner_lightning.atomic_files import other_than_a_file
from ner_lightning.sentences import Sentence

TrainingEntities = Mapping[str, Mapping[str, int]]


def count_training_entities(sentences: Iterable[Sentence]) -> TrainingEntities:
    """Count how often each surface (the words of an entity, joined by spaces, in their case) is annotated as each type.

    >>> from ner_lightning.entities import EntitySpan
    >>> count_training_entities([Sentence(("Bill", "left"), (EntitySpan(0, 1, "PER"),))])
    {'Bill': Counter({'PER': 1})}
    """
    surfaces: dict[str, Counter[str]] = {}
    for sentence in sentences:
        for entity in sentence.entities:
            surfaces.setdefault(sentence.surface(entity), Counter())[entity.entity_type] += 1
    return dict(sorted(surfaces.items()))


def read_training_entities(path: Path) -> TrainingEntities:
    """Read the ``training_entities.json`` of a run folder.

    Raises:
        ValueError: If the file is missing or does not contain counts by surface and type.
    """
    rule = f'{path}: training entities must be JSON of the form {{"surface": {{"type": count}}}}'
    if found := other_than_a_file(path):
        raise ValueError(f"{rule}, got {found}")
    try:
        entities = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"{rule}, got {error}") from error
    counts_by_type = entities.values() if isinstance(entities, dict) else [entities]
    for counts in counts_by_type:
        if not isinstance(counts, dict) or not all(type(count) is int and count > 0 for count in counts.values()):
            raise ValueError(f"{rule}, got {str(counts)[:40]}")
    return entities
