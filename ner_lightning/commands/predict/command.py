"""The command `predict`: finds the entities of raw text, JSON Lines or columns."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from ner_lightning.commands.error_lines import exit_status, fail
from ner_lightning.commands.predict import PIPE
from ner_lightning.commands.predict.options import PROGRAM, PredictOptions, parse
from ner_lightning.standard_streams import CLOSED_PIPE_STATUS, discard_rest


def main(arguments: Sequence[str]) -> int:
    """Run the command.

    Returns:
        The exit status: 0 for success, 2 for invalid input, 130 if the command was interrupted, and 141 if the reader
        of the output has closed the pipe.
    """
    return exit_status(PROGRAM, lambda: _run(parse(arguments)))


def _run(options: PredictOptions) -> int:
    from ner_lightning.commands.predict.run import run  # imported here, so that --help does not load torch

    try:
        run(options)
    except BrokenPipeError:
        discard_rest(sys.stdout)
        return CLOSED_PIPE_STATUS
    except KeyboardInterrupt:
        can_resume = options.output != PIPE and Path(options.output).is_file()
        fail("stopped; repeat the command with --resume to continue" if can_resume else "stopped")
        return 130
    return 0
