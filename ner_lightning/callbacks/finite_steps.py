"""Stops a run whose loss or gradient is no longer finite."""

from __future__ import annotations

from typing import Any

import lightning as L
import torch
from lightning.pytorch.trainer.states import TrainerFn
from torch import Tensor

from ner_lightning.callbacks.last_checkpoint import LastCheckpoint
from ner_lightning.callbacks.ranks import gathered
from ner_lightning.encoding.batches import Batch
from ner_lightning.lightning_internals import forget_batch_that_stepped
from ner_lightning.modeling.parameter_groups import gradients_of
from ner_lightning.training.moving_average import trained_weights


class FiniteSteps(L.Callback):
    """Stops before an optimizer step whose loss or gradient is not finite, and saves the state before that step.

    The gradient is checked as well: a single step along an infinite gradient ruins the weights, and the loss shows this
    only after they have been saved. With 16-mixed precision, the gradient scaler handles infinite gradients.

    An optimizer can also ruin the weights with a finite gradient, and no loss is computed after the last step. The
    weights are therefore checked before each validation and before a checkpoint is written.

    Args:
        last: Saves the last checkpoint.
    """

    def __init__(self, last: LastCheckpoint) -> None:
        self.last = last
        self.sentence_ids: tuple[str, ...] = ()
        self.batches: list[tuple[tuple[str, ...], Tensor]] = []

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: Batch, batch_idx: int
    ) -> None:
        self.sentence_ids = batch.sentence_ids

    def on_before_backward(self, trainer: L.Trainer, pl_module: L.LightningModule, loss: Tensor) -> None:
        self.batches.append((self.sentence_ids, loss.detach()))

    def on_before_optimizer_step(
        self, trainer: L.Trainer, pl_module: L.LightningModule, optimizer: torch.optim.Optimizer
    ) -> None:
        """Check the batches of the step on all ranks.

        Raises:
            FloatingPointError: If a loss or the gradient is not finite; the message names the sentences.
        """
        batches, self.batches = self.batches, []
        losses = torch.stack([loss for _, loss in batches]).isfinite()
        is_finite = bool(losses.all()) and (_is_scaled(trainer) or _gradient_is_finite(optimizer))
        if trainer.strategy.reduce_boolean_decision(is_finite, all=True):
            return
        bad = [ids for (ids, _), finite in zip(batches, losses.tolist(), strict=True) if not finite]
        bad_ids = [*dict.fromkeys(i for ids in gathered(trainer, bad) for batch in ids for i in batch)]
        step_ids = [*dict.fromkeys(i for ids in gathered(trainer, [ids for ids, _ in batches]) for b in ids for i in b)]
        _rewind_to_step(trainer)
        self.last.save(trainer)
        raise FloatingPointError(
            f"the {'loss' if bad_ids else 'gradient'} must be finite, got NaN or infinity in step "
            f"{trainer.global_step + 1}, in a batch with the sentences {', '.join(bad_ids or step_ids)}; "
            f"the state before that step is saved in {self.last.path}"
        )

    def on_validation_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Check the weights that a validation during training is about to score.

        Raises:
            FloatingPointError: If a weight is not finite.
        """
        if trainer.state.fn == TrainerFn.FITTING:
            _require_finite_weights(trainer, pl_module)

    def on_save_checkpoint(self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]) -> None:
        """Check the weights that are about to be saved.

        Raises:
            FloatingPointError: If a weight is not finite.
        """
        _require_finite_weights(trainer, pl_module)


def _require_finite_weights(trainer: L.Trainer, pl_module: L.LightningModule) -> None:
    weights = list(trained_weights(pl_module).values())
    is_finite = bool(torch.nn.utils.get_total_norm(weights).isfinite())
    if not trainer.strategy.reduce_boolean_decision(is_finite, all=True):
        raise FloatingPointError(
            f"the weights must be finite, got NaN or infinity after step {trainer.global_step}, and are not saved; "
            "lower the learning rate, or check the other settings of the optimizer"
        )


def _is_scaled(trainer: L.Trainer) -> bool:
    return getattr(trainer.precision_plugin, "scaler", None) is not None


def _gradient_is_finite(optimizer: torch.optim.Optimizer) -> bool:
    return bool(torch.nn.utils.get_total_norm(list(gradients_of(optimizer).values())).isfinite())


def _rewind_to_step(trainer: L.Trainer) -> None:
    """Set Lightning's counters back to the end of the previous step, which the current weights belong to."""
    loop: Any = trainer.fit_loop.epoch_loop
    begun = loop.batch_progress.current.completed % trainer.accumulate_grad_batches
    for counts in (loop.batch_progress.current, loop.batch_progress.total):
        counts.processed = counts.started = counts.ready = counts.completed - begun
        counts.completed = counts.processed - 1
    loop.batch_progress.is_last_batch = False
    forget_batch_that_stepped(trainer)
