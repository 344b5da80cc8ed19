"""The command `compare`: trains the arms of a comparison with several seeds, and tests whether their scores differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ner_lightning.commands.compare.options import PROGRAM, CompareOptions, PageOptions, parse
from ner_lightning.commands.error_lines import exit_status, fail

FIT_PROGRAM: Final = "python -m ner_lightning fit"


def main(arguments: Sequence[str]) -> int:
    """Run the command.

    Returns:
        The exit status: 0 for success, 1 if a run is not finished, 2 for invalid input, and 130 or 143 if the command
        was stopped.
    """
    return exit_status(PROGRAM, lambda: _run_or_stop(parse(arguments)))


def _run_or_stop(options: CompareOptions | PageOptions) -> int:
    from ner_lightning.commands.compare.runs import Terminated  # imported here, so that --help does not load torch

    try:
        return exit_status(FIT_PROGRAM, lambda: _run(options))  # only options of fit can be wrong here
    except KeyboardInterrupt as stop:
        fail("stopped; repeat the command to train what is missing")
        return 143 if isinstance(stop, Terminated) else 130


def _run(options: CompareOptions | PageOptions) -> int:
    if isinstance(options, PageOptions):
        from ner_lightning.commands.compare.page import draw_page  # without loading the trainer

        return draw_page(options)
    from ner_lightning.commands.compare.steps import compare_found, compare_trained

    return compare_found(options) if options.runs else compare_trained(options)
