"""A weighted mean that is the same to the last digit, no matter how its values are distributed over ranks."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat


class ExactMean(Metric):
    """A mean of weighted sums that is rounded only once.

    A running sum is rounded at every step, so its last digit depends on the order in which ranks process batches.
    Here the terms are kept and added exactly (Shewchuk 1997, section 2, as ``math.fsum`` does).
    """

    totals: list[Tensor] | Tensor
    weights: list[Tensor] | Tensor

    def __init__(self) -> None:
        super().__init__()
        self.add_state("totals", [], dist_reduce_fx="cat")
        self.add_state("weights", [], dist_reduce_fx="cat")

    def update(self, total: Tensor, weight: Tensor) -> None:
        """Add a sum ``[]`` and its weight ``[]``."""
        assert isinstance(self.totals, list)
        assert isinstance(self.weights, list)
        self.totals.append(total.detach().double().view(1))
        self.weights.append(weight.detach().double().view(1))

    def compute(self) -> Tensor:
        """Return the mean, ``[]`` in float64; 0 if the total weight is 0."""
        total = math.fsum(dim_zero_cat(self.totals).tolist())
        weight = math.fsum(dim_zero_cat(self.weights).tolist())
        return torch.tensor(total / weight if weight else 0.0, dtype=torch.float64, device=self.device)
