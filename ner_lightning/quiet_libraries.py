"""Suppression of the hints and progress bars of libraries, so that the output of a run stays readable."""

from __future__ import annotations

import logging
import warnings


def silence_libraries() -> None:
    """Turn off the hints and progress bars of ``transformers`` and Lightning, but not their errors.

    Call it at the beginning of a program or a notebook. It applies to the whole process.
    """
    warnings.filterwarnings("ignore", module="lightning")
    warnings.filterwarnings("ignore", message="IProgress not found")  # in a notebook, as soon as tqdm is imported
    import lightning.pytorch  # noqa: F401 (the import sets its logging level, which is changed below)
    import transformers

    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    for package in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(package).setLevel(logging.WARNING)
