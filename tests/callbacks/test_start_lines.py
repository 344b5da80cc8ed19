"""What is said before training."""

from types import SimpleNamespace
from typing import Any

import pytest
from torch import nn

from ner_lightning.callbacks.start_lines import StartLines


def test_entity_types_are_named_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    tagger: Any = nn.Linear(2, 3)
    tagger.objective = SimpleNamespace(weights_by_type={"[/x]": 2.0, ":100:": 0.5})
    corpus = SimpleNamespace(splits={"train": ["a", "b"]})
    trainer: Any = SimpleNamespace(datamodule=SimpleNamespace(corpus=corpus, num_annotated=2, repeat_factors={}))
    StartLines().on_fit_start(trainer, tagger)
    expected = "trains 9 of 9 parameters (100.00%)\nclass weights: [/x] 2, :100: 0.5\n"
    assert capsys.readouterr().err == expected
