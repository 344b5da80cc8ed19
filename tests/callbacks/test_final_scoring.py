"""Tests that final scoring happens in `validate` and `test`, and not after each epoch of training."""

from typing import Any

import lightning as L

from ner_lightning.callbacks.final_scoring import FinalScoring
from ner_lightning.corpora.example_corpus import ExampleCorpus
from ner_lightning.corpora.reader import SplitName
from ner_lightning.encoding.batches import EvaluationBatch
from ner_lightning.modeling.encoders import SmallBert
from ner_lightning.training.data_module import NERDataModule
from ner_lightning.training.tagger import NERTagger
from support.quiet_trainer import quiet_trainer


class Recorder(FinalScoring):
    def __init__(self) -> None:
        self.seen: list[str] = []

    def add(self, tagger: Any, data: Any, outputs: Any, batch: EvaluationBatch) -> None:  # noqa: ARG002
        self.seen += [sentence.id for sentence in batch.sentences]

    def finish(self, trainer: L.Trainer, split: SplitName) -> None:  # noqa: ARG002
        self.seen.append(f"end of {split}")


def test_validation_after_an_epoch_is_not_scored_as_final() -> None:
    encoder, recorder = SmallBert(hidden_size=16, num_layers=1, num_heads=1, vocabulary_size=200), Recorder()
    data = NERDataModule(ExampleCorpus(num_train=16, num_validation=8, num_test=6), encoder)
    trainer = quiet_trainer(max_epochs=2, callbacks=[recorder])
    tagger = NERTagger(encoder)
    trainer.fit(tagger, data)
    assert recorder.seen == []
    trainer.validate(tagger, data, verbose=False)
    trainer.test(tagger, data, verbose=False)
    splits = data.bound.corpus.splits
    assert sorted(recorder.seen[:8]) == sorted(sentence.id for sentence in splits["validation"])
    assert recorder.seen[8] == "end of validation"
    assert sorted(recorder.seen[9:-1]) == sorted(sentence.id for sentence in splits["test"])
    assert recorder.seen[-1] == "end of test"
