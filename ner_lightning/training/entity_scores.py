"""Entity-level F1 of validation and test, after each epoch."""

from __future__ import annotations

from typing import Any

import lightning as L
import torch
from torch import Tensor
from torchmetrics import MeanMetric

from ner_lightning.encoding.batches import EvaluationBatch
from ner_lightning.metrics.span_f1 import SpanF1
from ner_lightning.schemes import IGNORE_INDEX
from ner_lightning.training.data_module import data_module_of


class EntityScores(L.Callback):
    """Logs entity F1 as seqeval counts it: lenient and strict, per type, with the share of ill-formed sentences.

    Entities of whole sentences are counted, and the counts are added over ranks as integers.
    """

    def __init__(self) -> None:
        self.span_f1: SpanF1 | None = None
        self.word_accuracy = MeanMetric().set_dtype(torch.float64)

    def _start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        bound = data_module_of(trainer).bound
        self.span_f1 = SpanF1(bound.tags, bound.gold_tags).to(pl_module.device)
        self.word_accuracy = MeanMetric().set_dtype(torch.float64).to(pl_module.device)

    def _update(self, outputs: dict[str, Tensor], batch: EvaluationBatch) -> None:
        assert self.span_f1 is not None
        self.span_f1.update(outputs["tag_ids"], batch.gold)
        is_annotated = batch.word_labels != IGNORE_INDEX
        self.word_accuracy.update((outputs["tag_ids"] == batch.word_labels)[is_annotated].double())

    def _log(self, pl_module: L.LightningModule, split: str) -> None:
        assert self.span_f1 is not None
        scores = self.span_f1.compute() | {"word_accuracy": self.word_accuracy.compute()}
        for name, score in scores.items():
            pl_module.log(f"{split}/{name}", score, prog_bar=name == "f1")

    def on_validation_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._start(trainer, pl_module)

    def on_test_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._start(trainer, pl_module)

    def on_validation_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,
        batch: EvaluationBatch,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        self._update(outputs, batch)

    on_test_batch_end = on_validation_batch_end

    def on_validation_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._log(pl_module, "validation")

    def on_test_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._log(pl_module, "test")
