"""The clock of ``fit`` in a benchmark: it measures only what the peer's ``train()`` also does."""

from __future__ import annotations

import json
import time
from pathlib import Path

import torch
from lightning.pytorch import Callback, LightningModule, Trainer


class TrainingClock(Callback):
    """Measures the epochs without validation and checkpoints.

    Loading and collating batches, forward, backward, clipping, optimizer steps and logging are in.

    Args:
        path: The JSON file that the seconds are written to.
    """

    def __init__(self, path: str) -> None:
        self.path = Path(path)
        self.seconds = 0.0
        self.running_since: float | None = None

    def go(self) -> None:
        self.running_since = time.perf_counter()

    def stop(self) -> None:
        if self.running_since is None:
            return
        if torch.cuda.is_available():
            torch.cuda.synchronize()  # steps may still be running
        self.seconds += time.perf_counter() - self.running_since
        self.running_since = None

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002
        self.go()

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002
        self.stop()

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002
        self.go()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002
        self.stop()

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002
        self.path.write_text(json.dumps({"training_seconds": self.seconds}), encoding="utf-8")
