"""The end of a run that is told to stop."""

from __future__ import annotations

import signal
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import Checkpoint
from lightning.pytorch.utilities.exceptions import SIGTERMException

from ner_lightning.callbacks.last_checkpoint import LastCheckpoint, is_validated_next


class StopOnSigterm(Checkpoint):
    """Saves the last checkpoint after the step under way, on whichever rank SIGTERM comes, and ends all of them.

    Lightning's own way saves nothing, stops between accumulated batches, and talks to the other ranks from
    within the signal handler, where they may be in the midst of something else. A validation under way is
    finished first, since a run cannot be resumed within one. As a checkpoint callback, it comes behind all that
    a step changes, such as a moving average.

    Args:
        last: Saves the last checkpoint.
    """

    def __init__(self, last: LastCheckpoint) -> None:
        self.last = last
        self.is_asked = False
        self.finished_steps = 0

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.finished_steps = trainer.global_step
        signal.signal(signal.SIGTERM, self._remember)  # Lightning puts back what it found when training ends

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        made_step = trainer.global_step > self.finished_steps
        self.finished_steps = trainer.global_step
        if made_step and not is_validated_next(trainer) and self._is_any_rank_asked(trainer):
            self.last.save(trainer)
            raise SIGTERMException

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Stop where the former epoch's checkpoint is the last word."""
        if self._is_any_rank_asked(trainer):
            raise SIGTERMException

    on_train_end = on_train_epoch_start

    def _remember(self, *_: Any) -> None:
        self.is_asked = True

    def _is_any_rank_asked(self, trainer: L.Trainer) -> bool:
        return trainer.strategy.reduce_boolean_decision(self.is_asked, all=False)
