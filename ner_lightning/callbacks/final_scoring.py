"""The base class of callbacks for `validate` and `test` that ignore the validations during training."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import lightning as L
from lightning.pytorch.trainer.states import TrainerFn
from torch import Tensor

from ner_lightning.corpora.reader import SplitName
from ner_lightning.encoding.batches import EvaluationBatch
from ner_lightning.encoding.bound_corpus import BoundCorpus
from ner_lightning.training.data_module import data_module_of
from ner_lightning.training.tagger import NERTagger, tagger_of


class FinalScoring(L.Callback, ABC):
    """Receives every batch of validate and test, and their end, but not the validations during training."""

    @abstractmethod
    def add(self, tagger: NERTagger, bound: BoundCorpus, outputs: Mapping[str, Tensor], batch: EvaluationBatch) -> None:
        """Process a batch.

        Args:
            tagger: The tagger.
            bound: The corpus that is scored.
            outputs: The result of the tagger's evaluation step for the batch.
            batch: The batch, which contains whole sentences.
        """

    @abstractmethod
    def finish(self, trainer: L.Trainer, split: SplitName) -> None:
        """Finish the split after its last batch; called on every rank."""

    def on_validation_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,  # Lightning declares no type
        batch: EvaluationBatch,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        if trainer.state.fn != TrainerFn.FITTING:
            self.add(tagger_of(trainer), data_module_of(trainer).bound, outputs, batch)

    on_test_batch_end = on_validation_batch_end

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if trainer.state.fn != TrainerFn.FITTING:
            self.finish(trainer, "validation")

    def on_test_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.finish(trainer, "test")
