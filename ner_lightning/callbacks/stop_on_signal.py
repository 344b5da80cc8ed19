"""Ends a run on Ctrl-C or SIGTERM."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import lightning as L
import torch
from lightning.pytorch.callbacks import Checkpoint
from lightning.pytorch.trainer.states import TrainerFn

from ner_lightning.callbacks.last_checkpoint import LastCheckpoint, is_validated_next

NAME_BY_SIGNAL: Final = {int(signal.SIGINT): "Ctrl-C", int(signal.SIGTERM): "SIGTERM"}
CTRL_C_MESSAGE: Final = (
    b"\nCtrl-C: stopping after this step or the current validation; press it again to stop at once, without saving\n"
)


class Stopped(SystemExit):
    """Ends a command after a signal, with the exit status that shells report for it.

    Args:
        signal_number: Number of the signal.
    """

    def __init__(self, signal_number: int) -> None:
        super().__init__(128 + signal_number)
        self.signal_number = signal_number

    @property
    def status(self) -> int:
        """The exit status."""
        return 128 + self.signal_number


def handle_signals(handler: Callable[[int, Any], None]) -> dict[int, Any]:
    """Install a handler for Ctrl-C and SIGTERM, except for signals that the process was started to ignore.

    Returns:
        The previous handler of each signal.
    """
    handled = [number for number in NAME_BY_SIGNAL if signal.getsignal(number) is not signal.SIG_IGN]
    return {number: signal.signal(number, handler) for number in handled}


@contextmanager
def stopping_on_signals() -> Iterator[None]:
    """Raise ``Stopped`` on Ctrl-C and SIGTERM while no callback handles them."""

    def stop(number: int, _: Any) -> None:
        raise Stopped(number)

    previous = handle_signals(stop)
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


class StopOnSignal(Checkpoint):
    """Saves the last checkpoint after the current step and ends all ranks, whichever rank receives a signal.

    Lightning itself saves nothing, stops between accumulated batches, and communicates with the other ranks from
    within the signal handler, while they may be busy with something else. A current validation is finished first,
    because a run cannot be resumed within one. As a checkpoint callback, this one runs after all callbacks that take
    part in a step, such as a moving average.

    Args:
        last: Saves the last checkpoint.
    """

    def __init__(self, last: LastCheckpoint) -> None:
        self.last = last
        self.signal_number = self.finished_steps = 0
        self.prints_message = False

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.finished_steps, self.prints_message = trainer.global_step, trainer.is_global_zero
        handle_signals(self._remember)  # Lightning restores the previous handlers when training ends

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        made_step = trainer.global_step > self.finished_steps
        self.finished_steps = trainer.global_step
        number = self._signal_of_any_rank(trainer) if made_step and not is_validated_next(trainer) else 0
        if number:
            self.last.save(trainer)
            raise Stopped(number)

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Stop between epochs; the checkpoint saved at the end of the previous epoch is up to date."""
        number = self._signal_of_any_rank(trainer)
        if number:
            raise Stopped(number)

    on_train_end = on_train_epoch_start

    def _remember(self, number: int, _: Any) -> None:
        if self.signal_number and number == signal.SIGINT:
            raise Stopped(number)
        self.signal_number = self.signal_number or number
        if number == signal.SIGINT and self.prints_message:
            os.write(2, CTRL_C_MESSAGE)  # Python's standard error may be in the middle of a line

    def _signal_of_any_rank(self, trainer: L.Trainer) -> int:
        number = torch.tensor(self.signal_number, device=trainer.strategy.root_device)
        return int(trainer.strategy.reduce(number, reduce_op="max"))


class EndOnSignal(L.Callback):
    """Ends scoring at once, together with the ranks that this process started, since there is nothing to save.

    Lightning would wait for the end of a batch, and then for the other ranks within the signal handler.
    """

    def on_validation_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if trainer.state.fn == TrainerFn.FITTING:
            return

        def end(number: int, _: Any) -> None:
            if trainer.strategy.launcher is not None:
                trainer.strategy.launcher.kill(number)
            raise Stopped(number)

        handle_signals(end)  # Lightning restores the previous handlers when scoring ends

    on_test_start = on_validation_start
