"""The checkpoint that a run is resumed from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import Checkpoint


class LastCheckpoint(Checkpoint):
    """Saves ``last.ckpt`` at the end of every epoch, and within it where asked to.

    Never on the last batch of an epoch: what Lightning resumes from there has lost the epoch's validation.

    Args:
        folder: Folder of the checkpoint.
        every_n_steps: Optimizer steps between checkpoints within an epoch; None saves none.
    """

    def __init__(self, folder: Path, every_n_steps: int | None = None) -> None:
        if every_n_steps is not None and every_n_steps < 1:
            raise ValueError(f"steps between checkpoints must be at least 1, got {every_n_steps}")
        self.path, self.every_n_steps = folder / "last.ckpt", every_n_steps
        self.saved_step = 0

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.saved_step = trainer.global_step  # of a resumed run: its next step may be accumulated over many batches

    def on_train_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        step = trainer.global_step
        if self.every_n_steps and step - self.saved_step >= self.every_n_steps and not trainer.is_last_batch:
            self.save(trainer)

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.save(trainer)

    def save(self, trainer: L.Trainer) -> None:
        """Save now; every rank must come here."""
        self.saved_step = trainer.global_step
        trainer.save_checkpoint(self.path)
