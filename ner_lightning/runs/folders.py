"""Run folders: reading finished runs, and grouping them into the arms of a comparison."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import yaml

from ner_lightning.predictions import PredictedSentence, read_predictions
from ner_lightning.runs.settings import Settings, arm_names, deciding, differences, encoder_name, settings_of
from ner_lightning.runs.training_entities import TrainingEntities, read_training_entities
from ner_lightning.schemes import TagSet

RECORD: Final = "run.json"
PREDICTIONS: Final = "predictions"  # the folder of a run's predictions files
FINISHED: Final = "training_entities.json"  # the last file that `fit` writes, so it marks a finished run
FILES: Final = ("config.yaml", RECORD, FINISHED)
TRACES: Final = ("metrics.csv", RECORD, "checkpoints")  # every run soon has one of these, other folders have none
PLAN: Final = "plan.json"  # is in the folder of a comparison, beside the folders of its arms
DECODERS: Final = ("argmax", "viterbi")  # `fit` keeps the predictions of both, whichever the run itself uses
COMPARED_PACKAGES: Final = ("torch", "transformers")
MAX_AMOUNT: Final = 10**15  # of seconds or MiB; JSON can contain numbers that are too large for a float


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """A finished run, as read from its folder.

    Args:
        path: The run folder.
        settings: The settings that decide its result, except for the seed, by dotted key.
        record: The content of ``run.json``.
        training_entities: How often each surface was annotated in the training data, by type.
    """

    path: Path
    settings: Settings
    record: Mapping[str, Any]
    training_entities: TrainingEntities

    @property
    def seed(self) -> int:
        return int(self.record["seed"])

    @property
    def encoder(self) -> str | None:
        """The name of its encoder, if its settings give one."""
        return encoder_name(self.settings)

    @property
    def decoder(self) -> str:
        """The name of the decoder that the run itself used: one of ``DECODERS``, or the name of a class."""
        name: str = self.record["decoder"]["name"]
        return next((short for short in DECODERS if name.lower() == f"{short}decoder"), name)

    def predictions_path(self, split: str, decoder: str | None = None) -> Path:
        """Return the path of the predictions of a split.

        Args:
            split: The split.
            decoder: The name of a decoder, or None for the one that the run itself used.
        """
        name = f"{split}.jsonl" if decoder in {None, self.decoder} else f"{split}.{decoder}.jsonl"
        return self.path / PREDICTIONS / name

    def predictions(self, split: str, decoder: str | None = None) -> list[PredictedSentence]:
        """Read the predictions of a split; see :meth:`predictions_path`.

        Raises:
            PredictionsError: If the file is missing or damaged.
        """
        return read_predictions(self.predictions_path(split, decoder))


def read_config(path: Path) -> dict[str, Any]:
    """Read a resolved configuration.

    Raises:
        ValueError: If the file is not YAML, or does not contain settings.
    """
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        raise ValueError(f"{path} must be YAML, got {error}") from error
    if not isinstance(config, dict):
        raise ValueError(f"{path} must contain settings, got {config!r}")
    return config


def run_dir_of(predictions: Path) -> Path | None:
    """Return the folder of the run that a predictions file belongs to, or None if it is not in a run folder."""
    folder = predictions.absolute().parent
    return folder.parent if folder.name == PREDICTIONS else None


def read_record(path: Path) -> dict[str, Any]:
    """Read a ``run.json``.

    Raises:
        ValueError: If the file is not JSON, or does not contain the record of a run.
    """
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} must be JSON, got {error}") from error
    if not isinstance(record, dict):
        raise ValueError(f"{path} must contain the record of a run, got {str(record)[:40]}")
    return record


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_part(value: Any) -> bool:
    return isinstance(value, dict) and _is_text(value.get("name"))


def _is_amount(value: Any) -> bool:
    return type(value) in {int, float} and 0 <= value <= MAX_AMOUNT


def _holds_versions(value: Any) -> bool:
    return isinstance(value, dict) and all(_is_text(value.get(name)) for name in COMPARED_PACKAGES)


def _is_tag_set(value: Any) -> bool:
    types = value.get("entity_types") if isinstance(value, dict) else None
    if not isinstance(types, list) or not all(map(_is_text, types)) or not _is_text(value.get("scheme")):
        return False
    try:
        TagSet.from_plain(value)
    except ValueError:
        return False
    return True


RECORDED: Final[Mapping[str, Callable[[Any], bool]]] = {  # keys of run.json that a comparison reads, and their checks
    "seed": lambda value: type(value) is int,  # true is an int as well
    "commit": lambda value: value is None or _is_text(value),
    "corpus_checksum": _is_text,
    "versions": _holds_versions,
    "tags": _is_tag_set,
    "decoder": _is_part,
    "training_seconds": _is_amount,
    "peak_memory_mib": _is_amount,
}


def _require_recorded(record: Mapping[str, Any], path: Path) -> None:
    for key, is_usable in RECORDED.items():
        if not is_usable(record.get(key, ...)):  # the default is not None, since None is a valid commit
            raise ValueError(f"{path} must record {key}, got {str(record.get(key, 'no such key'))[:80]!r}")


def read_run(path: Path) -> FinishedRun:
    """Read a run folder, without importing anything that its files name.

    Raises:
        ValueError: If the run is not finished, or one of its files is damaged.
    """
    missing = [name for name in FILES if not (path / name).is_file()]
    if missing:
        raise ValueError(f"{path} is not a finished run: {', '.join(missing)} missing")
    record = read_record(path / RECORD)
    _require_recorded(record, path / RECORD)
    settings = deciding(settings_of(read_config(path / "config.yaml"))) | {"ranks": record.get("ranks", 1)}
    return FinishedRun(path, settings, record, read_training_entities(path / FINISHED))


def find_run_folders(folders: Iterable[Path]) -> tuple[list[Path], list[Path]]:
    """Find the run folders in and below the given ones.

    A folder with nothing but a configuration does not count as a run, since loggers keep copies of it elsewhere.

    Returns:
        The folders of finished and of unfinished runs.

    Raises:
        ValueError: If no run is finished, or a folder is missing.
    """
    found: set[Path] = set()
    for folder in folders:
        if not folder.is_dir():
            raise ValueError(f"{folder} is not a folder; give run folders, or folders that contain them")
        holders = (path.parent for path in folder.rglob("config.yaml"))
        found |= {path for path in holders if any((path / trace).exists() for trace in TRACES)}
    finished = sorted(path for path in found if (path / FINISHED).is_file())
    if not finished:
        raise ValueError(f"at least one run must be finished, found {len(found)} unfinished ones")
    return finished, sorted(found - set(finished))


def group_into_arms(runs: Sequence[FinishedRun]) -> dict[str, list[FinishedRun]]:
    """Group runs with equal settings into arms.

    Arms that were trained by a comparison keep the names that they had there. Others are named after the settings that
    distinguish them.

    Raises:
        ValueError: If two runs of an arm have the same seed, since one repetition would count twice.
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
                raise ValueError(f"runs with equal settings must have different seeds, got {one.seed} in {twins}")
    generated = arm_names([group[0].settings for group in groups])
    kept = [_name_in_comparison(group) or name for group, name in zip(groups, generated, strict=True)]
    names = kept if len(set(kept)) == len(kept) else generated
    return dict(sorted(zip(names, groups, strict=True), key=lambda item: item[0]))


def _name_in_comparison(runs: Sequence[FinishedRun]) -> str | None:
    """Return the name of the arm in the comparison that trained the runs; None if there is no such single name."""
    arm_dirs = {run.path.absolute().parent for run in runs}
    names = {arm_dir.name if (arm_dir.parent / PLAN).is_file() else None for arm_dir in arm_dirs}
    return names.pop() if len(names) == 1 else None
