"""Trainer settings that would break a command's guarantees and are therefore rejected."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

WHY_WHOLE_SPLITS: Final = "scores are computed on whole splits"
WHY_WHOLE_EPOCHS: Final = (
    "the best checkpoint is chosen at the end of an epoch, and a run resumed within an epoch would skip a validation"
)
MINIMUM_BY_KEY: Final = {  # a negative limit on the gradient norm would reverse the gradient
    "accumulate_grad_batches": 1,
    "check_val_every_n_epoch": 1,
    "gradient_clip_val": 0,
    "log_every_n_steps": 0,
    "min_epochs": 0,
    "min_steps": 0,
    "num_sanity_val_steps": -1,
}
REJECTED_VALUES: Final = (  # key, rejected value, and the rest of the sentence "trainer.<key> must be ..."
    ("barebones", True, "false, got true: a run saves checkpoints and metrics"),
    ("enable_checkpointing", False, "true or null, got false: a run saves its best epoch"),
    ("logger", True, "a logger such as CSVLogger, or null, got true; metrics.csv is written in any case"),
    ("profiler", "xla", "simple, advanced or pytorch, got xla, which needs a TPU"),
    *(
        (
            "strategy",
            name,
            f"auto, ddp or another strategy that starts new processes, got {name}, which copies the current process",
        )
        for name in ("ddp_spawn", "ddp_fork", "ddp_notebook")
    ),
)
INSTEAD_BY_CALLBACK: Final = {  # callbacks that do not work with our tagger, and the replacement for each
    "BackboneFinetuning": "model.fine_tuning.frozen_layers",
    "BatchSizeFinder": "data.batches.max_subwords",
    "EMAWeightAveraging": "model.fine_tuning.average_decay",
    "LearningRateFinder": "compare with several learning rates",
    "StochasticWeightAveraging": "model.fine_tuning.average_decay",
    "WeightAveraging": "model.fine_tuning.average_decay",
}


def require_whole_splits_and_epochs(command: str | None, trainer: Mapping[str, Any]) -> None:
    """Check that splits are scored completely and only between epochs; a split may be skipped.

    Args:
        command: ``fit``, ``validate`` or ``test``.
        trainer: The trainer's settings.

    Raises:
        ValueError: If a setting limits the scored part of a split, validates within an epoch, or trains nothing.
    """
    for key in ("limit_val_batches", "limit_test_batches"):
        if trainer[key] and not _is_whole(trainer[key]):
            raise ValueError(
                f"trainer.{key} must be 1.0, or 0 to skip the split, got {trainer[key]!r}: {WHY_WHOLE_SPLITS}"
            )
    if trainer["overfit_batches"]:
        raise ValueError(f"trainer.overfit_batches must be 0, got {trainer['overfit_batches']!r}: {WHY_WHOLE_SPLITS}")
    if trainer["fast_dev_run"] and command != "fit":
        raise ValueError(f"trainer.fast_dev_run works only with fit, not with {command}: {WHY_WHOLE_SPLITS}")
    for key in ("max_epochs", "max_steps"):
        if command == "fit" and trainer[key] == 0:
            raise ValueError(f"trainer.{key} must be at least 1, or -1 for no limit, got 0")
    interval = trainer["val_check_interval"]
    if interval is not None and not _is_whole(interval):
        raise ValueError(f"trainer.val_check_interval must be 1.0, got {interval!r}: {WHY_WHOLE_EPOCHS}")


def require_possible_training(trainer: Mapping[str, Any]) -> None:
    """Check settings that Lightning accepts, but with which it later fails or trains differently than intended.

    Args:
        trainer: The trainer's settings.

    Raises:
        ValueError: If a setting is out of range or does not work with our tagger.
    """
    for key, minimum in MINIMUM_BY_KEY.items():
        if trainer[key] is not None and trainer[key] < minimum:
            raise ValueError(f"trainer.{key} must be at least {minimum}, got {trainer[key]:g}")
    for key, value, expected in REJECTED_VALUES:
        if trainer[key] is value or (isinstance(value, str) and trainer[key] == value):
            raise ValueError(f"trainer.{key} must be {expected}")
    callbacks = trainer["callbacks"] or []
    for callback in callbacks if isinstance(callbacks, list) else [callbacks]:
        name = callback["class_path"].rpartition(".")[2]
        if name in INSTEAD_BY_CALLBACK:
            raise ValueError(f"trainer.callbacks: {name} does not work here; use {INSTEAD_BY_CALLBACK[name]} instead")


@contextmanager
def trainer_errors_as_setting_errors() -> Iterator[None]:
    """Turn an error of Lightning while it builds the trainer into an error about the settings.

    Raises:
        ValueError: If a device, a package or an argument that the settings need is missing.
    """
    try:
        yield
    except (AttributeError, ImportError, RuntimeError, TypeError) as error:
        raise ValueError(f"the trainer cannot be built from its settings: {' '.join(str(error).split())}") from error


def _is_whole(limit: Any) -> bool:
    return isinstance(limit, float) and limit == 1.0  # the integer 1 is one batch
