"""The number of optimizer steps of a run, and a warning if a run has few."""

from __future__ import annotations

import math
from typing import Final

MIN_STEPS: Final = 300  # docs/your_own_data.md has the measurements
SMALL_CORPUS: Final = "configs/trainer/small_corpus.yaml"


def count_steps(num_batches: int, accumulated: int, max_epochs: int, max_steps: int) -> int | None:
    """Return the number of optimizer steps of a run, or None if it has no end.

    Args:
        num_batches: Batches of an epoch, on one rank.
        accumulated: Batches of an optimizer step, on one rank.
        max_epochs: Epochs of the run; -1 for no limit.
        max_steps: The most steps of the run; -1 for no limit.

    >>> count_steps(6, 1, 3, -1), count_steps(5, 2, 3, -1), count_steps(6, 1, -1, 10), count_steps(6, 1, -1, -1)
    (18, 9, 10, None)
    """
    limits = [] if max_steps == -1 else [max_steps]
    if max_epochs != -1:
        limits.append(math.ceil(num_batches / accumulated) * max_epochs)
    return min(limits, default=None)


def warning_on_steps(num_steps: int) -> str | None:
    """Return a warning if a run has few optimizer steps, or None."""
    if num_steps >= MIN_STEPS:
        return None
    steps = "1 optimizer step is" if num_steps == 1 else f"{num_steps:,} optimizer steps are"
    return (
        f"{steps} few (fewer than {MIN_STEPS}), and the model may learn almost nothing; "
        f"--config {SMALL_CORPUS} trains for more epochs at a higher learning rate"
    )
