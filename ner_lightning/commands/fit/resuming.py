"""Finds the checkpoint that a command loads, and checks that ``fit`` may use a run folder or resume its run."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import lightning as L

from ner_lightning.atomic_files import make_folder
from ner_lightning.runs.folders import read_config
from ner_lightning.runs.settings import deciding, differences, settings_of
from ner_lightning.training.data_module import NERDataModule

CHECKPOINTS: Final = "checkpoints"
CONFIG: Final = "config.yaml"
METRICS: Final = "metrics.csv"
LENGTH_KEYS: Final = ("trainer.max_epochs", "trainer.max_steps", "trainer.max_time")  # a resumed run may change them


def require_new_folder(run_dir: Path) -> None:
    """Check that a run folder is empty or does not exist yet.

    Raises:
        ValueError: If the folder contains anything.
    """
    if run_dir.exists() and any(run_dir.iterdir()):
        has_checkpoint = (run_dir / CHECKPOINTS / "last.ckpt").exists()
        advice = "use --ckpt_path last to resume its run, or" if has_checkpoint else "it has no run to resume, so"
        raise ValueError(f"the run folder must be empty or new, got {run_dir}; {advice} choose another with --run_dir")


@contextmanager
def exclusive_lock(run_dir: Path) -> Iterator[None]:
    """Create a run folder and keep other processes from training in it; the lock is released if this process dies.

    Raises:
        ValueError: If another process is already training in the folder.
    """
    make_folder(run_dir)
    held = [os.open(run_dir, os.O_RDONLY)]

    def release() -> None:
        while held:
            os.close(held.pop())

    os.register_at_fork(after_in_child=release)  # data workers outlive a killed run by a few seconds
    try:
        fcntl.flock(held[0], fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        release()
        raise ValueError(f"another process is already training in {run_dir}") from None
    try:
        yield
    finally:
        release()


def checkpoint_in(run_dir: Path, name: str) -> Path:
    """Return the path of the best or the last checkpoint of a run.

    Raises:
        ValueError: If the run folder has no such checkpoint.
    """
    path = run_dir / CHECKPOINTS / f"{name}.ckpt"
    if not path.exists():
        raise ValueError(f"--ckpt_path {name}: {path} is missing; set --run_dir to the folder of a run")
    return path


def checkpoint_to_score(ckpt_path: str | None, run_dir: Path, command: str | None) -> str:
    """Return the checkpoint that ``validate`` or ``test`` scores.

    Raises:
        ValueError: If no checkpoint is given, since a new head would score at random, or the run does not have it.
    """
    if ckpt_path is None:
        raise ValueError(
            f"{command} needs --ckpt_path: the path of a checkpoint, or best or last for a checkpoint in --run_dir"
        )
    return str(checkpoint_in(run_dir, ckpt_path)) if ckpt_path in {"best", "last"} else ckpt_path


def require_sufficient_length(checkpoint: Mapping[str, Any], trainer: L.Trainer, is_own: bool) -> None:
    """Check that the configured length of a run is not below that of its checkpoint.

    The checkpoint of the run itself may already have the full length: the run then only repeats scoring and saving.
    From a checkpoint of another run, at least one step must remain.

    Args:
        checkpoint: The checkpoint to resume from.
        trainer: The trainer, with the configured length.
        is_own: True if the checkpoint is one of the same run.

    Raises:
        ValueError: If the checkpoint is longer, or another run's checkpoint has the full length.
    """
    place = checkpoint[NERDataModule.__qualname__]
    epochs = place["epoch"], place["epoch"] + (place["batch"] > 0)
    steps = checkpoint["global_step"], checkpoint["global_step"]
    for unit, (done, begun), most in (("epochs", epochs, trainer.max_epochs), ("steps", steps, trainer.max_steps)):
        if most not in {None, -1} and (begun > most or (done >= most and not is_own)):
            raise ValueError(
                f"trainer.max_{unit} must be more than the {begun} {unit} that the checkpoint was trained for, "
                f"got {most}"
            )


def require_kept_settings(run_dir: Path, config: dict[str, Any]) -> None:
    """Check that a resumed run keeps its settings and its seed; only its length may change.

    Args:
        run_dir: The run folder.
        config: The configuration of the resumed run.

    Raises:
        ValueError: If another setting has changed.
    """
    path = run_dir / CONFIG
    if not path.exists():  # the run was killed before training began
        return
    configs = read_config(path), config
    began, now = (deciding(settings_of(each)) | {"seed": each.get("seed_everything")} for each in configs)
    for key, (previous, found) in differences(began, now).items():
        if not key.startswith(LENGTH_KEYS):
            raise ValueError(f"a resumed run must keep its settings: {key} was {previous}, got {found}")
