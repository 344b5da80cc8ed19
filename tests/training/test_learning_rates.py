"""Tests of the learning rates in every optimizer step of a run."""

import math
from collections.abc import Callable

import lightning as L
import pytest
import torch

from ner_lightning.corpora.example_corpus import ExampleCorpus
from ner_lightning.modeling.encoders import SmallBert
from ner_lightning.modeling.fine_tuning import FineTuning
from ner_lightning.training.data_module import BatchSettings, NERDataModule
from ner_lightning.training.tagger import NERTagger

ENCODER = SmallBert(vocabulary_size=200, hidden_size=16, num_heads=2)


def rates_of(**settings: object) -> list[list[float]]:
    """Return the learning rate of every parameter group in each of 16 optimizer steps."""
    rates: list[list[float]] = []

    class WatchedSGD(torch.optim.SGD):
        def step(self, closure: Callable[[], float] | None = None) -> float | None:
            rates.append([group["lr"] for group in self.param_groups])
            return super().step(closure)

    tagger = NERTagger(ENCODER, optimizer=lambda parameters: WatchedSGD(parameters, lr=1.0), **settings)
    trainer = L.Trainer(
        accelerator="cpu",
        max_epochs=2,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )
    corpus = ExampleCorpus(num_train=32, num_validation=8, num_test=8)
    trainer.fit(tagger, NERDataModule(corpus, ENCODER, batches=BatchSettings(max_windows=4)))
    assert len(rates) == 16
    return rates


@pytest.mark.parametrize(
    ("schedule", "factor"),
    [
        ("linear", lambda share: 1 - share),
        ("cosine", lambda share: (1 + math.cos(math.pi * share)) / 2),
        ("constant", lambda share: share**0),
    ],
)
def test_the_learning_rate_rises_and_follows_its_schedule(schedule: str, factor: Callable[[float], float]) -> None:
    rates = rates_of(schedule=schedule, warmup_ratio=0.25)
    expected = [step / 4 for step in range(4)] + [factor(step / 12) for step in range(12)]
    assert [rate for rate, *_ in rates] == pytest.approx(expected)


def test_layers_and_head_keep_their_relative_rates_along_the_schedule() -> None:
    settings = {"head_learning_rate": 5.0, "fine_tuning": FineTuning(layer_decay=0.5), "warmup_ratio": 0.0}
    rates = rates_of(**settings)
    assert set(rates[0]) == {0.25, 0.5, 1.0, 5.0}  # embeddings, two layers, head
    for step, row in enumerate(rates):
        assert row == pytest.approx([rate * (1 - step / len(rates)) for rate in rates[0]])
