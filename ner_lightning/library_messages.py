"""What libraries say about themselves, kept out of the way of what a run says."""

from __future__ import annotations

import logging
import warnings

import transformers


def quieten() -> None:
    """Silence hints, advertisements and progress bars of ``transformers`` and Lightning; their errors are still said.

    For the begin of a program or a notebook: it holds for the whole process.
    """
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    for package in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(package).setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", module="lightning")
