"""Prints a line for each epoch when there is no progress bar."""

from __future__ import annotations

import lightning as L

from ner_lightning.console import message_console, say


class EpochLines(L.Callback):
    """Prints the loss and F1 of each epoch to standard error, for logs and pipes."""

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if not trainer.is_global_zero:
            return
        shown = [
            f"{name} {float(trainer.callback_metrics[name]):.4f}"
            for name in ("train/loss", "validation/loss", "validation/f1")
            if name in trainer.callback_metrics
        ]
        line = f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}, step {trainer.global_step}: {', '.join(shown)}"
        say(message_console(), line)
