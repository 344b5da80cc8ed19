"""What libraries say about themselves, kept out of the way of what a run says."""

from __future__ import annotations

import logging
import warnings


def silence_libraries() -> None:
    """Silence the hints and progress bars of ``transformers`` and Lightning; what goes wrong they still say.

    Call it first in a program or a notebook: it holds for the whole process.
    """
    warnings.filterwarnings("ignore", module="lightning")
    warnings.filterwarnings("ignore", message="IProgress not found")  # in a notebook, as soon as tqdm is imported
    import lightning.pytorch  # noqa: F401 (the import sets its level)
    import transformers

    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    for package in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(package).setLevel(logging.WARNING)
