"""How much of the network a run trains, said before training."""

from __future__ import annotations

import lightning as L
from lightning.pytorch.utilities import rank_zero_only
from rich.console import Console
from torch import nn


class ParameterLine(L.Callback):
    """Prints the numbers of trained and of all parameters to the error stream."""

    @rank_zero_only
    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        trained, total = count_parameters(pl_module).values()
        line = f"trains {trained:,} of {total:,} parameters ({trained / total:.2%})"
        Console(stderr=True).print(line, highlight=False, soft_wrap=True)


def count_parameters(module: nn.Module) -> dict[str, int]:
    """The numbers of parameters: ``trained`` and ``total``.

    >>> count_parameters(nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1).requires_grad_(False)))
    {'trained': 9, 'total': 13}
    """
    parameters = list(module.parameters())
    trained = sum(parameter.numel() for parameter in parameters if parameter.requires_grad)
    return {"trained": trained, "total": sum(parameter.numel() for parameter in parameters)}
