"""Settings of Lightning's trainer that our commands cannot keep their word with."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import torch

SCORES: Final = "scores are of whole splits"
EPOCHS: Final = "the best checkpoint is of the end of an epoch, and a run resumed within one leaves a validation out"
MINIMUM_BY_KEY: Final = {  # a negative limit of the gradient's norm turns the gradient around
    "accumulate_grad_batches": 1,
    "check_val_every_n_epoch": 1,
    "gradient_clip_val": 0,
    "log_every_n_steps": 0,
    "min_epochs": 0,
    "min_steps": 0,
    "num_sanity_val_steps": -1,
}
UNUSABLE: Final = (  # key, value, and what it must be instead
    ("barebones", True, "false, got true: a run keeps checkpoints and metrics"),
    ("enable_checkpointing", False, "true or null, got false: a run keeps its best epoch"),
    ("logger", True, "a logger such as CSVLogger, or null, got true; metrics.csv is written in any case"),
    ("profiler", "xla", "simple, advanced or pytorch, got xla, which needs a TPU"),
    *(
        ("strategy", name, f"auto, ddp or another one that starts new processes, got {name}, which copies this one")
        for name in ("ddp_spawn", "ddp_fork", "ddp_notebook")
    ),
)
INSTEAD_BY_CALLBACK: Final = {  # callbacks that need another kind of module, and what does the same here
    "BackboneFinetuning": "model.fine_tuning.frozen_layers",
    "BatchSizeFinder": "data.batches.max_subwords",
    "EMAWeightAveraging": "model.fine_tuning.average_decay",
    "LearningRateFinder": "compare with several learning rates",
    "StochasticWeightAveraging": "model.fine_tuning.average_decay",
    "WeightAveraging": "model.fine_tuning.average_decay",
}
MISSING_METRIC: Final = re.compile(r"Early stopping conditioned on metric `(?P<name>[^`]*)` .*?: (?P<known>`.*`)")


def require_whole_splits_and_epochs(command: str | None, trainer: Mapping[str, Any]) -> None:
    """Check that splits are scored as a whole, and between epochs; a split may be left out.

    Args:
        command: ``fit``, ``validate`` or ``test``.
        trainer: The trainer's settings.

    Raises:
        ValueError: If they are not.
    """
    for key in ("limit_val_batches", "limit_test_batches"):
        if trainer[key] and not _is_whole(trainer[key]):
            raise ValueError(f"trainer.{key} must be 1.0, or 0 to leave the split out, got {trainer[key]!r}: {SCORES}")
    if trainer["overfit_batches"]:
        raise ValueError(f"trainer.overfit_batches must be 0, got {trainer['overfit_batches']!r}: {SCORES}")
    if trainer["fast_dev_run"] and command != "fit":
        raise ValueError(f"trainer.fast_dev_run is for fit, got it for {command}: {SCORES}")
    for key in ("max_epochs", "max_steps"):
        if command == "fit" and trainer[key] == 0:
            raise ValueError(f"trainer.{key} must be at least 1, or -1 for no limit, got 0")
    interval = trainer["val_check_interval"]
    if interval is not None and not _is_whole(interval):
        raise ValueError(f"trainer.val_check_interval must be 1.0, got {interval!r}: {EPOCHS}")


def require_possible_training(trainer: Mapping[str, Any]) -> None:
    """Check the settings that Lightning accepts and then fails on, or trains something else with.

    Args:
        trainer: The trainer's settings.

    Raises:
        ValueError: If one is out of range or does not work with our tagger.
    """
    for key, minimum in MINIMUM_BY_KEY.items():
        if trainer[key] is not None and trainer[key] < minimum:
            raise ValueError(f"trainer.{key} must be at least {minimum}, got {trainer[key]:g}")
    for key, value, expected in UNUSABLE:
        if trainer[key] is value or (isinstance(value, str) and trainer[key] == value):
            raise ValueError(f"trainer.{key} must be {expected}")
    callbacks = trainer["callbacks"] or []
    for callback in callbacks if isinstance(callbacks, list) else [callbacks]:
        name = callback["class_path"].rpartition(".")[2]
        if name in INSTEAD_BY_CALLBACK:
            raise ValueError(f"trainer.callbacks: {name} does not work here; use {INSTEAD_BY_CALLBACK[name]} instead")


@contextmanager
def errors_of_settings() -> Iterator[None]:
    """Report what Lightning cannot build from its settings as an error of the settings.

    Raises:
        ValueError: If a device, a package or an argument that they need is missing.
    """
    try:
        yield
    except (AttributeError, ImportError, RuntimeError, TypeError) as error:
        raise ValueError(f"the trainer cannot be built from its settings: {' '.join(str(error).split())}") from error


def line_on_lack_of_memory(error: RuntimeError) -> str | None:
    """A sentence on a run that needs more memory than there is; None for any other error."""
    if not isinstance(error, torch.OutOfMemoryError) and "DefaultCPUAllocator" not in str(error):
        return None
    return "there is not enough memory for this run; lower data.batches.max_subwords, or take a smaller encoder"


def line_on_missing_metric(error: RuntimeError) -> str | None:
    """A sentence on a metric that early stopping waits for in vain; None for any other error."""
    found = MISSING_METRIC.search(" ".join(str(error).split()))
    if found is None:
        return None
    known = found["known"].replace("`", "")
    return f"EarlyStopping must monitor a metric that is logged, got {found['name']}; there are {known}"


def _is_whole(limit: Any) -> bool:
    return isinstance(limit, float) and limit == 1.0  # the integer 1 is one batch
