"""Failures that tests inject into the process of a run before it starts: kills, signals and invalid losses."""

import os
import signal
from typing import Any, BinaryIO

import torch

from ner_lightning.callbacks.metrics_file import MetricsFile
from ner_lightning.callbacks.start_lines import StartLines
from ner_lightning.modeling.losses import CrossEntropyLoss, LossSum


class _KillingFile:
    """A file that kills the process once this number of bytes has been written."""

    def __init__(self, file: BinaryIO, num_bytes: int) -> None:
        self.file, self.left = file, num_bytes

    def write(self, data: Any) -> int:
        data = memoryview(data).cast("B")
        self.file.write(data[: self.left])
        if len(data) >= self.left:
            self.file.flush()
            os.kill(os.getpid(), signal.SIGKILL)
        self.left -= len(data)
        return len(data)

    def flush(self) -> None:
        self.file.flush()


def kill_in_checkpoint(number: int, num_bytes: int) -> None:
    """Send SIGKILL once ``num_bytes`` of a checkpoint are written; all numbers in the tests are below its size."""
    whole_save, saved = torch.save, iter(range(1, 1000))

    def save(checkpoint: object, file: BinaryIO) -> None:
        whole_save(checkpoint, _KillingFile(file, num_bytes) if next(saved) == number else file)

    torch.save = save


def signal_at(place: str, number: int, signal_number: int, times: int = 1) -> None:
    """Send a signal to the current process when a metric is logged for the ``number``-th time."""
    log, calls = MetricsFile.log_metrics, iter(range(1, 1000))

    def log_and_signal(self: MetricsFile, metrics: dict[str, Any], step: int | None = None) -> None:
        log(self, metrics, step)
        if place in metrics and next(calls) == number:
            for _ in range(times):
                os.kill(os.getpid(), signal_number)

    MetricsFile.log_metrics = log_and_signal


def signal_before_training(signal_number: int) -> None:
    """Send a signal to the current process once the configuration of the run is written."""
    begin = StartLines.on_fit_start

    def begin_and_signal(self: StartLines, *arguments: Any) -> None:
        begin(self, *arguments)
        os.kill(os.getpid(), signal_number)

    StartLines.on_fit_start = begin_and_signal


def poison(number: int, kind: str) -> None:
    """Give one batch of training, counted from 0, a loss or a gradient that is not finite.

    Args:
        number: The number of the batch.
        kind: The value to add to the loss, or ``gradient``, which changes only the gradient.
    """
    loss_of, batches = CrossEntropyLoss.__call__, iter(range(1000))

    def poisoned(self: CrossEntropyLoss, logits: torch.Tensor, *labels_and_weights: torch.Tensor | None) -> LossSum:
        total, weight = loss_of(self, logits, *labels_and_weights)
        if not torch.is_grad_enabled() or next(batches) != number:
            return LossSum(total, weight)
        slope_of_nan = (logits - logits.detach()).abs().sum().sqrt()  # 0
        return LossSum(total + (slope_of_nan if kind == "gradient" else float(kind)), weight)

    CrossEntropyLoss.__call__ = poisoned
