"""Confident errors: where a sure model and the annotation disagree, the annotation may be wrong."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ner_lightning.atomic_files import whole_file
from ner_lightning.console import json_text
from ner_lightning.entities import EntitySpan
from ner_lightning.evaluation.errors.analysis import ErrorAnalysis
from ner_lightning.metrics.error_types import EntityPair
from ner_lightning.predictions import PredictedSentence
from ner_lightning.runs.training_entities import TrainingEntities

SURE: Final = 0.9  # the score from which on an error is suspected of being the annotation's


@dataclass(frozen=True, slots=True)
class Suspect:
    """A predicted entity of high score that is none of gold, with the gold entity that it is compared with, if any.

    A predictions file scores what was predicted; gold entities of which nothing was predicted have no score, and
    cannot be suspected.
    """

    sentence: PredictedSentence
    pair: EntityPair
    score: float

    def to_plain(self, training: TrainingEntities | None) -> dict[str, Any]:
        """What a reviewer needs to decide, as JSON can hold it.

        Args:
            training: The surfaces annotated in training; None leaves out what is said of them.
        """
        gold, predicted = self.pair.gold, self.pair.predicted
        return {
            "id": self.sentence.id,
            "document_id": self.sentence.document_id,
            "kind": self.pair.kind,
            "score": self.score,
            "gold": self._entity(gold, training),
            "predicted": self._entity(predicted, training),
            "words": self.sentence.words,
        }

    def _entity(self, entity: EntitySpan | None, training: TrainingEntities | None) -> dict[str, Any] | None:
        if entity is None:
            return None
        surface = entity.surface(self.sentence.words)
        plain = {"start": entity.start, "end": entity.end, "type": entity.entity_type, "surface": surface}
        return plain if training is None else plain | {"in_training": training.get(surface, {})}


def find_suspects(analysis: ErrorAnalysis, min_score: float = SURE) -> list[Suspect]:
    """The errors whose predicted entity has at least this score, the surest first."""
    found = [
        Suspect(sentence, pair, pair.predicted.score)
        for sentence, pair in analysis.errors()
        if pair.predicted is not None and pair.predicted.score is not None and pair.predicted.score >= min_score
    ]
    return sorted(found, key=lambda suspect: -suspect.score)


def write_suspects(path: Path, suspects: Iterable[Suspect], training: TrainingEntities | None) -> None:
    """Write a JSON line for every suspect, to be reviewed.

    Raises:
        OSError: If the file cannot be written.
    """
    with whole_file(path) as file:
        file.writelines(json_text(suspect.to_plain(training)) + "\n" for suspect in suspects)
