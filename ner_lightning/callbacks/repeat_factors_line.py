"""A line on how often rare entity types are repeated."""

from __future__ import annotations

from typing import Any

import lightning as L
from lightning.pytorch.utilities import rank_zero_only
from rich.console import Console


class RepeatFactorsLine(L.Callback):
    """Prints the repeat factor of every entity type to the error stream before training, where any is set."""

    @rank_zero_only
    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        if data.repeat_factors:
            shown = ", ".join(f"{kind} {factor:.2f}" for kind, factor in data.repeat_factors.items())
            Console(stderr=True).print(f"repeat factors: {shown}", highlight=False, soft_wrap=True)
