"""A predictions file analysed with what its run folder tells."""

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
    """A predictions file, its analysis, and the ``run.json`` of its run where there is one."""

    path: Path
    analysis: ErrorAnalysis
    record: Mapping[str, Any] | None


def analyse_file(
    path: Path, training: TrainingEntities | None = None, scheme: LabelScheme | None = None
) -> PredictionAnalysis:
    """Analyse a predictions file.

    Args:
        path: The file. Where it lies in the folder ``predictions`` of a run, the run tells what is not given.
        training: The surfaces annotated in training.
        scheme: The label scheme of the predicted tags; where no run tells, it is recognised by their look.

    Raises:
        ValueError: If a file is damaged, or there is no sentence.
    """
    sentences = read_any_predictions(path)
    if not sentences:
        raise PredictionsError(f"{path}: there must be a sentence to analyse, got an empty file")
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
