"""Suspected annotation errors: where a confident model and the annotation disagree, the annotation may be wrong."""

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

MIN_SCORE: Final = 0.9  # of a predicted entity; only errors that are at least this confident are suspects


@dataclass(frozen=True, slots=True)
class Suspect:
    """A predicted entity with a high score that is not gold, paired with the gold entity it overlaps, if any.

    Only predicted entities have scores, so a gold entity that was missed completely cannot be a suspect.
    """

    sentence: PredictedSentence
    pair: EntityPair
    score: float

    def to_plain(self, training: TrainingEntities | None) -> dict[str, Any]:
        """Return the facts that a reviewer needs to decide, as plain data for JSON.

        Args:
            training: The surfaces annotated in training; None omits the key ``in_training``.
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


def find_suspects(analysis: ErrorAnalysis, min_score: float = MIN_SCORE) -> list[Suspect]:
    """Return the errors whose predicted entity has at least this score, highest scores first."""
    found = [
        Suspect(sentence, pair, pair.predicted.score)
        for sentence, pair in analysis.errors()
        if pair.predicted is not None and pair.predicted.score is not None and pair.predicted.score >= min_score
    ]
    return sorted(found, key=lambda suspect: -suspect.score)


def write_suspects(path: Path, suspects: Iterable[Suspect], training: TrainingEntities | None) -> None:
    """Write one JSON line for every suspect, for a reviewer.

    Raises:
        OSError: If the file cannot be written.
    """
    with whole_file(path) as file:
        file.writelines(json_text(suspect.to_plain(training)) + "\n" for suspect in suspects)
