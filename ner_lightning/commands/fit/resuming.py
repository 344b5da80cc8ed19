"""Which checkpoint a command takes, and with which settings ``fit`` goes on with a run."""

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
LENGTH: Final = ("trainer.max_epochs", "trainer.max_steps", "trainer.max_time")  # what a resumed run may change


def require_new_folder(run_dir: Path) -> None:
    """Check that a new run would mix with nothing.

    Raises:
        ValueError: If the folder holds something.
    """
    if run_dir.exists() and any(run_dir.iterdir()):
        has_checkpoint = (run_dir / CHECKPOINTS / "last.ckpt").exists()
        advice = "resume with --ckpt_path last, or name" if has_checkpoint else "it has nothing to resume from, so name"
        raise ValueError(f"the run folder must be empty or new, got {run_dir}; {advice} another with --run_dir")


@contextmanager
def exclusive_lock(run_dir: Path) -> Iterator[None]:
    """Make the folder of a run, and let no other process train in it meanwhile; the system ends that with the process.

    Raises:
        ValueError: If another one trains in it.
    """
    make_folder(run_dir)
    held = [os.open(run_dir, os.O_RDONLY)]

    def let_go() -> None:
        while held:
            os.close(held.pop())

    os.register_at_fork(after_in_child=let_go)  # data workers outlive a killed run by some seconds
    try:
        fcntl.flock(held[0], fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        let_go()
        raise ValueError(f"one run at a time must train in a folder, another one does in {run_dir}") from None
    try:
        yield
    finally:
        let_go()


def checkpoint_in(run_dir: Path, name: str) -> Path:
    """The best or the last checkpoint of a run.

    Raises:
        ValueError: If the folder has none.
    """
    path = run_dir / CHECKPOINTS / f"{name}.ckpt"
    if not path.exists():
        raise ValueError(
            f"--ckpt_path {name} must be of a run, got a folder without one: {run_dir}; name the run's with --run_dir"
        )
    return path


def checkpoint_to_score(ckpt_path: str | None, run_dir: Path, command: str | None) -> str:
    """The checkpoint that ``validate`` and ``test`` score.

    Raises:
        ValueError: If none is named, or the named one of the run is not there; a new head would score by chance.
    """
    if ckpt_path is None:
        raise ValueError(
            f"{command} needs --ckpt_path, the path of a checkpoint, or best or last for one of --run_dir; got none"
        )
    return str(checkpoint_in(run_dir, ckpt_path)) if ckpt_path in {"best", "last"} else ckpt_path


def require_longer(checkpoint: Mapping[str, Any], trainer: L.Trainer, is_own: bool) -> None:
    """Check that a run is not to end before where its checkpoint stands.

    Args:
        checkpoint: What it goes on from.
        trainer: The trainer, with the length that is asked for.
        is_own: Whether the checkpoint is the run's; a finished one goes on for what is made of it. Of another's
            nothing would come.

    Raises:
        ValueError: If it is.
    """
    place = checkpoint[NERDataModule.__qualname__]
    epochs = place["epoch"], place["epoch"] + (place["batch"] > 0)
    steps = checkpoint["global_step"], checkpoint["global_step"]
    for unit, (done, begun), most in (("epochs", epochs, trainer.max_epochs), ("steps", steps, trainer.max_steps)):
        if most not in {None, -1} and (begun > most or (done >= most and not is_own)):
            raise ValueError(
                f"trainer.max_{unit} must be more than are trained, the checkpoint has {begun}, got {most}"
            )


def require_kept_settings(run_dir: Path, config: dict[str, Any]) -> None:
    """Check that a run goes on with the settings and the seed that it began with; it may train longer.

    Args:
        run_dir: The folder of the run.
        config: The configuration that it is to go on with.

    Raises:
        ValueError: If it does not.
    """
    path = run_dir / CONFIG
    if not path.exists():  # killed before it had begun
        return
    configs = read_config(path), config
    began, now = (deciding(settings_of(each)) | {"seed": each.get("seed_everything")} for each in configs)
    for key, (former, found) in differences(began, now).items():
        if not key.startswith(LENGTH):
            raise ValueError(f"a resumed run must keep its settings, {key} was {former}, got {found}")
