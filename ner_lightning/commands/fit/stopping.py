"""Prints the last lines of a run that was stopped, and empties the folder of a run that failed before training."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from ner_lightning.callbacks.stop_on_signal import NAME_BY_SIGNAL, Stopped
from ner_lightning.commands.fit.help import PROGRAM
from ner_lightning.commands.fit.rank_errors import is_first_rank
from ner_lightning.commands.fit.resuming import CHECKPOINTS, METRICS
from ner_lightning.console import message_console, say

TORCHRUN: Final = "TORCHELASTIC_RUN_ID"  # an environment variable that torchrun sets for its processes


def report_stop(stop: Stopped) -> int:
    """Print which signal ended the command, followed by the notes of the exception.

    Returns:
        The exit status. Ranks other than the first return 0, because the launcher would kill the first rank, whose
        status counts, if another one ended with an error.
    """
    if not is_first_rank():
        return 0
    console = message_console()
    for line in (f"stopped by {NAME_BY_SIGNAL[stop.signal_number]}", *getattr(stop, "__notes__", ())):
        say(console, line)
    return stop.status


@contextmanager
def noting_how_to_resume(run_dir: Path, arguments: Sequence[str]) -> Iterator[None]:
    """Add notes to the exception that stops a run: where it is saved, and the command that resumes it.

    Args:
        run_dir: The run folder.
        arguments: The arguments that the run was started with.
    """
    try:
        yield
    except Stopped as stop:
        last = run_dir / CHECKPOINTS / "last.ckpt"
        if last.exists():
            stop.add_note(f"the run is saved in {last}; resume it with")
            stop.add_note(resume_command(arguments, run_dir))
        else:
            stop.add_note("nothing was saved")
        raise


def resume_command(arguments: Sequence[str], run_dir: Path) -> str:
    """Return the command that resumes a run.

    >>> resume_command(["fit", "--config", "my runs.yaml", "--ckpt_path=other.ckpt"], Path("runs/mine"))
    "python -m ner_lightning fit --config 'my runs.yaml' --run_dir runs/mine --ckpt_path last"
    """
    kept: list[str] = []
    for previous, argument in zip(["", *arguments], arguments, strict=False):
        if "--ckpt_path" not in {previous, argument} and not argument.startswith("--ckpt_path="):
            kept.append(argument)
    if not any(argument.partition("=")[0] == "--run_dir" for argument in kept):
        kept += ["--run_dir", str(run_dir)]
    program = "torchrun … -m ner_lightning" if TORCHRUN in os.environ else PROGRAM
    return f"{program} {shlex.join([*kept, '--ckpt_path', 'last'])}"


@contextmanager
def emptied_unless_trained(run_dir: Path) -> Iterator[None]:
    """Empty the folder of a new run that fails without a checkpoint or a metric, so that the command can be repeated.

    Args:
        run_dir: The run folder, which is still empty.
    """
    try:
        yield
    except BaseException:
        if not any(run_dir.glob(f"{CHECKPOINTS}/*.ckpt")) and not (run_dir / METRICS).exists():
            for path in [*run_dir.iterdir()]:
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                else:
                    path.unlink()
        raise
