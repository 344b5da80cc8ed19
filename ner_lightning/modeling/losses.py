"""Losses over the logits of scored positions; each gives a sum and its weight, never a mean."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor


class LossSum(NamedTuple):
    """A loss summed over positions, and the weight to divide it by.

    Sums and weights add up over batches, accumulation and ranks; the mean is taken once, over all of them.
    """

    total: Float[Tensor, ""]
    weight: Float[Tensor, ""]


class TokenLoss(ABC):
    """A loss over scored positions.

    Positions that are not scored have been taken out before: multiplying by a mask afterwards would let
    ``0 * nan`` through.
    """

    @abstractmethod
    def __call__(self, logits: Float[Tensor, "scored tags"], labels: Int[Tensor, " scored"]) -> LossSum:
        """The loss of a batch; 0 with weight 0 where nothing is scored."""


@dataclass(frozen=True)
class CrossEntropyLoss(TokenLoss):
    """Plain cross-entropy, computed in float32 at least; the weight is the number of positions."""

    def __call__(self, logits: Float[Tensor, "scored tags"], labels: Int[Tensor, " scored"]) -> LossSum:
        precise = logits if logits.dtype == torch.float64 else logits.float()
        total = torch.nn.functional.cross_entropy(precise, labels, reduction="sum")
        return LossSum(total, torch.tensor(len(labels), dtype=precise.dtype, device=logits.device))
