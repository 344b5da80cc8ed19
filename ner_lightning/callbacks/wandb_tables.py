"""What W&B gets beyond metrics; the only place that touches its objects."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning as L
import wandb
import yaml
from lightning.pytorch.loggers import WandbLogger
from lightning.pytorch.utilities import rank_zero_only

from ner_lightning.evaluation.scores import score
from ner_lightning.predictions import PredictedSentence, read_predictions
from ner_lightning.tags import OUTSIDE


class WandbTables(L.Callback):
    """Sends the resolved configuration, the scores per type and the confusion of types to W&B, where it logs.

    Args:
        run_dir: The run folder, whose ``config.yaml`` and predictions are sent.
    """

    def __init__(self, run_dir: Path) -> None:
        self.run_dir = run_dir

    @rank_zero_only
    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        config_path = self.run_dir / "config.yaml"
        for run in _wandb_runs(trainer):
            run.config.update(yaml.safe_load(config_path.read_text(encoding="utf-8")), allow_val_change=True)

    @rank_zero_only
    def on_test_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        for run in _wandb_runs(trainer):
            sentences = read_predictions(self.run_dir / "predictions" / "test.jsonl")
            rows = [
                [kind, counts.precision, counts.recall, counts.f1, counts.gold, counts.predicted]
                for kind, counts in score(sentences).by_type.items()
            ]
            columns: list[str | int] = ["type", "precision", "recall", "f1", "gold", "predicted"]
            names, gold, predicted = word_types(sentences)
            confusion = wandb.plot.confusion_matrix(y_true=gold, preds=predicted, class_names=names)
            run.log({"test/types": wandb.Table(columns=columns, data=rows), "test/confusion": confusion})


def word_types(sentences: Sequence[PredictedSentence]) -> tuple[list[str], list[int], list[int]]:
    """The entity type of every word: their names (``O`` first), the gold ones, the predicted ones."""
    spans = [e for sentence in sentences for e in (*sentence.gold, *sentence.predicted)]
    names = [OUTSIDE, *sorted({entity.entity_type for entity in spans})]
    gold: list[int] = []
    predicted: list[int] = []
    for sentence in sentences:
        for entities, types in ((sentence.gold, gold), (sentence.predicted, predicted)):
            row = [0] * len(sentence.words)
            for entity in entities:
                row[entity.start : entity.end] = [names.index(entity.entity_type)] * len(entity)
            types += row
    return names, gold, predicted


def _wandb_runs(trainer: L.Trainer) -> list[Any]:
    return [logger.experiment for logger in trainer.loggers if isinstance(logger, WandbLogger)]
