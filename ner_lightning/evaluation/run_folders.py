"""Finished runs as their folders tell them, and the arms of a comparison that they make up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, TypedDict

import yaml

from ner_lightning.evaluation.run_settings import Settings, arm_names, deciding, differences, settings_of
from ner_lightning.evaluation.training_entities import TrainingEntities, read_training_entities
from ner_lightning.plain_data import read_json
from ner_lightning.predictions import PredictedSentence, read_predictions
from ner_lightning.schemes import TagSet

RECORD: Final = "run.json"
PREDICTIONS: Final = "predictions"  # the folder of a run's predictions files
FINISHED: Final = "training_entities.json"  # what `fit` writes last
FILES: Final = ("config.yaml", RECORD, FINISHED)
TRACES: Final = ("metrics.csv", RECORD, "checkpoints")  # one of which each run soon has, and no other folder


class Recorded(TypedDict):
    """The part of ``run.json`` that a comparison reads."""

    seed: int
    commit: str | None
    corpus_checksum: str
    versions: dict[str, str]
    tags: TagSet
    decoder: str
    training_seconds: float
    peak_memory_mib: float


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """A run as its folder tells it.

    Args:
        path: The run folder.
        settings: What decides its result besides the seed, by dotted key.
        record: The content of ``run.json``.
        training_entities: How often each surface was annotated in training, by type.
    """

    path: Path
    settings: Settings
    record: Mapping[str, Any]
    training_entities: TrainingEntities

    @property
    def seed(self) -> int:
        return int(self.record["seed"])

    def predictions(self, split: str, decoder: str | None = None) -> list[PredictedSentence]:
        """The predictions of a split by the run's own decoder, or by the one of this name (``argmax``, ``viterbi``).

        Raises:
            PredictionsError: If the file is missing or damaged.
        """
        own = self.record["decoder"].partition("(")[0].lower()
        is_own = decoder is None or own == f"{decoder}decoder"
        name = f"{split}.jsonl" if is_own else f"{split}.{decoder}.jsonl"
        return read_predictions(self.path / PREDICTIONS / name)


def read_config(path: Path) -> dict[str, Any]:
    """Read a resolved configuration.

    Raises:
        ValueError: If it is no YAML of settings.
    """
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        raise ValueError(f"{path} must be YAML, got {error}") from error
    if not isinstance(config, dict):
        raise ValueError(f"{path} must hold settings, got {config!r}")
    return config


def run_dir_of(predictions: Path) -> Path | None:
    """The folder of the run that a predictions file lies in; None where it lies elsewhere."""
    folder = predictions.absolute().parent
    return folder.parent if folder.name == PREDICTIONS else None


def read_record(path: Path) -> dict[str, Any]:
    """Read a ``run.json``.

    Raises:
        ValueError: If it is not JSON of a record.
    """
    return read_json(path, dict[str, Any])


def read_run(path: Path) -> FinishedRun:
    """Read a run folder; nothing that its files name is imported.

    Raises:
        ValueError: If it holds no finished run, or a file of it is damaged.
    """
    missing = [name for name in FILES if not (path / name).is_file()]
    if missing:
        raise ValueError(f"a finished run holds {', '.join(FILES)}, {path} lacks {', '.join(missing)}")
    record = read_record(path / RECORD)
    read_json(path / RECORD, Recorded)
    settings = deciding(settings_of(read_config(path / "config.yaml"))) | {"ranks": record.get("ranks", 1)}
    return FinishedRun(path, settings, record, read_training_entities(path / FINISHED))


def find_run_folders(folders: Iterable[Path]) -> tuple[list[Path], list[Path]]:
    """The run folders in and below the given ones: finished and unfinished.

    A configuration alone makes no run: loggers keep copies of it in folders of their own.

    Raises:
        ValueError: If there is no finished one, or a folder is missing.
    """
    found: set[Path] = set()
    for folder in folders:
        if not folder.is_dir():
            raise ValueError(f"runs are read from folders, {folder} is none")
        holders = (path.parent for path in folder.rglob("config.yaml"))
        found |= {path for path in holders if any((path / trace).exists() for trace in TRACES)}
    finished = sorted(path for path in found if (path / FINISHED).is_file())
    if not finished:
        raise ValueError(f"there must be a finished run to compare, got {len(found)} unfinished ones")
    return finished, sorted(found - set(finished))


def group_into_arms(runs: Sequence[FinishedRun]) -> dict[str, list[FinishedRun]]:
    """Runs of equal settings are one arm, named by what tells it from the others.

    Raises:
        ValueError: If two runs of an arm have the same seed; they would count one repetition twice.
    """
    groups: list[list[FinishedRun]] = []
    for run in runs:
        group = next((group for group in groups if not differences(group[0].settings, run.settings)), None)
        if group is None:
            groups.append([run])
        else:
            group.append(run)
    for group in groups:
        group.sort(key=lambda run: run.seed)
        for one, other in pairwise(group):
            if one.seed == other.seed:
                twins = f"{one.path} and {other.path}"
                raise ValueError(f"runs of equal settings must have different seeds, got {one.seed} in {twins}")
    names = arm_names([group[0].settings for group in groups])
    return dict(sorted(zip(names, groups, strict=True), key=lambda item: item[0]))
