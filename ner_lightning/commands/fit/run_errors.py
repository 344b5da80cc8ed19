"""The printed line and the exit status for each error that ends a run."""

from __future__ import annotations

import re
from typing import Final

import torch

from ner_lightning.callbacks.wandb_run import WandbError, line_on_wandb
from ner_lightning.commands.error_lines import without_noise
from ner_lightning.commands.fit.rank_errors import line_on_lost_rank

MISSING_METRIC: Final = re.compile(r"Early stopping conditioned on metric `(?P<name>[^`]*)` .*?: (?P<known>`.*`)")


def line_and_status(error: Exception) -> tuple[str | None, int]:
    """Return the line to print about an error that ends a run, and the exit status.

    The line is None for an unexpected error, which should be raised with its traceback.
    """
    if isinstance(error, FloatingPointError):
        return str(error), 1
    if isinstance(error, WandbError):
        return line_on_wandb(error), 2
    if isinstance(error, RuntimeError) and (line := line_on_missing_metric(error)):
        return line, 2
    if isinstance(error, RuntimeError):
        return line_on_lost_rank(error) or line_on_lack_of_memory(error), 1
    return without_noise(str(error)), 2


def line_on_lack_of_memory(error: RuntimeError) -> str | None:
    """Return one line about a run that needs more memory than is available, or None for any other error."""
    if not isinstance(error, torch.OutOfMemoryError) and "DefaultCPUAllocator" not in str(error):
        return None
    return "not enough memory for this run; lower data.batches.max_subwords, or use a smaller encoder"


def line_on_missing_metric(error: RuntimeError) -> str | None:
    """Return one line about early stopping that monitors an unknown metric, or None for any other error."""
    found = MISSING_METRIC.search(" ".join(str(error).split()))
    if found is None:
        return None
    known = found["known"].replace("`", "")
    return f"EarlyStopping must monitor a metric that is logged, got {found['name']}; the logged metrics are {known}"
