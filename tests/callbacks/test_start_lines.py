"""Tests of the lines that a run prints before it trains."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest
from lightning.pytorch.callbacks import LambdaCallback

from ner_lightning.callbacks.start_lines import StartLines
from ner_lightning.corpora.example_corpus import ExampleCorpus
from ner_lightning.corpora.reader import Corpus, CorpusReader
from ner_lightning.modeling.class_weights import GivenWeights
from ner_lightning.modeling.encoders import SmallBert
from ner_lightning.modeling.losses import WeightedCrossEntropyLoss
from ner_lightning.training.data_module import NERDataModule
from ner_lightning.training.optimizer_steps import MIN_STEPS, SMALL_CORPUS
from ner_lightning.training.tagger import NERTagger
from support.quiet_trainer import quiet_trainer


class StoppedError(Exception):
    """Raised instead of training."""


def stop(*_: object) -> None:
    raise StoppedError


def test_entity_types_are_printed_unchanged_even_if_they_look_like_markup(capsys: pytest.CaptureFixture[str]) -> None:
    encoder = SmallBert(hidden_size=16, num_heads=2, num_layers=1, vocabulary_size=200)
    corpus = ExampleCorpus(num_train=8, num_validation=4, num_test=4)
    data = NERDataModule(corpus, encoder, entity_types={"PER": "[/x]", "LOC": ":100:"})
    weights = GivenWeights({"O": 1.0, "[/x]": 2.0, ":100:": 0.5})
    tagger = NERTagger(encoder, WeightedCrossEntropyLoss(weights))
    quiet_trainer(max_steps=1, callbacks=[StartLines()]).fit(tagger, data)
    expected = r"trains ([\d,]+) of \1 parameters \(100\.00%\) in 32-true\nclass weights: .*:100: 0\.5, \[/x\] 2\n"
    assert re.match(expected, capsys.readouterr().err)


def lines_before_training(
    capsys: pytest.CaptureFixture[str], max_epochs: int, schedule: Literal["linear", "constant"] = "linear"
) -> str:
    """Return the lines that a run with 3 batches per epoch prints before it trains; the run is stopped there."""
    encoder = SmallBert(hidden_size=16, num_heads=2, num_layers=1, vocabulary_size=200)
    data = NERDataModule(ExampleCorpus(num_train=33, num_validation=4, num_test=4), encoder)
    tagger = NERTagger(encoder, schedule=schedule, warmup_ratio=0.0)
    callbacks = [StartLines(), LambdaCallback(on_train_start=stop)]
    with pytest.raises(StoppedError):
        quiet_trainer(callbacks=callbacks, max_epochs=max_epochs).fit(tagger, data)
    return capsys.readouterr().err


def test_a_run_of_few_steps_names_the_overlay_for_small_corpora(capsys: pytest.CaptureFixture[str]) -> None:
    printed = lines_before_training(capsys, max_epochs=3)
    assert "optimizer steps: 9\nwarning: 9 optimizer steps are few" in printed
    assert f"--config {SMALL_CORPUS} " in printed
    assert (Path(__file__).parents[2] / SMALL_CORPUS).is_file()


def test_a_run_of_enough_steps_is_not_warned_about(capsys: pytest.CaptureFixture[str]) -> None:
    assert lines_before_training(capsys, max_epochs=MIN_STEPS // 3).endswith("optimizer steps: 300\n")


def test_a_run_without_an_end_prints_no_number_of_steps(capsys: pytest.CaptureFixture[str]) -> None:
    assert "optimizer steps" not in lines_before_training(capsys, max_epochs=-1, schedule="constant")


class WithoutDocuments(CorpusReader):
    def read(self) -> Corpus:
        corpus = ExampleCorpus(num_train=33, num_validation=4, num_test=4).read()
        splits = {name: tuple(replace(s, document_id=None) for s in split) for name, split in corpus.splits.items()}
        return replace(corpus, splits=splits)


@pytest.mark.parametrize("settings", [{"unit": "document"}, {"context": 8}, {}])
def test_neighbors_that_a_corpus_does_not_have_are_warned_about(
    settings: dict, capsys: pytest.CaptureFixture[str]
) -> None:
    encoder = SmallBert(hidden_size=16, num_heads=2, num_layers=1, vocabulary_size=200)
    printed = []
    for corpus in (ExampleCorpus(num_train=33, num_validation=4, num_test=4), WithoutDocuments()):
        callbacks = [StartLines(), LambdaCallback(on_train_start=stop)]
        with pytest.raises(StoppedError):
            quiet_trainer(callbacks=callbacks, max_epochs=1).fit(
                NERTagger(encoder), NERDataModule(corpus, encoder, **settings)
            )
        printed.append(capsys.readouterr().err)
    assert ["names no documents" in text for text in printed] == [False, bool(settings)]
