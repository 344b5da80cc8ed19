"""What the choice of the decoder does to the scores of one model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightning as L
from rich.console import Console
from rich.table import Column, Table

from ner_lightning.callbacks.final_scoring import FinalScoring
from ner_lightning.callbacks.run_record import write_json
from ner_lightning.corpora.reader import SplitName
from ner_lightning.encoding.batches import EvaluationBatch
from ner_lightning.metrics.span_f1 import SpanF1
from ner_lightning.modeling.decoders import ArgmaxDecoder, Decoder, ViterbiDecoder
from ner_lightning.schemes import IGNORE_INDEX

DECODERS: dict[str, Decoder] = {"argmax": ArgmaxDecoder(), "viterbi": ViterbiDecoder()}


class DecoderComparison(FinalScoring):
    """Scores the same logits by every decoder, and shows them side by side at the end of validate and test.

    Args:
        run_dir: The run folder; all scores go to ``predictions/<split>.decoders.json``.
    """

    def __init__(self, run_dir: Path) -> None:
        self.run_dir = run_dir
        self.metrics: dict[str, SpanF1] = {}

    def add(self, tagger: Any, data: Any, outputs: Any, batch: EvaluationBatch) -> None:
        if not self.metrics:
            self.metrics = {name: SpanF1(data.tags, data.gold_tags).to(tagger.device) for name in DECODERS}
        mask = batch.gold != IGNORE_INDEX
        for name, decoder in DECODERS.items():
            tag_ids = decoder.tag_ids(outputs["logits"], mask, data.tags, tagger.objective.transitions)
            self.metrics[name].update(tag_ids, batch.gold)

    def finish(self, trainer: L.Trainer, split: SplitName) -> None:
        scores = {
            decoder: {name: score.item() for name, score in metric.compute().items()}
            for decoder, metric in self.metrics.items()
        }
        self.metrics = {}
        if trainer.is_global_zero:
            write_json(self.run_dir / "predictions" / f"{split}.decoders.json", scores)
            columns = [Column(name, justify="right") for name in ("F1", "strict F1", "ill-formed sentences")]
            table = Table("decoder", *columns, title="the same model by decoder, per cent", title_justify="left")
            for name, score in scores.items():
                shares = (score["f1"], score["f1_strict"], score["ill_formed"])
                table.add_row(name, *(f"{100 * share:.2f}" for share in shares))
            Console().print(table)
