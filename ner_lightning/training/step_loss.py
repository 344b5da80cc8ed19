"""The sum and weight of the loss over an optimizer step and over an epoch."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from ner_lightning.modeling.losses import LossSum


class StepLoss:
    """Adds up losses over the batches of an optimizer step, and over the finished steps of an epoch.

    The gradient of a step is that of the mean loss over all scored positions of the step, so the division needs the
    weight of the whole step: over accumulated batches and over all ranks.

    Args:
        epoch: Sum and weight over the finished steps of the epoch, from a checkpoint.
    """

    step: Float[Tensor, " 2"]
    epoch: Float[Tensor, " 2"]

    def __init__(self, epoch: Sequence[float] = (0.0, 0.0)) -> None:
        # float64 and no buffers, which would take the precision of the weights
        self.step, self.epoch = torch.zeros(2, dtype=torch.float64), torch.tensor(epoch, dtype=torch.float64)

    def add(self, loss: LossSum) -> None:
        """Add the loss of a batch to the step."""
        self.step = self.step.to(loss.total.device) + torch.stack([loss.total.detach(), loss.weight]).double()

    def end_step(self, sum_over_ranks: Callable[[Tensor], Tensor]) -> LossSum:
        """Return the loss of the step over all ranks, add it to the epoch, and begin the next step."""
        step = sum_over_ranks(self.step)
        self.step = torch.zeros_like(self.step)
        self.epoch = self.epoch.to(step.device) + step
        return LossSum(*step)

    def end_epoch(self) -> LossSum:
        """Return the loss of the epoch's steps, and begin the next epoch."""
        epoch, self.epoch = self.epoch, torch.zeros_like(self.epoch)
        return LossSum(*epoch)
