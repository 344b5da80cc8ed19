"""Runs of the command line in forks of a process that has imported everything, which saves the time of imports."""

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path

from ner_lightning.__main__ import main
from support.command_line import TINY_RUN

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["ner_lightning.commands.fit.command"])
OPTIONS = [
    *TINY_RUN,
    "--data.batches.max_windows=8",
    "--trainer.accumulate_grad_batches=2",
    "--trainer.accelerator=cpu",
    "--save_every_n_steps=2",
    "--model.fine_tuning.average_decay=0.9",
]
Preparation = tuple[Callable[..., None], tuple[object, ...]]


@dataclass
class ForkedRun:
    """A run in progress; ``process`` can be killed."""

    process: BaseProcess
    output: Path

    def wait(self) -> tuple[int | None, str]:
        """Return the exit status, negative for a signal, and everything that was printed."""
        self.process.join(timeout=300)
        assert self.process.exitcode is not None, self.output.read_text()
        return self.process.exitcode, self.output.read_text()


def start(*arguments: str | Path, prepare: Preparation | None = None) -> ForkedRun:
    """Start a command; ``prepare`` is called first, in the process of the run."""
    options = [str(argument) for argument in arguments]
    run_dir = Path(options[options.index("--run_dir") + 1])
    return start_command(run_dir.with_name(f"{run_dir.name}.output"), *options, prepare=prepare)


def start_command(output: Path, *arguments: str, prepare: Preparation | None = None) -> ForkedRun:
    """Start a command that has no run folder; ``output`` is the file for everything that it prints."""
    process = FORKS.Process(target=_run, args=(list(arguments), output, prepare))
    process.start()
    return ForkedRun(process, output)


def run(*arguments: str | Path, prepare: Preparation | None = None) -> tuple[int | None, str]:
    return start(*arguments, prepare=prepare).wait()


def _run(arguments: list[str], output: Path, prepare: Preparation | None) -> None:
    file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(file, sys.stdout.fileno())
    os.dup2(file, sys.stderr.fileno())
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell disables it for processes in the background
    if prepare is not None:
        function, values = prepare
        function(*values)
    sys.exit(main(arguments))
