"""Small taggers that are trained on the example corpus."""

import lightning as L
import torch

from ner_lightning.corpora.example_corpus import ExampleCorpus
from ner_lightning.modeling.class_weights import Balanced, GivenWeights, InverseSqrt
from ner_lightning.modeling.crf import CRFLoss
from ner_lightning.modeling.encoders import SmallBert
from ner_lightning.modeling.losses import CrossEntropyLoss, DiceLoss, FocalLoss, Loss, WeightedCrossEntropyLoss
from ner_lightning.schemes import LabelScheme
from ner_lightning.training.data_module import BatchSettings, NERDataModule
from ner_lightning.training.tagger import NERTagger
from support.quiet_trainer import quiet_trainer

ENCODER = SmallBert(vocabulary_size=300, hidden_size=32, num_heads=2, dropout=0.0)


LOSSES = [
    CrossEntropyLoss(0.1),
    WeightedCrossEntropyLoss(Balanced()),
    WeightedCrossEntropyLoss(GivenWeights(dict.fromkeys(["O", "LOC", "MISC", "ORG", "PER"], 1e-3))),
    FocalLoss(1.5, InverseSqrt()),
    DiceLoss(),
    CRFLoss(),
]


def data_module(num_train: int = 48, scheme: LabelScheme | None = None, **batches: int) -> NERDataModule:
    corpus = ExampleCorpus(num_train=num_train, num_validation=24, num_test=8)
    return NERDataModule(corpus, ENCODER, scheme=scheme, batches=BatchSettings(**batches))


def trainer(max_epochs: int = 1, **settings: object) -> L.Trainer:
    return quiet_trainer(max_epochs=max_epochs, **settings)


def sgd(parameters: list) -> torch.optim.Optimizer:
    return torch.optim.SGD(parameters, lr=1.0)


def trained(
    data: NERDataModule, accumulate: int = 1, precision: str = "32-true", loss: Loss | None = None
) -> tuple[NERTagger, L.Trainer]:
    torch.manual_seed(0)
    tagger = NERTagger(ENCODER, loss, optimizer=sgd, warmup_ratio=0.0)
    fitting = trainer(accumulate_grad_batches=accumulate, precision=precision, gradient_clip_val=1.0)
    fitting.fit(tagger, data)
    return tagger, fitting
