"""Prints what a run is about to train."""

from __future__ import annotations

import math
from typing import Final

import lightning as L
from lightning.pytorch.utilities import rank_zero_only
from torch import nn

from ner_lightning.console import message_console, say
from ner_lightning.corpora.checks.findings import warning_on_outside
from ner_lightning.tags import OUTSIDE
from ner_lightning.training.data_module import data_module_of
from ner_lightning.training.optimizer_steps import warning_on_steps
from ner_lightning.training.tagger import tagger_of

WITHOUT_DOCUMENTS: Final = (
    "each training sentence is read alone, because the corpus names no documents; -DOCSTART- lines in column files or "
    "document_id in JSON Lines name them"
)


class StartLines(L.Callback):
    """Prints the number of trained parameters, the share of the corpus and the number of optimizer steps.

    The lines go to standard error. Class weights and repeat factors are printed if there are any.
    """

    @rank_zero_only
    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        bound = data_module_of(trainer).bound
        trained, total = count_parameters(pl_module).values()
        lines = [f"trains {trained:,} of {total:,} parameters ({trained / total:.2%}) in {trainer.precision}"]
        num_sentences = len(bound.corpus.splits["train"])
        if num_sentences < bound.num_annotated:
            lines.append(f"learns from {num_sentences:,} of {bound.num_annotated:,} training sentences")
        named = any(sentence.document_id is not None for sentence in bound.corpus.splits["train"])
        if bound.window_encoder.reads_neighbors and not named:
            lines.append(f"warning: {WITHOUT_DOCUMENTS}")
        by_type = {
            "class weights": tagger_of(trainer).objective.weights_by_type,
            "repeat factors": bound.repeat_factors,
        }
        for name, numbers in by_type.items():
            if numbers:
                lines.append(f"{name}: " + ", ".join(f"{kind} {number:.3g}" for kind, number in numbers.items()))
        if any(sentence.unannotated for sentence in bound.corpus.splits["train"]):
            warning = warning_on_outside(bound.word_counts[OUTSIDE])
            lines += [f"warning: {warning}"] if warning else []
        num_steps = trainer.estimated_stepping_batches  # infinite for a run without a limit
        if num_steps < math.inf:
            warning = warning_on_steps(int(num_steps))
            lines += [f"optimizer steps: {num_steps:,}", *([f"warning: {warning}"] if warning else [])]
        console = message_console()
        for line in lines:
            say(console, line)


def count_parameters(module: nn.Module) -> dict[str, int]:
    """Return the number of parameters that are ``trained``, and the ``total``.

    >>> count_parameters(nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1).requires_grad_(False)))
    {'trained': 9, 'total': 13}
    """
    parameters = list(module.parameters())
    trained = sum(parameter.numel() for parameter in parameters if parameter.requires_grad)
    return {"trained": trained, "total": sum(parameter.numel() for parameter in parameters)}
