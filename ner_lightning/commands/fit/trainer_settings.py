"""Settings of Lightning's trainer that our commands cannot keep their word with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

SCORES: Final = "scores are of whole splits"
EPOCHS: Final = "the best checkpoint is of the end of an epoch, and a run resumed within one leaves a validation out"


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


def _is_whole(limit: Any) -> bool:
    return isinstance(limit, float) and limit == 1.0  # the integer 1 is one batch
