"""The validation after the last step of a run."""

from __future__ import annotations

from typing import Any

import lightning as L


class FinalValidation(L.Callback):
    """Validates a run that ``max_steps`` ends within an epoch, as Lightning does for ``max_time``.

    Without this, a run shorter than an epoch would have no best checkpoint.
    """

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if 0 <= trainer.max_steps <= trainer.global_step:
            trainer.should_stop = True
