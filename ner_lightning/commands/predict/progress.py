"""The progress display of `predict`."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from ner_lightning.console import message_console

PATIENCE: Final = 2.0  # seconds after which a run shows its progress


class PredictionProgress:
    """A display of the finished texts, the speed and, for a file, the time left; shown if a run takes over two seconds.

    Args:
        num_bytes: The size of the input; None if it is unknown, as for a pipe.
        is_shown: True if there is a terminal to show it on.
    """

    def __init__(self, num_bytes: int | None, is_shown: bool) -> None:
        columns = (
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[texts]:,} texts, {task.fields[speed]:,.0f} texts/s"),
            TimeRemainingColumn(compact=True),
        )
        self.display = Progress(*columns, console=message_console(), disable=not is_shown)
        self.task = self.display.add_task("predict", total=num_bytes, texts=0, speed=0.0)
        self.began, self.num_texts = time.monotonic(), 0
        self.position, self.bytes_per_text = 0.0, 0.0

    def begin_chunk(self, begin: int, end: int, num_texts: int) -> None:
        """Start with texts between two positions in the input, in bytes; they can be finished in any order."""
        self.position, self.bytes_per_text = begin, (end - begin) / num_texts
        self.display.update(self.task, completed=begin)

    def advance(self, num_texts: int) -> None:
        """Count more texts as finished."""
        self.num_texts += num_texts
        self.position += num_texts * self.bytes_per_text
        seconds = time.monotonic() - self.began
        speed = self.num_texts / max(seconds, 1e-9)
        self.display.update(self.task, completed=self.position, texts=self.num_texts, speed=speed)
        if seconds > PATIENCE:
            self.display.start()


@contextmanager
def prediction_progress(num_bytes: int | None, is_shown: bool) -> Iterator[PredictionProgress]:
    """Show the progress of a run as long as it lasts."""
    progress = PredictionProgress(num_bytes, is_shown)
    try:
        yield progress
    finally:
        progress.display.stop()
