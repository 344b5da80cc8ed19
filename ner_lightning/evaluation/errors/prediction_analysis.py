"""The error analysis of a predictions file, completed from the run folder that the file is in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ner_lightning.evaluation.column_predictions import read_any_predictions
from ner_lightning.evaluation.errors.analysis import ErrorAnalysis, analyse
from ner_lightning.predictions import PredictionsError
from ner_lightning.runs.folders import FINISHED, RECORD, read_record, run_dir_of
from ner_lightning.runs.training_entities import TrainingEntities, read_training_entities
from ner_lightning.schemes import LabelScheme, TagSet


@dataclass(frozen=True, slots=True)
class PredictionAnalysis:
    """A predictions file, its analysis, and the content of its run's ``run.json``, or None without one."""

    path: Path
    analysis: ErrorAnalysis
    record: Mapping[str, Any] | None


def analyse_file(
    path: Path, training: TrainingEntities | None = None, scheme: LabelScheme | None = None
) -> PredictionAnalysis:
    """Analyze a predictions file.

    Args:
        path: The file. If it is in the folder ``predictions`` of a run, arguments that are not given are read from the
            run folder.
        training: The surfaces annotated in training.
        scheme: The label scheme of the predicted tags. If no run records it either, it is recognized from the tags.

    Raises:
        ValueError: If a file is damaged, or the predictions file contains no sentence.
    """
    sentences = read_any_predictions(path)
    if not sentences:
        raise PredictionsError(f"{path}: there must be at least one sentence to analyze, got an empty file")
    run_dir = run_dir_of(path)
    if training is None and run_dir is not None and (run_dir / FINISHED).is_file():
        training = read_training_entities(run_dir / FINISHED)
    record = None
    if run_dir is not None and (run_dir / RECORD).is_file():
        record = read_record(run_dir / RECORD)
        scheme = scheme or _recorded_scheme(run_dir / RECORD, record)
    try:
        return PredictionAnalysis(path, analyse(sentences, training, scheme), record)
    except ValueError as error:
        raise PredictionsError(f"{path}: {error}") from error


def _recorded_scheme(path: Path, record: Mapping[str, Any]) -> LabelScheme | None:
    if "tags" not in record:
        return None
    try:
        return TagSet.from_plain(record["tags"]).scheme
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path} must record the scheme and the entity types of its tags, got {record['tags']}"
        ) from error
