"""A separate random seed for every training step."""

from __future__ import annotations

import hashlib
from typing import Any

import lightning as L
import torch

from ner_lightning.training.data_module import data_module_of


class StepSeed(L.Callback):
    """Makes dropout a function of seed, rank, epoch and batch, so that a resumed run equals an uninterrupted one.

    No random state needs to be saved, and other code that draws random numbers cannot change a run.
    """

    def on_train_batch_start(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        batch: Any,
        batch_idx: int,
    ) -> None:
        seed = data_module_of(trainer).seed
        torch.manual_seed(step_seed(seed, trainer.global_rank, trainer.current_epoch, batch_idx))


def step_seed(*place: int) -> int:
    """Return a seed for a place in training; all its bits vary, since the CPU generator uses only the lower 32.

    >>> step_seed(0, 0, 0, 1) % 2**32 != step_seed(1, 0, 0, 1) % 2**32
    True
    """
    digest = hashlib.blake2b(repr(place).encode(), digest_size=8).digest()
    return int.from_bytes(digest) >> 1
