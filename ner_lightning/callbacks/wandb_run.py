"""Sends the configuration, tables and model of a run to W&B; the only module that uses W&B directly."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import lightning as L
import wandb
import yaml
from lightning.pytorch.loggers import WandbLogger
from lightning.pytorch.trainer.states import TrainerFn
from lightning.pytorch.utilities import rank_zero_only
from wandb.errors import Error as WandbError

from ner_lightning.bundle import SETTINGS_FILE
from ner_lightning.corpora.reader import SplitName
from ner_lightning.entities import EntitySpan
from ner_lightning.evaluation.scores import score
from ner_lightning.metrics.error_types import confused_types, pair_entities
from ner_lightning.predictions import PredictedSentence, read_predictions
from ner_lightning.runs.folders import PREDICTIONS
from ner_lightning.tags import OUTSIDE


class WandbRun(L.Callback):
    """Sends the configuration, tables and model of a run to W&B if it logs there.

    Scores and confusions contain no text. Sentences do, and may be personal, so they are only sent on request.

    Args:
        run_dir: The run folder, whose files are sent.
        predictions: Send every sentence of the validation and test splits, with its gold and predicted entities.
        model: Send the bundle as an artifact named after the run.
    """

    def __init__(self, run_dir: Path, predictions: bool = False, model: bool = True) -> None:
        self.run_dir, self.predictions, self.model = run_dir, predictions, model

    @rank_zero_only
    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        config = yaml.safe_load((self.run_dir / "config.yaml").read_text(encoding="utf-8"))
        for run in _wandb_runs(trainer):
            run.config.setdefaults(config)  # keeps the values that a sweep chose

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if trainer.state.fn != TrainerFn.FITTING:
            self.send_tables(trainer, "validation")

    def on_test_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.send_tables(trainer, "test")

    @rank_zero_only
    def send_tables(self, trainer: L.Trainer, split: SplitName) -> None:
        """Send the scores and the confusion of entity types, and the sentences if requested."""
        for run in _wandb_runs(trainer):
            sentences = read_predictions(self.run_dir / PREDICTIONS / f"{split}.jsonl")
            names, gold, predicted = span_types(sentences)
            confusion = wandb.plot.confusion_matrix(y_true=gold, preds=predicted, class_names=names)
            run.log({f"{split}/types": types_table(sentences), f"{split}/confusion": confusion})
            if self.predictions:
                run.log({f"{split}/sentences": sentences_table(sentences)})

    @rank_zero_only
    def send_bundle(self, trainer: L.Trainer) -> None:
        """Send the bundle of the best checkpoint, if requested."""
        for run in _wandb_runs(trainer) if self.model else []:
            folder = (self.run_dir / "model").resolve()
            settings = json.loads((folder / SETTINGS_FILE).read_text(encoding="utf-8"))
            artifact = wandb.Artifact(f"model-{run.id}", type="model", metadata=settings)
            artifact.add_dir(str(folder), policy="immutable")  # files are read from the run folder, not from a copy
            run.log_artifact(artifact, aliases=["latest", "best"])


def line_on_wandb(error: WandbError) -> str:
    """Return one line on why W&B cannot be used, and what to do.

    >>> line_on_wandb(WandbError("No API key configured."))
    'W&B cannot be used: No API key configured; run wandb login, or set --trainer.logger.init_args.offline true'
    """
    reason = " ".join(str(error).split()).partition(". ")[0].removesuffix(".")
    return f"W&B cannot be used: {reason}; run wandb login, or set --trainer.logger.init_args.offline true"


def span_types(sentences: Iterable[PredictedSentence]) -> tuple[list[str], list[int], list[int]]:
    """Return the gold and the predicted type of every span that is annotated or predicted.

    If only one side has an entity with exactly these boundaries, the other type is ``O``. Two types therefore count as
    confused only if the boundaries agree.

    Returns:
        The names of the types, ``O`` first; the index of the gold type of every span; and that of its predicted type.
    """
    paired = (pair_entities(sentence.gold, sentence.predicted) for sentence in sentences)
    spans = [types for pairs in paired for pair in pairs for types in confused_types(pair)]
    names = sorted({name for types in spans for name in types if name is not None})
    index = {None: 0} | {name: position for position, name in enumerate(names, 1)}
    return [OUTSIDE, *names], [index[gold] for gold, _ in spans], [index[predicted] for _, predicted in spans]


def types_table(sentences: Iterable[PredictedSentence]) -> wandb.Table:
    """Return a table of precision, recall, F1 and counts by entity type."""
    rows = [
        [kind, counts.precision, counts.recall, counts.f1, counts.gold, counts.predicted]
        for kind, counts in score(sentences).by_type.items()
    ]
    return wandb.Table(columns=["type", "precision", "recall", "f1", "gold", "predicted"], data=rows)


def sentences_table(sentences: Iterable[PredictedSentence]) -> wandb.Table:
    """Return a table of all sentences with their entities as text and the number of errors.

    Each entity that is only annotated or only predicted counts as an error.
    """
    rows: list[list[Any]] = []
    for sentence in sentences:
        sides = (sentence.gold, sentence.predicted)
        shown = [entities_text(sentence.words, side) for side in sides]
        rows.append([sentence.id, " ".join(sentence.words), *shown, len(set(sides[0]) ^ set(sides[1]))])
    return wandb.Table(columns=["id", "text", "gold", "predicted", "errors"], data=rows)


def entities_text(words: Sequence[str], entities: Iterable[EntitySpan]) -> str:
    """Return entities in readable form.

    >>> entities_text(["Anna", "Berg", "left", "Oslo"], [EntitySpan(0, 2, "PER"), EntitySpan(3, 4, "LOC")])
    'Anna Berg PER, Oslo LOC'
    """
    return ", ".join(f"{entity.surface(words)} {entity.entity_type}" for entity in entities)


def _wandb_runs(trainer: L.Trainer) -> list[Any]:
    return [logger.experiment for logger in trainer.loggers if isinstance(logger, WandbLogger)]
