"""What a run took from its training split, said before training."""

from __future__ import annotations

import lightning as L
from rich.console import Console


class StartLines(L.Callback):
    """Prints the resolved class weights to the error stream."""

    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        weights: dict[str, float] | None = pl_module.objective.weights_by_type  # type: ignore[assignment, union-attr]
        if trainer.is_global_zero and weights:
            shown = ", ".join(f"{kind} {weight:.3g}" for kind, weight in weights.items())
            Console(stderr=True).print(f"class weights: {shown}", highlight=False, soft_wrap=True)
