"""Seeds every training step by itself."""

from __future__ import annotations

from typing import Any

import lightning as L
import torch


class StepSeed(L.Callback):
    """Makes dropout a function of seed, rank, epoch and batch, so that a resumed run equals an uninterrupted one.

    Nothing needs to be saved, and nothing else that draws random numbers can shift a run.
    """

    def on_train_batch_start(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        batch: Any,
        batch_idx: int,
    ) -> None:
        place = (trainer.datamodule.seed, trainer.global_rank, trainer.current_epoch, batch_idx)  # type: ignore[attr-defined]
        seed = 0
        for part, radix in zip(place, (2**20, 2**12, 2**12, 2**20), strict=True):
            seed = seed * radix + part
        torch.manual_seed(seed % 2**63)
