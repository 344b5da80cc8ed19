"""A script for torchrun in which every rank saves its results, to compare them with other ranks and one process.

    torchrun --standalone --nproc-per-node 2 tests/support/rank_script.py FOLDER ACCELERATOR

All losses and layouts are run in a single start, because starting takes longer than running them.
"""

import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import chain
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import Checkpoint
from lightning.pytorch.strategies import DDPStrategy
from torch.utils.data import DataLoader

sys.path.append(str(Path(__file__).parents[1]))  # as pytest does

from ner_lightning.callbacks.finite_steps import FiniteSteps
from ner_lightning.callbacks.last_checkpoint import LastCheckpoint
from ner_lightning.callbacks.stop_on_signal import StopOnSignal, Stopped
from ner_lightning.corpora.example_corpus import ExampleCorpus
from ner_lightning.corpora.reader import Corpus, CorpusReader
from ner_lightning.encoding.augmentation import MentionReplacement, TypingNoise
from ner_lightning.encoding.batch_sampler import StepLayout, TokenBudgetBatchSampler
from ner_lightning.encoding.batches import Batch
from ner_lightning.modeling.class_weights import Balanced, InverseSqrt
from ner_lightning.modeling.crf import CRFLoss
from ner_lightning.modeling.encoders import SmallBert
from ner_lightning.modeling.losses import CrossEntropyLoss, DiceLoss, FocalLoss, Loss, WeightedCrossEntropyLoss
from ner_lightning.quiet_libraries import silence_libraries
from ner_lightning.schemes import BIOES
from ner_lightning.sentences import Sentence
from ner_lightning.training.data_module import BatchSettings, NERDataModule, WindowSettings
from ner_lightning.training.tagger import NERTagger
from support import accidents

ENCODER = SmallBert(vocabulary_size=200, hidden_size=16, num_layers=1, num_heads=2, dropout=0.0)
LOSSES: dict[str, Callable[[], Loss]] = {
    "cross_entropy": lambda: CrossEntropyLoss(0.1),
    "weighted": lambda: WeightedCrossEntropyLoss(Balanced()),
    "focal": lambda: FocalLoss(1.5, InverseSqrt()),
    "dice": DiceLoss,
    "crf": CRFLoss,
}
NUM_TRAIN = 17  # no layout divides this number evenly
UNCUT = WindowSettings()


@dataclass(frozen=True)
class Layout:
    """The size of windows, and their distribution over batches and optimizer steps."""

    max_windows: int
    accumulate: int = 1
    windows: WindowSettings = UNCUT
    num_empty: int = 0


LAYOUTS = {
    "9x1": Layout(9),
    "3x1": Layout(3),
    "2x3": Layout(2, 3),
    "1x4": Layout(1, 4),
    "cut sentences": Layout(9, 2, WindowSettings("all", max_subwords=8, overlap=2)),
    "nothing to score": Layout(1, num_empty=8),
}
EPOCHS = range(2)
Gradients = list[dict[str, torch.Tensor]]


@dataclass(frozen=True)
class WithEmptySentences(CorpusReader):
    """The example corpus with additional training sentences that have no words."""

    num_empty: int

    def read(self) -> Corpus:
        corpus = ExampleCorpus(num_train=NUM_TRAIN, num_validation=7, num_test=7).read()
        empty = (Sentence((), id=f"empty-{number}") for number in range(self.num_empty))
        return replace(corpus, splits={**corpus.splits, "train": (*corpus.splits["train"], *empty)})


class StepGradients(L.Callback):
    """Records the gradient of every optimizer step."""

    def __init__(self) -> None:
        self.steps: Gradients = []

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Batch, batch_idx: int
    ) -> None:
        if trainer.global_step > len(self.steps):
            gradients = {n: p.grad for n, p in pl_module.named_parameters() if p.grad is not None}
            self.steps.append({name: gradient.cpu().clone() for name, gradient in gradients.items()})


class SharedValues(L.Callback):
    """Records the values that all ranks must agree on, and the windows of this rank."""

    def __init__(self) -> None:
        self.found: dict[str, Any] = {}

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        tagger: Any = pl_module
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        self.found = {
            "tags": data.bound.tags.to_plain(),
            "vocabulary": data.bound.tokenizer.get_vocab(),
            "class weights": tagger.objective.weights_by_type,
            "repeat factors": data.bound.repeat_factors,
            "batches": [],
            "subwords": [],
        }
        loader: Any = trainer.train_dataloader
        for epoch in EPOCHS:
            loader.batch_sampler.sampler.set_epoch(epoch)
            self.found["batches"].append(list(loader.batch_sampler))
            self.found["subwords"].append([batch.input_ids for batch in loader])


class JoinedSteps(NERDataModule):
    """A data module that joins the windows of each step of several ranks in one batch."""

    steps: list[list[int]]

    def train_dataloader(self) -> DataLoader[Batch]:
        windows = [window for _, windows in self.bound.encoded["train"] for window in windows]
        return self._loader(windows, self.steps, self.bound.window_encoder.collate)


def data_module(layout: Layout, kind: type[NERDataModule] = NERDataModule) -> NERDataModule:
    batches = BatchSettings(max_windows=layout.max_windows, evaluation_subwords=20)
    return kind(WithEmptySentences(layout.num_empty), ENCODER, windows=layout.windows, batches=batches)


def varied_data_module() -> NERDataModule:
    """Return a data module that uses all of its random features."""
    batches = BatchSettings(max_windows=2, repeat_threshold=0.9, evaluation_subwords=20)
    changes = [MentionReplacement(0.5), TypingNoise(0.3)]
    return NERDataModule(WithEmptySentences(0), ENCODER, BIOES(), batches=batches, augmentation=changes)


def sampler_of(data: NERDataModule, layout: StepLayout) -> TokenBudgetBatchSampler:
    lengths = [len(window.input_ids) for _, windows in data.bound.encoded["train"] for window in windows]
    return TokenBudgetBatchSampler(
        lengths,
        max_subwords=data.batches.max_subwords,
        max_windows=data.batches.max_windows,
        seed=data.seed,
        layout=layout,
    )


def joined_steps(layout: Layout, num_ranks: int) -> JoinedSteps:
    """Return a data module with which one process takes the steps of this number of ranks."""
    data = data_module(layout, JoinedSteps)
    data.setup()
    step_layout = StepLayout(0, num_ranks, layout.accumulate)
    batches = sampler_of(data, step_layout).batches_of(0)
    per_step = step_layout.batches_per_step
    data.steps = [[*chain(*batches[i : i + per_step])] for i in range(0, len(batches), per_step)]
    return data


def gradients(
    loss: Loss,
    data: NERDataModule,
    accumulate: int = 1,
    callbacks: tuple[L.Callback, ...] = (),
    **settings: Any,
) -> Gradients:
    """Return the gradients of all steps of an epoch."""
    torch.manual_seed(0)
    kept = StepGradients()
    optimizer = {"optimizer": lambda parameters: torch.optim.SGD(parameters, lr=0.1), "warmup_ratio": 0.0}
    trainer = L.Trainer(
        max_epochs=1,
        precision="64-true",
        accumulate_grad_batches=accumulate,
        callbacks=[kept, *callbacks],
        limit_val_batches=0,
        logger=False,
        enable_checkpointing=any(isinstance(callback, Checkpoint) for callback in callbacks),
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        **settings,
    )
    trainer.fit(NERTagger(ENCODER, loss=loss, **optimizer), data)
    return kept.steps


class SigtermToSecondRank(L.Callback):
    """Sends SIGTERM to the second rank in the second step."""

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: Batch, batch_idx: int
    ) -> None:
        if (trainer.global_rank, batch_idx) == (1, 2):
            os.kill(os.getpid(), signal.SIGTERM)


def end_of_run(folder: Path, *callbacks: L.Callback, **settings: Any) -> tuple[str, str, int]:
    """Return the class of the error that ends a run, its message, and the step that was saved before it."""
    last = LastCheckpoint(folder)
    try:
        gradients(
            CrossEntropyLoss(),
            data_module(Layout(2, 2)),
            2,
            (*callbacks, StopOnSignal(last), FiniteSteps(last), last),
            **settings,
        )
    except (Stopped, FloatingPointError) as end:
        return type(end).__name__, str(end), torch.load(last.path, weights_only=True)["global_step"]
    raise AssertionError("nothing has broken the run off")


def write_down(folder: Path, accelerator: str) -> None:
    rank, num_ranks = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])

    def settings() -> dict[str, Any]:
        strategy = DDPStrategy(timeout=timedelta(seconds=20))  # a strategy cannot be shared by trainers
        return {"accelerator": accelerator, "devices": num_ranks, "strategy": strategy}

    found: dict[str, Any] = {"gradients": {}}
    for loss_name, loss in LOSSES.items():
        for name, layout in LAYOUTS.items():
            found["gradients"][loss_name, name] = gradients(
                loss(), data_module(layout), layout.accumulate, **settings()
            )
    shared = SharedValues()
    gradients(LOSSES["weighted"](), varied_data_module(), callbacks=(shared,), **settings())
    found["shared"] = shared.found
    found["sigterm"] = end_of_run(folder / "sigterm", SigtermToSecondRank(), **settings())
    if rank == 1:
        accidents.poison(2, "nan")
    found["nan"] = end_of_run(folder / "nan", **settings())
    torch.save(found, folder / f"rank-{rank}.pt")


if __name__ == "__main__":
    silence_libraries()
    torch.set_num_threads(1)
    write_down(Path(sys.argv[1]), sys.argv[2])
