"""What a run took from its training split, said before training."""

from __future__ import annotations

from typing import Any

import lightning as L
from rich.console import Console


class StartLines(L.Callback):
    """Prints the class weights and the repeat factors of entity types to the error stream, where there are any."""

    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        tagger: Any = pl_module
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        lines = {"class weights": tagger.objective.weights_by_type, "repeat factors": data.repeat_factors}
        for name, by_type in lines.items():
            if by_type and trainer.is_global_zero:
                shown = ", ".join(f"{kind} {number:.3g}" for kind, number in by_type.items())
                Console(stderr=True).print(f"{name}: {shown}", highlight=False, soft_wrap=True)
