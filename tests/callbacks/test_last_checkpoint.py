"""Tests of when the last checkpoint is saved if a run ends within an epoch."""

import os
import signal
from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch
from lightning.pytorch.demos.boring_classes import BoringModel

from ner_lightning.callbacks.final_validation import FinalValidation
from ner_lightning.callbacks.last_checkpoint import LastCheckpoint
from ner_lightning.callbacks.stop_on_signal import StopOnSignal, Stopped
from support.quiet_trainer import quiet_trainer


class Watch(L.Callback):
    """Records the step of the last checkpoint when a validation begins, and can ask the run to stop at a step."""

    def __init__(self, path: Path, asked_at: int | None = None) -> None:
        self.path, self.asked_at = path, asked_at
        self.saved_steps: list[int] = []

    def on_train_batch_start(self, trainer: L.Trainer, *_: object) -> None:
        if trainer.global_step + 1 == self.asked_at:
            os.kill(os.getpid(), signal.SIGTERM)

    def on_validation_start(self, *_: object) -> None:
        self.saved_steps.append(step_of(self.path))


def step_of(path: Path) -> int:
    return int(torch.load(path, weights_only=True)["global_step"])


def fit(folder: Path, num_steps: int, asked_at: int | None = None) -> Watch:
    """Train for this number of steps, in epochs of four, with a checkpoint after each step."""
    last = LastCheckpoint(folder, every_n_steps=1)
    watch = Watch(last.path, asked_at)
    callbacks = [watch, FinalValidation(), StopOnSignal(last), last]
    settings = {"limit_train_batches": 4, "limit_val_batches": 1, "enable_checkpointing": True}
    trainer = quiet_trainer(max_epochs=2, max_steps=num_steps, callbacks=callbacks, **settings)
    if asked_at is None:
        trainer.fit(BoringModel())
    else:
        with pytest.raises(Stopped):
            trainer.fit(BoringModel())
    return watch


@pytest.mark.parametrize(("num_steps", "validated"), [(3, [2]), (4, [3]), (6, [3, 5]), (-1, [3, 7])])
def test_a_checkpoint_is_saved_after_the_validation_that_is_due(
    tmp_path: Path, num_steps: int, validated: list[int]
) -> None:
    """When a validation begins, the last checkpoint is of the step before; at the end, it is of the last step."""
    assert fit(tmp_path, num_steps).saved_steps == validated
    assert step_of(tmp_path / "last.ckpt") == (num_steps if num_steps > 0 else 8)


class StopAt(L.Callback):
    """Ends a run after this number of steps, as early stopping does."""

    def __init__(self, num_steps: int) -> None:
        self.num_steps = num_steps

    def on_train_batch_end(self, trainer: L.Trainer, *_: object) -> None:
        trainer.should_stop |= trainer.global_step >= self.num_steps


@pytest.mark.parametrize(
    ("num_steps", "settings", "expected"),
    [
        (8, {}, True),
        (8, {"max_steps": 8}, False),  # the number of steps that was asked for
        (8, {"max_time": {"milliseconds": 1}}, False),
        (99, {"max_epochs": 2}, False),
    ],
)
def test_the_checkpoint_remembers_that_a_callback_ended_the_run(
    tmp_path: Path, num_steps: int, settings: dict[str, Any], expected: bool
) -> None:
    last = LastCheckpoint(tmp_path)
    limits = {"limit_train_batches": 4, "limit_val_batches": 1, "max_epochs": 3} | settings
    quiet_trainer(callbacks=[StopAt(num_steps), last], enable_checkpointing=True, **limits).fit(BoringModel())
    saved = torch.load(last.path, weights_only=True)
    assert saved["callbacks"]["LastCheckpoint"] == {"stopped_early": expected}


def test_a_run_that_is_stopped_in_its_last_step_is_validated_first(tmp_path: Path) -> None:
    assert fit(tmp_path, 3, asked_at=3).saved_steps == [2]
    assert step_of(tmp_path / "last.ckpt") == 3


def test_a_run_that_is_stopped_earlier_saves_at_once(tmp_path: Path) -> None:
    assert fit(tmp_path, 3, asked_at=2).saved_steps == []
    assert step_of(tmp_path / "last.ckpt") == 2
