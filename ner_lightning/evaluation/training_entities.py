"""The surfaces that were annotated in training, by type: what tells seen entities from unseen ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated

import msgspec

from ner_lightning.plain_data import read_json
from ner_lightning.sentences import Sentence

TrainingEntities = Mapping[str, Mapping[str, int]]


def count_training_entities(sentences: Iterable[Sentence]) -> TrainingEntities:
    """How often each surface (the words of an entity, joined by blanks, as they are cased) is annotated as each type.

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
        ValueError: If the file is missing, or is not such a file.
    """
    try:
        return read_json(path, dict[str, dict[str, Annotated[int, msgspec.Meta(ge=1)]]])
    except (OSError, ValueError) as error:
        rule = 'training entities must be JSON of the form {"surface": {"type": count}}'
        raise ValueError(f"{path}: {rule}, got {str(error).removeprefix(f'{path}: ')}") from error
