"""Tests of the moving average of the weights: its value, its use in validation, and exact resuming."""

from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch

from ner_lightning.corpora.example_corpus import ExampleCorpus
from ner_lightning.modeling.encoders import SmallBert
from ner_lightning.modeling.fine_tuning import FineTuning
from ner_lightning.training.data_module import BatchSettings, NERDataModule
from ner_lightning.training.moving_average import CURRENT_WEIGHTS, MovingAverage, trained_weights
from ner_lightning.training.tagger import NERTagger
from support.quiet_trainer import quiet_trainer

ENCODER = SmallBert(vocabulary_size=200, hidden_size=16, num_heads=2)
DECAY = 0.6
Weights = dict[str, torch.Tensor]


class Watch(L.Callback):
    """Records the weights after every optimizer step, and those used in validation."""

    def __init__(self) -> None:
        self.steps: list[Weights] = []
        self.validated: list[Weights] = []

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:  # noqa: ARG002
        self.steps.append(copied(pl_module))

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: L.LightningModule, *_: Any) -> None:
        if trainer.global_step == len(self.steps):
            self.steps.append(copied(pl_module))

    def on_validation_batch_end(self, trainer: L.Trainer, pl_module: L.LightningModule, *_: Any) -> None:  # noqa: ARG002
        self.validated.append(copied(pl_module))


class SaveEachEpoch(L.Callback):
    """Saves ``1.ckpt``, ``2.ckpt`` and so on."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:  # noqa: ARG002
        trainer.save_checkpoint(self.folder / f"{trainer.current_epoch + 1}.ckpt")


class BreakOffError(Exception):
    """An error that ends a run in the middle."""


class SaveInValidation(L.Callback):
    """Saves ``validated.ckpt`` while the average is validated, and then ends the run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def on_validation_batch_end(self, trainer: L.Trainer, pl_module: L.LightningModule, *_: Any) -> None:  # noqa: ARG002
        trainer.save_checkpoint(self.folder / "validated.ckpt")
        raise BreakOffError


def copied(module: torch.nn.Module) -> Weights:
    return {name: weights.clone() for name, weights in trained_weights(module).items()}


def data_module() -> NERDataModule:
    corpus = ExampleCorpus(num_train=32, num_validation=8, num_test=8)
    return NERDataModule(corpus, ENCODER, batches=BatchSettings(max_windows=8))


def tagger(average_decay: float | None = DECAY, frozen_layers: int = 0) -> NERTagger:
    torch.manual_seed(0)
    settings = FineTuning(average_decay=average_decay, frozen_layers=frozen_layers)
    return NERTagger(ENCODER, optimizer=lambda parameters: torch.optim.AdamW(parameters, lr=0.01), fine_tuning=settings)


def trainer(*callbacks: L.Callback, **settings: Any) -> L.Trainer:
    return quiet_trainer(callbacks=list(callbacks), **settings)


def assert_same(left: Weights, right: Weights, **tolerance: float) -> None:
    assert left.keys() == right.keys()
    for name, weights in left.items():
        torch.testing.assert_close(weights, right[name], **tolerance or {"atol": 0, "rtol": 0})


def averages(steps: list[Weights]) -> list[Weights]:
    """Return the average after every step, calculated step by step."""
    found = [steps[0]]
    for number, weights in enumerate(steps[1:], start=1):
        decay = min(DECAY, (1 + number) / (10 + number))
        found.append({name: decay * found[-1][name] + (1 - decay) * weights[name] for name in weights})
    return found


@pytest.mark.parametrize("accumulate", [1, 2])
def test_validation_and_the_trained_tagger_use_the_average_of_the_weights(accumulate: int) -> None:
    watch, trained = Watch(), tagger()
    trainer(watch, max_epochs=4, accumulate_grad_batches=accumulate).fit(trained, data_module())
    expected = averages(watch.steps)
    assert len(expected) == 16 // accumulate + 1
    assert len(watch.validated) == 4
    for epoch, seen in enumerate(watch.validated, start=1):
        assert_same(seen, expected[epoch * 4 // accumulate], atol=1e-6, rtol=1e-5)
    assert_same(copied(trained), expected[-1], atol=1e-6, rtol=1e-5)
    head = "classifier.network.classifier.weight"
    assert (copied(trained)[head] - watch.steps[-1][head]).abs().max() > 1e-3


def test_averaging_does_not_change_the_optimizer_steps() -> None:
    steps = []
    for decay in (DECAY, None):
        watch = Watch()
        trainer(watch, max_epochs=2).fit(tagger(decay), data_module())
        steps.append(watch.steps)
    for with_average, without in zip(*steps, strict=True):
        assert_same(with_average, without)


def test_averaging_low_precision_weights_is_refused() -> None:
    with pytest.raises(ValueError, match=r"needs trainer\.precision 32-true or bf16-mixed"):
        trainer(max_epochs=1, precision="bf16-true").fit(tagger(), data_module())


def test_frozen_weights_are_not_averaged() -> None:
    trained = tagger(frozen_layers=1)
    watch = Watch()
    trainer(watch, max_epochs=1).fit(trained, data_module())
    assert watch.steps[0].keys() == trained_weights(trained).keys()
    assert not any("embeddings" in name for name in trained_weights(trained))


def test_a_checkpoint_contains_the_average_and_resuming_from_it_is_exact(tmp_path: Path) -> None:
    whole, watch = tagger(), Watch()
    trainer(watch, SaveEachEpoch(tmp_path), max_epochs=2).fit(whole, data_module())
    loaded = NERTagger.load_from_checkpoint(tmp_path / "1.ckpt")
    assert_same(copied(loaded), watch.validated[0])

    resumed, watch_resumed = tagger(), Watch()
    trainer(watch_resumed, max_epochs=2).fit(resumed, data_module(), ckpt_path=tmp_path / "1.ckpt", weights_only=True)
    assert_same(watch_resumed.steps[0], watch.steps[4])
    assert_same(watch_resumed.validated[-1], watch.validated[-1])
    assert_same(copied(resumed), copied(whole))


def test_scoring_a_checkpoint_after_training_uses_the_average(tmp_path: Path) -> None:
    trained, watch, data = tagger(), Watch(), data_module()
    fitting = trainer(watch, SaveEachEpoch(tmp_path), max_epochs=1)
    fitting.fit(trained, data)
    for score in (fitting.validate, fitting.test):
        score(trained, data, ckpt_path=tmp_path / "1.ckpt", weights_only=True, verbose=False)
        assert_same(copied(trained), watch.validated[0])


def test_a_checkpoint_saved_during_validation_does_not_swap_average_and_weights(tmp_path: Path) -> None:
    trained, watch = tagger(), Watch()
    with pytest.raises(BreakOffError):
        trainer(watch, SaveInValidation(tmp_path), max_epochs=1).fit(trained, data_module())
    checkpoint = torch.load(tmp_path / "validated.ckpt", weights_only=True)
    (average,) = watch.validated
    assert_same({name: checkpoint["state_dict"][name] for name in average}, average)
    assert_same(checkpoint[CURRENT_WEIGHTS], watch.steps[-1])


def test_a_run_that_fails_in_validation_restores_the_trained_weights(tmp_path: Path) -> None:
    trained, watch, breaking = tagger(), Watch(), trainer(SaveInValidation(tmp_path), max_epochs=1)
    breaking.callbacks.insert(0, watch)
    with pytest.raises(BreakOffError):
        breaking.fit(trained, data_module())
    assert_same(copied(trained), watch.steps[-1])


@pytest.mark.parametrize(("saved", "own"), [(DECAY, None), (None, DECAY)])
def test_a_resumed_run_cannot_start_or_stop_averaging(tmp_path: Path, saved: float | None, own: float | None) -> None:
    trainer(SaveEachEpoch(tmp_path), max_epochs=1).fit(tagger(saved), data_module())
    with pytest.raises(ValueError, match="average_decay"):
        trainer(max_epochs=2).fit(tagger(own), data_module(), ckpt_path=tmp_path / "1.ckpt", weights_only=True)
    trainer().test(tagger(own), data_module(), ckpt_path=tmp_path / "1.ckpt", weights_only=True, verbose=False)


def test_without_training_the_callback_does_nothing() -> None:
    callback, module, checkpoint = MovingAverage(DECAY), L.LightningModule(), {"state_dict": {}}
    idle = trainer()
    callback.on_validation_start(idle, module)
    callback.on_save_checkpoint(idle, module, checkpoint)
    assert checkpoint == {"state_dict": {}}
