"""Exchanges values between ranks."""

from __future__ import annotations

from typing import Any, TypeVar

import lightning as L
import torch

T = TypeVar("T")


def gathered(trainer: L.Trainer, value: T) -> list[T]:
    """Return the values of all ranks, in the order of the ranks; every rank must call this.

    Args:
        trainer: The trainer of the ranks.
        value: The value of this rank, which must be picklable.
    """
    if trainer.world_size == 1:
        return [value]
    values: list[Any] = [None] * trainer.world_size
    torch.distributed.all_gather_object(values, value)
    return values
