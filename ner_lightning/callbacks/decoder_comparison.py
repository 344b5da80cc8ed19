"""Scores one model with every decoder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import lightning as L
from torch import Tensor

from ner_lightning.atomic_files import write_json
from ner_lightning.callbacks.final_scoring import FinalScoring
from ner_lightning.callbacks.predictions_file import predicted_sentences, write_gathered
from ner_lightning.console import output_console
from ner_lightning.corpora.reader import SplitName
from ner_lightning.encoding.batches import EvaluationBatch
from ner_lightning.encoding.bound_corpus import BoundCorpus
from ner_lightning.evaluation.pages.score_tables import decoders_table
from ner_lightning.evaluation.pages.tables import print_table
from ner_lightning.metrics.span_f1 import SpanF1
from ner_lightning.modeling.decoders import ArgmaxDecoder, Decoder, ViterbiDecoder
from ner_lightning.predictions import PredictedSentence
from ner_lightning.runs.folders import PREDICTIONS
from ner_lightning.training.data_module import data_module_of
from ner_lightning.training.tagger import NERTagger, tagger_of

DECODERS: dict[str, Decoder] = {"argmax": ArgmaxDecoder(), "viterbi": ViterbiDecoder()}


class DecoderComparison(FinalScoring):
    """Scores the same logits with every decoder, and shows the scores side by side at the end of validate and test.

    All scores are written to ``predictions/<split>.decoders.json``. The predictions of decoders other than the tagger's
    are written to ``predictions/<split>.<decoder>.jsonl``.

    Args:
        run_dir: The run folder.
    """

    def __init__(self, run_dir: Path) -> None:
        self.run_dir = run_dir
        self.metrics: dict[str, SpanF1] = {}
        self.predicted: dict[str, list[PredictedSentence]] = {}

    def begin(self, tagger: NERTagger, bound: BoundCorpus) -> None:
        """Start counting if necessary; a rank without any batch contributes zero counts."""
        if not self.metrics:
            self.metrics = {name: SpanF1(bound.tags, bound.gold_tags).to(tagger.device) for name in DECODERS}
            self.predicted = {name: [] for name, decoder in DECODERS.items() if decoder != tagger.decoder}

    def add(self, tagger: NERTagger, bound: BoundCorpus, outputs: Mapping[str, Tensor], batch: EvaluationBatch) -> None:
        self.begin(tagger, bound)
        logits = outputs["logits"]
        for name, decoder in DECODERS.items():
            predicted = decoder.tag_ids(logits, batch.mask, bound.tags, tagger.objective.transitions)
            tag_ids = batch.scored(predicted, bound.tags)
            self.metrics[name].update(tag_ids, batch.gold)
            if name in self.predicted:
                self.predicted[name] += predicted_sentences(tagger, decoder, logits, tag_ids, batch)

    def finish(self, trainer: L.Trainer, split: SplitName) -> None:
        self.begin(tagger_of(trainer), data_module_of(trainer).bound)
        scores = {
            decoder: {name: score.item() for name, score in metric.compute().items()}
            for decoder, metric in self.metrics.items()
        }
        folder = self.run_dir / PREDICTIONS
        for decoder, predicted in self.predicted.items():
            write_gathered(trainer, split, predicted, folder / f"{split}.{decoder}.jsonl")
        self.metrics, self.predicted = {}, {}
        if trainer.is_global_zero:
            write_json(folder / f"{split}.decoders.json", scores)
            print_table(output_console(), decoders_table(scores))
