"""What a run trains, and what it took from its training split, said before training."""

from __future__ import annotations

import lightning as L
from lightning.pytorch.utilities import rank_zero_only
from torch import nn

from ner_lightning.console import message_console, say
from ner_lightning.training.data_module import data_module_of
from ner_lightning.training.tagger import tagger_of


class StartLines(L.Callback):
    """Prints to the error stream what is trained, on which share, and class weights and repeat factors if any."""

    @rank_zero_only
    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        bound = data_module_of(trainer).bound
        trained, total = count_parameters(pl_module).values()
        lines = [f"trains {trained:,} of {total:,} parameters ({trained / total:.2%})"]
        num_sentences = len(bound.corpus.splits["train"])
        if num_sentences < bound.num_annotated:
            lines.append(f"learns from {num_sentences:,} of {bound.num_annotated:,} training sentences")
        by_type = {
            "class weights": tagger_of(trainer).objective.weights_by_type,
            "repeat factors": bound.repeat_factors,
        }
        for name, numbers in by_type.items():
            if numbers:
                lines.append(f"{name}: " + ", ".join(f"{kind} {number:.3g}" for kind, number in numbers.items()))
        console = message_console()
        for line in lines:
            say(console, line)


def count_parameters(module: nn.Module) -> dict[str, int]:
    """The numbers of parameters: ``trained`` and ``total``.

    >>> count_parameters(nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1).requires_grad_(False)))
    {'trained': 9, 'total': 13}
    """
    parameters = list(module.parameters())
    trained = sum(parameter.numel() for parameter in parameters if parameter.requires_grad)
    return {"trained": trained, "total": sum(parameter.numel() for parameter in parameters)}
