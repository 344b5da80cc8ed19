"""Finished runs as their folders tell them, and the arms of a comparison that they make up."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from ner_lightning.evaluation.training_entities import TrainingEntities, read_training_entities
from ner_lightning.predictions import PredictedSentence, read_predictions

FINISHED: Final = "training_entities.json"  # what `fit` writes last
FILES: Final = ("config.yaml", "run.json", FINISHED)
# settings under which runs are told apart that are of one arm all the same: which repetition, where, and how it is told
INCIDENTAL: Final = (
    "seed_everything",
    "run_dir",
    "ckpt_path",
    "save_every_n_steps",
    "weights_only",
    "data.batches.num_workers",
    "trainer.default_root_dir",
    "trainer.enable_progress_bar",
    "trainer.log_every_n_steps",
    "trainer.logger",
    "wandb",
)
RECORDED: Final = {  # what a comparison reads of run.json
    "seed": int,
    "commit": str | None,
    "corpus_checksum": str,
    "versions": dict,
    "tags": dict,
    "decoder": str,
    "training_seconds": int | float,
    "peak_memory_mib": int | float,
}
CLASS: Final = ".class_path"

Settings = dict[str, Any]


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
        is_own = decoder is None or self.record["decoder"].lower().startswith(decoder)
        name = f"{split}.jsonl" if is_own else f"{split}.{decoder}.jsonl"
        return read_predictions(self.path / "predictions" / name)


def read_config(path: Path) -> dict[str, Any]:
    """Read a resolved configuration.

    Raises:
        ValueError: If it is no YAML of settings.
    """
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (ValueError, yaml.YAMLError) as error:
        raise ValueError(f"{path} must be YAML, got {error}") from error
    if not isinstance(config, dict):
        raise ValueError(f"{path} must hold settings, got {config!r}")
    return config


def read_record(path: Path) -> dict[str, Any]:
    """Read a ``run.json``.

    Raises:
        ValueError: If it is no JSON, or lacks what a comparison reads.
    """
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} must be JSON, got {error}") from error
    if not isinstance(record, dict):
        raise ValueError(f"{path} must hold the record of a run, got {record!r}")
    for key, kind in RECORDED.items():
        if not isinstance(record.get(key, ...), kind):  # None is a commit, and no sign that there is none
            raise ValueError(f"{path} must tell {key}, got {record.get(key, 'no such key')!r}")
    return record


def read_run(path: Path, complete: Callable[[dict[str, Any]], dict[str, Any]] = dict) -> FinishedRun:
    """Read a run folder.

    Args:
        path: The folder.
        complete: Gives the configuration of a former version the settings that it did not know.

    Raises:
        ValueError: If it holds no finished run, or a file of it is damaged.
    """
    missing = [name for name in FILES if not (path / name).is_file()]
    if missing:
        raise ValueError(f"a finished run holds {', '.join(FILES)}, {path} lacks {', '.join(missing)}")
    settings = deciding(settings_of(complete(read_config(path / "config.yaml"))))
    return FinishedRun(path, settings, read_record(path / "run.json"), read_training_entities(path / FINISHED))


def find_run_folders(folders: Iterable[Path]) -> tuple[list[Path], list[Path]]:
    """The run folders in and below the given ones: finished and unfinished.

    Raises:
        ValueError: If there is no finished one, or a folder is missing.
    """
    found: set[Path] = set()
    for folder in folders:
        if not folder.is_dir():
            raise ValueError(f"runs are read from folders, {folder} is none")
        found |= {path.parent for path in folder.rglob("config.yaml")}
    finished = sorted(path for path in found if (path / FINISHED).is_file())
    if not finished:
        raise ValueError(f"there must be a finished run to compare, got {len(found)} unfinished ones")
    return finished, sorted(found - set(finished))


def settings_of(config: Mapping[str, Any], prefix: str = "") -> Settings:
    """The settings of a nested configuration by their dotted keys."""
    leaves: Settings = {}
    for key, value in config.items():
        leaves |= settings_of(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return leaves


def deciding(settings: Settings) -> Settings:
    """The settings without those that runs of one arm may differ in."""
    return {
        key: value
        for key, value in settings.items()
        if not any(key == incidental or key.startswith(f"{incidental}.") for incidental in INCIDENTAL)
    }


def differences(first: Settings, second: Settings) -> dict[str, tuple[Any, Any]]:
    """The settings in which two differ, with both values; None where one has no such setting."""
    return {
        key: (first.get(key), second.get(key))
        for key in sorted(first.keys() | second.keys())
        if first.get(key) != second.get(key)
    }


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
    names = arm_names([group[0].settings for group in groups])
    for group in groups:
        by_seed: dict[int, FinishedRun] = {}
        for run in group:
            if run.seed in by_seed:
                twins = f"{by_seed[run.seed].path} and {run.path}"
                raise ValueError(f"runs of equal settings must have different seeds, got {run.seed} in {twins}")
            by_seed[run.seed] = run
    return {
        name: sorted(group, key=lambda run: run.seed)
        for name, group in sorted(zip(names, groups, strict=True), key=lambda item: item[0])
    }


def arm_names(arms: Sequence[Settings]) -> list[str]:
    """A name for each of several settings: the values of the keys in which any two differ.

    A class is named without what its key says already, and what it takes only where arms of that class differ in it.

    >>> focal = {"model.loss.class_path": "losses.FocalLoss", "model.loss.init_args.gamma": 2.0}
    >>> arm_names([focal, {"model.loss.class_path": "losses.DiceLoss"}])
    ['Focal', 'Dice']
    >>> arm_names([focal, focal | {"model.loss.init_args.gamma": 1.0}])
    ['gamma=2.0', 'gamma=1.0']
    """

    def told_by_class(key: str) -> bool:
        class_key = key.rpartition(".init_args.")[0] + CLASS
        values: dict[Any, list[Any]] = {}
        for arm in arms:
            values.setdefault(arm.get(class_key), []).append(arm.get(key))
        return all(value == peers[0] for peers in values.values() for value in peers)

    keys = sorted({key for arm in arms for key in differences(arms[0], arm)})
    telling = [key for key in keys if not told_by_class(key)]
    return [", ".join(_told(key, arm.get(key)) for key in telling) or "all" for arm in arms]


def _told(key: str, value: Any) -> str:
    name = key.removesuffix(CLASS).rpartition(".")[2]
    return str(value).rpartition(".")[2].removesuffix(name.capitalize()) if key.endswith(CLASS) else f"{name}={value}"
