"""A moving average of the weights, which is validated and saved instead of the current weights."""

from __future__ import annotations

from typing import Any

import lightning as L
import torch
from torch import Tensor

CURRENT_WEIGHTS = "current_weights"


class MovingAverage(L.Callback):
    """Averages the trained weights over the optimizer steps: ``average += (1 - d) · (weights - average)``.

    ``d`` is ``min(decay, (1 + t) / (10 + t))`` after step ``t``, so that the first steps are soon forgotten.
    Validation within ``fit`` uses the average, and checkpoints hold it as the weights of the tagger, next to the
    current weights from which training continues. Averaging reduces the noise of the last steps (Polyak and Juditsky
    1992).

    Lightning's ``WeightAveraging`` (2.6) does not fit. In the process that trained, it would test a checkpoint with the
    current weights instead of the average. It averages frozen weights and integer buffers, which changes them by
    rounding. And it builds the network before the tagger knows its tags.

    Args:
        decay: Largest decay ``d``.
    """

    def __init__(self, decay: float) -> None:
        self.decay = decay
        self.average: dict[str, Tensor] = {}
        self.is_swapped = False  # then the tagger holds the average, and self.average the current weights
        self.step = 0

    def on_load_checkpoint(self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]) -> None:
        if trainer.training:
            self.average = {name: weights.clone() for name, weights in trained_weights(pl_module).items()}
            for name, weights in trained_weights(pl_module).items():
                weights.copy_(checkpoint[CURRENT_WEIGHTS][name])

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Start from the initial weights or the average of the checkpoint, now that device and precision are known.

        Raises:
            ValueError: If the weights are in half precision, which would lose the small steps of an average.
        """
        coarse = {weights.dtype for weights in trained_weights(pl_module).values()} & {torch.bfloat16, torch.float16}
        if coarse:
            raise ValueError(
                "model.fine_tuning.average_decay needs trainer.precision 32-true or bf16-mixed, "
                f"got {trainer.precision}"
            )
        self.step = trainer.global_step
        self.average = {
            name: self.average.get(name, weights).to(weights, copy=True)
            for name, weights in trained_weights(pl_module).items()
        }

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if trainer.global_step == self.step:
            return  # gradients are still being accumulated
        self.step = trainer.global_step
        decay = min(self.decay, (1 + self.step) / (10 + self.step))
        weights = trained_weights(pl_module)
        torch._foreach_lerp_(list(self.average.values()), [weights[name] for name in self.average], 1 - decay)

    def on_validation_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._swap(pl_module)

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._swap(pl_module)

    def on_exception(self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException) -> None:
        """Leave the current weights in the tagger if training is interrupted."""
        if self.is_swapped:
            self._swap(pl_module)

    def on_save_checkpoint(self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]) -> None:
        if self.average:
            of_tagger = {name: checkpoint["state_dict"][name] for name in self.average}
            average, current = (of_tagger, self.average) if self.is_swapped else (self.average, of_tagger)
            checkpoint[CURRENT_WEIGHTS] = dict(current)
            checkpoint["state_dict"] = checkpoint["state_dict"] | average

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Leave the average in the tagger."""
        self._swap(pl_module)
        self.average, self.is_swapped = {}, False

    def _swap(self, pl_module: L.LightningModule) -> None:
        weights = trained_weights(pl_module)
        for name, average in self.average.items():
            current = weights[name].clone()
            weights[name].copy_(average)
            average.copy_(current)
        self.is_swapped = not self.is_swapped


def trained_weights(module: torch.nn.Module) -> dict[str, Tensor]:
    """Return the trained weights, without their gradients."""
    return {name: p.detach() for name, p in module.named_parameters() if p.requires_grad}
