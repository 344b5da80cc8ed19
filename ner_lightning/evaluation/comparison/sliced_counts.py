"""Matched, predicted and gold entities of every unit of a test set, overall and by kind of entity."""

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
    """The entities of one kind, such as those of the type PER."""

    axis: str
    value: str


AXES = TYPE, LENGTH, SURFACE = ("type", "length", "surface in training")
LENIENT: Final = Slice("all entities", "lenient")
STRICT: Final = Slice("all entities", "strict")
UnitCounts = dict[Slice, Int[np.ndarray, "units 3"]]


@dataclass(frozen=True, slots=True)
class Units:
    """What a test set is resampled by: documents, or sentences where not all tell their document, or all the same one.

    Args:
        name: What a unit is, in the plural.
        by_sentence: The number of the unit of each sentence, by the sentence's id.
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
        training: The surfaces that training knew.
    """
    length, familiarity = by_entity_length(), by_familiarity(training)
    counts: UnitCounts = defaultdict(lambda: np.zeros((len(units), 3), dtype=np.int64))

    def count(
        sentences: Sequence[PredictedSentence], slice_of: Callable[[PredictedSentence, EntitySpan], Slice]
    ) -> None:
        groups = score_by(sentences, lambda sentence, span: (slice_of(sentence, span), units.by_sentence[sentence.id]))
        for (part, unit), found in groups.items():
            counts[part][unit] = found.matched, found.predicted, found.gold

    count(sentences, lambda *_: LENIENT)
    count(strict, lambda *_: STRICT)
    count(sentences, lambda _, span: Slice(TYPE, span.entity_type))
    count(sentences, lambda *entity: Slice(LENGTH, length.group_of(*entity)))
    count(sentences, lambda *entity: Slice(SURFACE, familiarity.group_of(*entity)))
    return dict(counts)
