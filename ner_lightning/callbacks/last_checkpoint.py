"""The checkpoint that a run is resumed from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import Checkpoint, Timer

from ner_lightning.lightning_internals import callbacks_of, ends_after_this_epoch


def is_validated_next(trainer: L.Trainer) -> bool:
    """Return whether this batch is followed by a validation, which Lightning would skip if it resumed from here."""
    return trainer.is_last_batch or ends_after_this_epoch(trainer)


def is_stopped_early(trainer: L.Trainer) -> bool:
    """Return whether a callback such as early stopping has ended training before the configured length."""
    if not ends_after_this_epoch(trainer):
        return False
    timers = [callback.time_remaining() for callback in callbacks_of(trainer) if isinstance(callback, Timer)]
    is_time_over = any(remaining is not None and remaining <= 0 for remaining in timers)
    return not (0 <= trainer.max_steps <= trainer.global_step or is_time_over)


def stay_stopped(trainer: L.Trainer, checkpoint: dict[str, Any]) -> bool:
    """Keep a resumed run from training if a callback had already ended it.

    Lightning would not remember this, and would train until the callback ends the run again.

    Args:
        trainer: The trainer that is about to load the checkpoint.
        checkpoint: The last checkpoint of the run.

    Returns:
        True if a callback had ended the run.
    """
    if not checkpoint["callbacks"].get(LastCheckpoint.__qualname__, {}).get("stopped_early", False):
        return False
    trainer.should_stop = True
    progress = checkpoint["loops"]["fit_loop"]["epoch_progress"]["current"]
    progress["completed"] = progress["processed"]  # the checkpoint was saved just before this was counted
    return True


class LastCheckpoint(Checkpoint):
    """Saves ``last.ckpt`` at the end of every epoch, and on request also within an epoch, except before a validation.

    The checkpoint records whether a callback had ended the run.

    Args:
        folder: Folder of the checkpoint.
        every_n_steps: Number of optimizer steps between checkpoints within an epoch; None saves only at its end.
    """

    def __init__(self, folder: Path, every_n_steps: int | None = None) -> None:
        if every_n_steps is not None and every_n_steps < 1:
            raise ValueError(f"save_every_n_steps must be at least 1, got {every_n_steps}")
        self.path, self.every_n_steps = folder / "last.ckpt", every_n_steps
        self.saved_step = 0
        self.stopped_early = False

    def state_dict(self) -> dict[str, Any]:
        return {"stopped_early": self.stopped_early}

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.saved_step = trainer.global_step  # a resumed run may need many batches for its next step

    def on_train_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        step = trainer.global_step
        if self.every_n_steps and step - self.saved_step >= self.every_n_steps and not is_validated_next(trainer):
            self.save(trainer)

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Save; an epoch in which the run ended early is saved as unfinished, so that a longer run continues it."""
        self.stopped_early = is_stopped_early(trainer)
        progress: Any = trainer.fit_loop.epoch_progress
        under_way = int(not trainer.is_last_batch)
        for count in (progress.current, progress.total):
            count.processed -= under_way
        self.save(trainer)
        for count in (progress.current, progress.total):
            count.processed += under_way

    def save(self, trainer: L.Trainer) -> None:
        """Save the checkpoint now; every rank must call this."""
        self.saved_step = trainer.global_step
        trainer.save_checkpoint(self.path)
