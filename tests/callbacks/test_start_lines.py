"""The lines that a run prints before it trains."""

import re

import pytest

from ner_lightning.callbacks.start_lines import StartLines
from ner_lightning.corpora.example_corpus import ExampleCorpus
from ner_lightning.modeling.class_weights import GivenWeights
from ner_lightning.modeling.encoders import SmallBert
from ner_lightning.modeling.losses import WeightedCrossEntropyLoss
from ner_lightning.training.data_module import NERDataModule
from ner_lightning.training.tagger import NERTagger
from support.quiet_trainer import quiet_trainer


def test_entity_types_are_printed_unchanged_even_if_they_look_like_markup(capsys: pytest.CaptureFixture[str]) -> None:
    encoder = SmallBert(hidden_size=16, num_heads=2, num_layers=1, vocabulary_size=200)
    corpus = ExampleCorpus(num_train=8, num_validation=4, num_test=4)
    data = NERDataModule(corpus, encoder, entity_types={"PER": "[/x]", "LOC": ":100:"})
    weights = GivenWeights({"O": 1.0, "[/x]": 2.0, ":100:": 0.5})
    tagger = NERTagger(encoder, WeightedCrossEntropyLoss(weights))
    quiet_trainer(max_steps=1, callbacks=[StartLines()]).fit(tagger, data)
    expected = r"trains ([\d,]+) of \1 parameters \(100\.00%\) in 32-true\nclass weights: .*:100: 0\.5, \[/x\] 2\n"
    assert re.fullmatch(expected, capsys.readouterr().err)
