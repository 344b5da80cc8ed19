"""What several ranks say of what is wrong with all of them: one line."""

from __future__ import annotations

import os
import time

from lightning.pytorch.utilities import rank_zero_only

from ner_lightning.commands.error_lines import fail

PATIENCE = 10.0  # seconds in which the first rank has said what is wrong with all


def is_first_rank() -> bool:
    """Whether this process speaks and writes for the run."""
    return rank_zero_only.rank == 0  # type: ignore[attr-defined]


def fail_once(message: str, parent: int) -> int:
    """Say in one line what is wrong, on one of the ranks that find it.

    Ranks mostly fail alike. The others leave the line to the first, with which they are ended, and speak up where
    they are still there.

    Args:
        message: What is wrong.
        parent: The process that started this one; of the ranks that Lightning starts, the first.

    Returns:
        The exit status.
    """
    if is_first_rank():
        return fail(message)
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if os.getppid() != parent:
            return 2
        time.sleep(0.1)
    return fail(f"rank {rank_zero_only.rank}: {message}")  # type: ignore[attr-defined]
