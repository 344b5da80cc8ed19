"""Reports an error of several ranks in a single line, including the loss of a rank."""

from __future__ import annotations

import os
import re
import time
from typing import Final

from lightning.pytorch.utilities import rank_zero_only
from torch.distributed import DistError

from ner_lightning.commands.error_lines import fail

FIRST_RANK_SECONDS: Final = 60.0  # time in which the first rank reports an error that all ranks have
LOST_OVER_GLOO: Final = re.compile(r"by peer|broken pipe|pair closure|timed out waiting \d+ms", re.IGNORECASE)
PLACE_IN_SOURCE: Final = re.compile(r"^\[\S+\] ")


def is_first_rank() -> bool:
    """Return whether this process is the one that prints messages and writes files for the run."""
    return rank_zero_only.rank == 0  # type: ignore[attr-defined]


def report_on_one_rank(message: str, parent: int) -> int:
    """Print one line about an error, even if several ranks have run into it.

    Most errors are the same on all ranks. The first rank prints the line and ends, and the launcher then ends the
    others. A rank that is still running after a while prints the line itself.

    Args:
        message: The error.
        parent: The process that started this one. Lightning starts all other ranks from the first one.

    Returns:
        The exit status.
    """
    if is_first_rank():
        return fail(message)
    deadline = time.monotonic() + FIRST_RANK_SECONDS
    while time.monotonic() < deadline:
        if os.getppid() != parent:
            return 2
        time.sleep(0.1)
    return fail(f"rank {rank_zero_only.rank}: {message}")  # type: ignore[attr-defined]


def line_on_lost_rank(error: RuntimeError) -> str | None:
    """Return one line about an error that means that another rank is unreachable, or None for any other error.

    NCCL and the store that connects the ranks raise torch's ``DistError``, but gloo raises a plain ``RuntimeError``.

    >>> line_on_lost_rank(RuntimeError("[gloo/pair.cc:553] Connection closed by peer [127.0.0.1]:14017. GLHF!"))
    'another rank has ended or does not respond, so this one ends too: Connection closed by peer [127.0.0.1]:14017'
    """
    if not isinstance(error, DistError) and LOST_OVER_GLOO.search(str(error)) is None:
        return None
    reason = PLACE_IN_SOURCE.sub("", str(error).partition("\n")[0]).partition(". ")[0]
    return f"another rank has ended or does not respond, so this one ends too: {reason}"
