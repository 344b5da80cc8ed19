"""The command `evaluate`: scores and error analysis of a predictions file."""

from __future__ import annotations

from collections.abc import Sequence

from ner_lightning.commands.error_lines import exit_status
from ner_lightning.commands.evaluation_options import PROGRAM, EvaluateOptions, parse


def main(arguments: Sequence[str]) -> int:
    """Run the command.

    Returns:
        The exit status: 0 for success, or 2 for invalid input.
    """
    return exit_status(PROGRAM, lambda: _run(parse(arguments)))


def _run(options: EvaluateOptions) -> int:
    from ner_lightning.commands.evaluation_outputs import evaluate  # imported here, so that --help does not load torch

    evaluate(options)
    return 0
