"""What several ranks say of what is wrong with all of them, or of one that is lost: one line."""

from __future__ import annotations

import os
import re
import time
from typing import Final

from lightning.pytorch.utilities import rank_zero_only
from torch.distributed import DistError

from ner_lightning.commands.error_lines import fail

PATIENCE = 10.0  # seconds in which the first rank has said what is wrong with all
LOST_OVER_GLOO: Final = re.compile(r"by peer|broken pipe|pair closure|timed out waiting \d+ms", re.IGNORECASE)
PLACE_IN_SOURCE: Final = re.compile(r"^\[\S+\] ")


def is_first_rank() -> bool:
    """Whether this process speaks and writes for the run."""
    return rank_zero_only.rank == 0  # type: ignore[attr-defined]


def report_on_one_rank(message: str, parent: int) -> int:
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


def line_on_lost_rank(error: RuntimeError) -> str | None:
    """What to say of an error that means that another rank is out of reach; None of any other error.

    NCCL and the store where ranks meet raise a class of torch's, gloo a plain ``RuntimeError``.

    >>> line_on_lost_rank(RuntimeError("[gloo/pair.cc:553] Connection closed by peer [127.0.0.1]:14017. GLHF!"))
    'a rank ended or no longer answers, and so this one ends: Connection closed by peer [127.0.0.1]:14017'
    """
    if not isinstance(error, DistError) and LOST_OVER_GLOO.search(str(error)) is None:
        return None
    said = PLACE_IN_SOURCE.sub("", str(error).partition("\n")[0]).partition(". ")[0]
    return f"a rank ended or no longer answers, and so this one ends: {said}"
