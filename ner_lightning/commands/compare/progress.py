"""The progress of all runs of a comparison, in one display."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import timedelta

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from ner_lightning.commands.compare.runs import Attempt, Outcome
from ner_lightning.console import say


class RunsDisplay:
    """Progress bars for all runs together and for each current run; without a terminal, one line per epoch and run.

    Args:
        console: The console that shows them.
        num_runs: The number of runs to train.
    """

    def __init__(self, console: Console, num_runs: int) -> None:
        self.num_runs, self.num_ended, self.started = num_runs, 0, time.monotonic()
        columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[note]}")
        self.bars = Progress(*columns, console=console, disable=not console.is_terminal)
        self.overall = self.bars.add_task("all runs", total=num_runs, note="")
        self.tasks: dict[str, TaskID] = {}
        self.notes: dict[str, str] = {}
        self.shares: dict[str, float] = {}  # of each current run, the share of its epochs that is done

    def show(self, attempts: Sequence[Attempt]) -> None:
        for attempt in attempts:
            self._show_run(attempt)
        self.bars.update(self.overall, completed=self._done(), note=self._summary())

    def end(self, outcome: Outcome) -> None:
        self.num_ended += 1
        name = outcome.run.name
        self.shares.pop(name, None)
        if name in self.tasks:
            self.bars.remove_task(self.tasks.pop(name))
        result = "finished" if outcome.failure is None else f"not finished: {outcome.failure}"
        say(self.bars.console, f"{name}: {result} ({self._summary()})")

    def _show_run(self, attempt: Attempt) -> None:
        name, (epoch, num_epochs) = attempt.run.name, attempt.epoch()
        if attempt.process is None:
            note = "waiting for a process of an earlier comparison"
        else:
            note = f"epoch {epoch} of {num_epochs} done" if epoch else "running"
        if name not in self.tasks:
            self.tasks[name] = self.bars.add_task(name, note="")
        self.bars.update(self.tasks[name], completed=epoch, total=num_epochs, note=note)
        if self.bars.disable and note != self.notes.get(name):
            say(self.bars.console, f"{name}: {note}")
        self.notes[name], self.shares[name] = note, epoch / num_epochs

    def _done(self) -> float:
        return self.num_ended + sum(self.shares.values())

    def _summary(self) -> str:
        seconds = seconds_left(time.monotonic() - self.started, self._done(), self.num_runs - self._done())
        left = f", about {timedelta(seconds=round(seconds))} left" if seconds else ""
        return f"{self.num_ended} of {self.num_runs}{left}"


def seconds_left(elapsed: float, done: float, left: float) -> float | None:
    """Estimate the remaining time from the pace so far, with any number of workers; None before anything is done.

    >>> seconds_left(elapsed=60, done=1.5, left=8.5)
    340.0
    """
    return elapsed / done * left if done else None
