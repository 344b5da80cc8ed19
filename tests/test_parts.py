"""Tests that arguments of the wrong class are refused in one sentence, and that names of encoders are accepted."""

from collections.abc import Callable
from typing import Any

import lightning as L
import pytest
import torch

from ner_lightning.corpora.example_corpus import ExampleCorpus
from ner_lightning.modeling.encoders import PretrainedEncoder, SmallBert
from ner_lightning.modeling.losses import FocalLoss
from ner_lightning.schemes import BIOES
from ner_lightning.training.data_module import NERDataModule
from ner_lightning.training.tagger import NERTagger
from support.small_taggers import ENCODER, data_module

CORPUS = ExampleCorpus(num_train=8, num_validation=4, num_test=4)
NO_ENCODER = "encoder must be of class Encoder, such as PretrainedEncoder('distilbert-base-cased'), got "
ITSELF = "the class itself; call it"


def tagger(encoder: Any = ENCODER, **parts: Any) -> NERTagger:
    return NERTagger(encoder, **parts)


def data(corpus: Any = CORPUS, **parts: Any) -> NERDataModule:
    return NERDataModule(corpus, ENCODER, **parts)


@pytest.mark.parametrize(
    ("make", "line"),
    [
        (lambda: tagger(None), f"{NO_ENCODER}None"),
        (lambda: tagger(SmallBert), f"{NO_ENCODER}{ITSELF}"),
        (lambda: tagger(loss="focal"), "loss must be of class Loss, such as FocalLoss(), got 'focal'"),
        (lambda: tagger(loss=FocalLoss), f"loss must be of class Loss, such as FocalLoss(), got {ITSELF}"),
        (lambda: tagger(loss=""), "loss must be of class Loss, such as FocalLoss(), got ''"),
        (lambda: tagger(decoder="argmax"), "decoder must be of class Decoder, such as ViterbiDecoder(), got 'argmax'"),
        (lambda: tagger(schedule="cosin"), "schedule must be one of linear, cosine, constant, got 'cosin'"),
        (
            lambda: tagger(fine_tuning={"frozen_layers": 2}),
            "fine_tuning must be of class FineTuning, such as FineTuning(frozen_layers=2), got {'frozen_layers': 2}",
        ),
        (
            lambda: tagger(optimizer="adam"),
            "optimizer must be a function of parameters, such as lambda parameters: torch.optim.AdamW(parameters, "
            "lr=2e-5), got 'adam'",
        ),
        (
            lambda: data("train.conll"),
            "corpus must be of class CorpusReader, such as ColumnFiles(train='train.conll'), got 'train.conll'",
        ),
        (lambda: data(scheme="BIOES"), "scheme must be of class LabelScheme, such as BIOES(), got 'BIOES'"),
        (lambda: data(scheme=BIOES), f"scheme must be of class LabelScheme, such as BIOES(), got {ITSELF}"),
        (
            lambda: data(batches={"max_windows": 8}),
            "batches must be of class BatchSettings, such as BatchSettings(max_windows=32), got {'max_windows': 8}",
        ),
        (lambda: data(windows=3), "windows must be of class WindowSettings, such as WindowSettings(overlap=32), got 3"),
        (
            lambda: data(augmentation=["casing"]),
            "every augmentation must be of class Augmentation, such as CasingNoise(probability=0.1), got 'casing'",
        ),
        (lambda: data(entity_types="PER"), "entity_types must be a list or a mapping, got 'PER'; write ['PER']"),
    ],
)
def test_an_argument_of_the_wrong_class_is_refused_with_an_example(make: Callable[[], object], line: str) -> None:
    with pytest.raises((TypeError, ValueError)) as info:
        make()
    assert str(info.value) == line


def test_a_string_is_accepted_as_the_name_of_an_encoder() -> None:
    name: Any = "bert-base-cased"
    assert NERTagger(name).encoder == NERDataModule(CORPUS, name).encoder == PretrainedEncoder("bert-base-cased")


def test_gradient_ascent_is_refused() -> None:
    quiet: dict[str, Any] = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    usual = quiet | {"accelerator": "cpu", "max_steps": 1, "enable_checkpointing": False, "num_sanity_val_steps": 0}
    with pytest.raises(ValueError, match=r"trainer\.gradient_clip_val must be null or at least 0, got -1\.0"):
        L.Trainer(gradient_clip_val=-1.0, **usual).fit(tagger(), data_module(16))
    ascent = tagger(optimizer=lambda parameters: torch.optim.SGD(parameters, lr=0.1, maximize=True))
    with pytest.raises(ValueError, match=r"maximize must be false, got true: training minimises the loss"):
        L.Trainer(**usual).fit(ascent, data_module(16))
