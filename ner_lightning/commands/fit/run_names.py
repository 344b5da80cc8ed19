"""Names the runs in TensorBoard, which would otherwise number them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

RUNS: Final = "runs"


def run_name(run_dir: Path) -> str:
    """Return the path of a run folder relative to `runs`, or only its name if it is elsewhere.

    >>> run_name(Path("runs/mine/seed-0"))
    'mine/seed-0'
    >>> run_name(Path("elsewhere/trial"))
    'trial'
    """
    folders = run_dir.parts[:-1]
    begin = len(folders) - folders[::-1].index(RUNS) if RUNS in folders else -1
    return "/".join(run_dir.parts[begin:])


def rename_tensorboard_runs(trainer: Any, old: str | None, new: str | None) -> None:
    """Rename the runs of TensorBoard loggers in the configuration of a trainer.

    Args:
        trainer: The configuration, which is modified.
        old: The name to replace; None selects loggers without a name.
        new: The new name.
    """
    loggers = trainer.logger if isinstance(trainer.logger, list) else [trainer.logger]
    for logger in loggers:
        if getattr(logger, "class_path", "").endswith(".TensorBoardLogger") and logger.init_args.version == old:
            logger.init_args.version = new
