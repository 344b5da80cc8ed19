"""Counts of matched, predicted and gold entities in every unit of a test set, overall and by kind of entity."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from jaxtyping import Int

from ner_lightning.entities import EntitySpan
from ner_lightning.evaluation.entity_groups import by_entity_length, by_familiarity
from ner_lightning.evaluation.scores import score_by
from ner_lightning.predictions import PredictedSentence
from ner_lightning.runs.training_entities import TrainingEntities


class Slice(NamedTuple):
    """A kind of entities, such as those of the type PER: a property and its value."""

    axis: str
    value: str

    @property
    def key(self) -> str:
        """The name of the slice in JSON; :meth:`of_key` reads it."""
        return f"{self.axis}/{self.value}"

    @classmethod
    def of_key(cls, key: str) -> Slice:
        axis, _, value = key.partition("/")
        return cls(axis, value)


AXES = TYPE, LENGTH, SURFACE = ("type", "length", "surface in training")
LENIENT: Final = Slice("all entities", "lenient")
STRICT: Final = Slice("all entities", "strict")
UnitCounts = dict[Slice, Int[np.ndarray, "units 3"]]


@dataclass(frozen=True, slots=True)
class Units:
    """The units that a test set is resampled by.

    They are documents, or sentences if a sentence does not name its document, or all name the same one.

    Args:
        name: The name of a unit, in the plural.
        by_sentence: The number of each sentence's unit, by the sentence's id.
    """

    name: str
    by_sentence: dict[str, int]

    @classmethod
    def of(cls, sentences: Sequence[PredictedSentence]) -> Units:
        documents = [sentence.document_id for sentence in sentences]
        if None in documents or len(set(documents)) < 2:
            return cls("sentences", {sentence.id: number for number, sentence in enumerate(sentences)})
        numbers = {name: number for number, name in enumerate(dict.fromkeys(documents))}
        return cls("documents", {sentence.id: numbers[sentence.document_id] for sentence in sentences})

    def __len__(self) -> int:
        return len(set(self.by_sentence.values()))


def count_by_unit(
    sentences: Sequence[PredictedSentence],
    strict: Sequence[PredictedSentence],
    units: Units,
    training: TrainingEntities,
) -> UnitCounts:
    """Count the exact matches of a predictions file, by unit and slice; those of an axis add up to ``LENIENT``.

    Args:
        sentences: The predictions.
        strict: The same sentences, read strictly.
        units: Their units.
        training: The surfaces that were annotated in training.
    """
    length, familiarity = by_entity_length(), by_familiarity(training)
    return {
        **count_overall(sentences, strict, units),
        **_counts_by_slice(sentences, units, lambda _, span: Slice(TYPE, span.entity_type)),
        **_counts_by_slice(sentences, units, lambda *entity: Slice(LENGTH, length.group_of(*entity))),
        **_counts_by_slice(sentences, units, lambda *entity: Slice(SURFACE, familiarity.group_of(*entity))),
    }


def count_overall(
    sentences: Sequence[PredictedSentence], strict: Sequence[PredictedSentence], units: Units
) -> UnitCounts:
    """Count the exact matches of all entities by unit, for both readings of the tags; see :func:`count_by_unit`."""
    return {
        **_counts_by_slice(sentences, units, lambda *_: LENIENT),
        **_counts_by_slice(strict, units, lambda *_: STRICT),
    }


def _counts_by_slice(
    sentences: Sequence[PredictedSentence], units: Units, slice_of: Callable[[PredictedSentence, EntitySpan], Slice]
) -> UnitCounts:
    counts: UnitCounts = defaultdict(lambda: np.zeros((len(units), 3), dtype=np.int64))
    groups = score_by(sentences, lambda sentence, span: (slice_of(sentence, span), units.by_sentence[sentence.id]))
    for (part, unit), found in groups.items():
        counts[part][unit] = found.matched, found.predicted, found.gold
    return dict(counts)
