"""Writes the predictions file of a split, checks its scores against seqeval, and prints them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import lightning as L
from jaxtyping import Float, Int
from torch import Tensor

from ner_lightning.callbacks.final_scoring import FinalScoring
from ner_lightning.callbacks.ranks import gathered
from ner_lightning.console import output_console
from ner_lightning.corpora.reader import SplitName
from ner_lightning.encoding.batches import EvaluationBatch
from ner_lightning.encoding.bound_corpus import BoundCorpus
from ner_lightning.evaluation.pages.score_tables import scores_table
from ner_lightning.evaluation.pages.tables import print_table
from ner_lightning.evaluation.scores import score
from ner_lightning.evaluation.seqeval_referee import differences_from_seqeval, seqeval_scores
from ner_lightning.modeling.decoders import Decoder
from ner_lightning.predictions import PredictedSentence, holds_predictions, read_predictions, write_predictions
from ner_lightning.runs.folders import PREDICTIONS
from ner_lightning.training.data_module import data_module_of
from ner_lightning.training.tagger import NERTagger


def predicted_sentences(
    tagger: NERTagger,
    decoder: Decoder,
    logits: Float[Tensor, "batch words tags"],
    tag_ids: Int[Tensor, "batch words"],
    batch: EvaluationBatch,
) -> Iterator[PredictedSentence]:
    """Yield the sentences of a batch with the entities that the decoder finds."""
    assert tagger.tags is not None
    found = decoder.entities(logits, tag_ids, tagger.tags, tagger.objective.transitions)
    for sentence, entities, row in zip(batch.sentences, found, tag_ids.tolist(), strict=True):
        names = tuple(tagger.tags.tags[tag_id] for tag_id in row[: len(sentence)])
        yield PredictedSentence.of(sentence, entities, names)


def write_gathered(trainer: L.Trainer, split: SplitName, predicted: Sequence[PredictedSentence], path: Path) -> None:
    """Write the predictions of all ranks on the first rank, in the order of the corpus; every rank must call this.

    Raises:
        ValueError: If the file already holds different predictions, which would be lost.
    """
    parts = gathered(trainer, predicted)
    if not trainer.is_global_zero:
        return
    by_id = {sentence.id: sentence for part in parts for sentence in part}
    write_once(path, [by_id[sentence.id] for sentence in data_module_of(trainer).bound.corpus.splits[split]])


def write_once(path: Path, predicted: Sequence[PredictedSentence]) -> None:
    """Write predictions.

    Raises:
        ValueError: If the file already holds different predictions, which would be lost.
    """
    if path.exists() and not holds_predictions(path, predicted):
        raise ValueError(
            f"{path} holds different predictions, which would be lost; choose another folder with --run_dir"
        )
    write_predictions(path, predicted)


class PredictionsFile(FinalScoring):
    """Writes ``predictions/<split>.jsonl`` at the end of validate and test, but not after the validation of each epoch.

    The file holds every sentence once, in the order of the corpus, for any number of ranks. The printed scores are
    computed from the file, and must equal those of seqeval. A file with different predictions is not replaced.

    Args:
        run_dir: The run folder.
    """

    def __init__(self, run_dir: Path) -> None:
        self.run_dir = run_dir
        self.predicted: list[PredictedSentence] = []

    def path(self, split: SplitName) -> Path:
        return self.run_dir / PREDICTIONS / f"{split}.jsonl"

    def add(self, tagger: NERTagger, bound: BoundCorpus, outputs: Mapping[str, Tensor], batch: EvaluationBatch) -> None:
        self.predicted += predicted_sentences(tagger, tagger.decoder, outputs["logits"], outputs["tag_ids"], batch)

    def finish(self, trainer: L.Trainer, split: SplitName) -> None:
        path = self.path(split)
        predicted, self.predicted = self.predicted, []
        write_gathered(trainer, split, predicted, path)
        if not trainer.is_global_zero:
            return
        written = read_predictions(path)
        logged = {name.removeprefix(f"{split}/"): float(value) for name, value in trainer.callback_metrics.items()}
        differing = differences_from_seqeval(logged, seqeval_scores(written))
        if differing:
            raise RuntimeError(f"the scores must equal those of seqeval, got {'; '.join(differing)}")
        coverage = data_module_of(trainer).bound.coverage(split)
        console = output_console()
        print_table(console, scores_table(score(written), f"{split}: entities, confirmed by seqeval"))
        console.print(
            f"strict F1 {100 * logged['f1_strict']:.2f}, ill-formed sentences {100 * logged['ill_formed']:.2f} %, "
            f"word accuracy {100 * logged['word_accuracy']:.2f}\ncoverage: {coverage}",
            style="dim",
            highlight=False,
        )
