"""The validation of a run's last step."""

from __future__ import annotations

from typing import Any

import lightning as L


class FinalValidation(L.Callback):
    """Has a run validated where ``max_steps`` ends it within an epoch, as Lightning does where ``max_time`` ends it.

    Else a run of less than an epoch would have no best checkpoint.
    """

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if 0 <= trainer.max_steps <= trainer.global_step:
            trainer.should_stop = True
