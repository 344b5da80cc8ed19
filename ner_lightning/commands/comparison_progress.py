"""How far the runs of a comparison are, in one display."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import timedelta

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from ner_lightning.commands.comparison_runs import Attempt, Outcome
from ner_lightning.commands.error_lines import say


class RunsDisplay:
    """Bars over all runs and those under way; where no bar can be drawn, a line for every epoch and end.

    Args:
        console: Where they are shown.
        num_runs: How many runs are to be trained.
    """

    def __init__(self, console: Console, num_runs: int) -> None:
        self.num_runs, self.num_ended, self.begun = num_runs, 0, time.monotonic()
        columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[note]}")
        self.bars = Progress(*columns, console=console, disable=not console.is_terminal)
        self.overall = self.bars.add_task("all runs", total=num_runs, note="")
        self.tasks: dict[str, TaskID] = {}
        self.notes: dict[str, str] = {}

    def show(self, attempts: Sequence[Attempt]) -> None:
        done = float(self.num_ended)
        for attempt in attempts:
            epoch, num_epochs = attempt.epoch()
            done += epoch / num_epochs
            self._show_run(attempt, epoch, num_epochs)
        seconds = seconds_left(time.monotonic() - self.begun, done, self.num_runs - done)
        left = "" if seconds is None else f", about {timedelta(seconds=round(seconds))} left"
        self.bars.update(self.overall, completed=done, note=f"{self.num_ended} of {self.num_runs} ended{left}")

    def _show_run(self, attempt: Attempt, epoch: int, num_epochs: int) -> None:
        name = attempt.run.name
        if attempt.process is None:
            note = "waits for the process of a former start"
        else:
            note = f"epoch {epoch} of {num_epochs} done" if epoch else "is under way"
        if name not in self.tasks:
            self.tasks[name] = self.bars.add_task(name, note="")
        self.bars.update(self.tasks[name], completed=epoch, total=num_epochs, note=note)
        if self.bars.disable and note != self.notes.get(name):
            say(self.bars.console, f"{name}: {note}")
        self.notes[name] = note

    def end(self, outcome: Outcome) -> None:
        self.num_ended += 1
        if outcome.run.name in self.tasks:
            self.bars.remove_task(self.tasks.pop(outcome.run.name))
        how = "finished" if outcome.failure is None else f"failed: {outcome.failure}"
        say(self.bars.console, f"{outcome.run.name}: {how} ({self.num_ended} of {self.num_runs})")


def seconds_left(elapsed: float, done: float, left: float) -> float | None:
    """How long the rest takes at the pace so far, whatever number of workers made it; None before anything is done.

    >>> seconds_left(elapsed=60, done=1.5, left=8.5)
    340.0
    """
    return elapsed / done * left if done else None
