"""A predictions file analysed with what its run folder tells."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ner_lightning.evaluation.error_analysis import ErrorAnalysis, analyse
from ner_lightning.evaluation.run_folders import FINISHED
from ner_lightning.evaluation.training_entities import TrainingEntities, read_training_entities
from ner_lightning.predictions import PredictionsError, read_predictions
from ner_lightning.schemes import LabelScheme, TagSet

PREDICTIONS: Final = "predictions"
RECORD: Final = "run.json"


@dataclass(frozen=True, slots=True)
class AnalysedFile:
    """A predictions file, its analysis, and the ``run.json`` of its run where there is one."""

    path: Path
    analysis: ErrorAnalysis
    record: Mapping[str, Any] | None


def analyse_file(
    path: Path, training: TrainingEntities | None = None, scheme: LabelScheme | None = None
) -> AnalysedFile:
    """Analyse a predictions file.

    Args:
        path: The file. Where it lies in the folder ``predictions`` of a run, the run tells what is not given.
        training: The surfaces annotated in training.
        scheme: The label scheme of the predicted tags; where no run tells, it is recognised by their look.

    Raises:
        ValueError: If a file is damaged, or there is no sentence.
    """
    sentences = read_predictions(path)
    if not sentences:
        raise PredictionsError(f"{path}: there must be a sentence to analyse, got an empty file")
    run_dir = path.parent.parent if path.parent.name == PREDICTIONS else None
    if training is None and run_dir is not None and (run_dir / FINISHED).is_file():
        training = read_training_entities(run_dir / FINISHED)
    record = None if run_dir is None else _read_record(run_dir / RECORD)
    try:
        return AnalysedFile(path, analyse(sentences, training, scheme or _recorded_scheme(record)), record)
    except ValueError as error:
        raise PredictionsError(f"{path}: {error}") from error


def _read_record(path: Path) -> Mapping[str, Any] | None:
    if not path.is_file():
        return None
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"{path}: the record of a run must be JSON, got {error}") from error
    if not isinstance(record, dict):
        raise ValueError(f"{path}: the record of a run must be a JSON object, got {str(record)[:40]}")
    return record


def _recorded_scheme(record: Mapping[str, Any] | None) -> LabelScheme | None:
    return None if record is None or "tags" not in record else TagSet.from_plain(record["tags"]).scheme
