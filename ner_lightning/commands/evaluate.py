"""The command `evaluate`: scores and error analysis of a predictions file."""

from __future__ import annotations

import argparse
import os
from argparse import ArgumentError
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from ner_lightning.atomic_files import is_stream
from ner_lightning.commands.error_lines import OneLineParser, fail
from ner_lightning.runs.folders import FINISHED, RECORD, run_dir_of

PROGRAM: Final = "python -m ner_lightning evaluate"
DESCRIPTION: Final = f"""\
Says how good the predictions of a file are, and what is wrong with them.

  {PROGRAM} runs/demo/seed-0/predictions/test.jsonl \\
      --report errors.html

It prints a summary: the scores by type, and how many entities are missed, spurious, of a
wrong type or with wrong boundaries. The page holds everything: which types and surfaces are
confused, the scores by length and by what training has shown, and the sentences with errors.

Where a sure model and the annotation disagree, the annotation may be wrong. To review it:

  {PROGRAM} runs/demo/seed-0/predictions/test.jsonl \\
      --suspects review.jsonl

Of a file in the folder predictions/ of a run, run.json and training_entities.json are read
too. A file from elsewhere is JSON Lines, one for every sentence:

  {{"id": "1", "words": ["Bill", "left"], "gold": [[0, 1, "PER"]],
    "predicted": [[0, 1, "LOC", 0.93]], "predicted_tags": ["B-LOC", "O"]}}

An entity is the index of its first word, that behind its last one, its type and, where it
is predicted, its score or null. "predicted_tags" may be left out; strict scores need them.
"""


def main(arguments: Sequence[str]) -> int:
    """Run the command.

    Returns:
        The exit status: 0, or 2 for wrong input.
    """
    try:
        options = parse(arguments)
    except ArgumentError as error:
        return fail(f"{error} (see {PROGRAM} --help)")
    except OSError as error:  # a name that is too long, or a loop of symbolic links
        return fail(str(error))

    from ner_lightning.commands.evaluation_outputs import evaluate  # here, so that help needs no torch

    try:
        evaluate(options)
    except (ValueError, OSError) as error:
        return fail(str(error))
    return 0


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The options, checked.

    Raises:
        ArgumentError: If an option is missing, unknown or wrong, or an output would replace an input.
        OSError: If the system refuses the name of an output.
    """
    options = build_parser().parse_args(arguments)
    if not 0 <= options.min_score <= 1:
        raise ArgumentError(None, f"--min_score must be from 0 to 1, got {options.min_score}")
    run_dir = run_dir_of(options.predictions)
    of_run = () if run_dir is None else (run_dir / RECORD, run_dir / FINISHED)
    read = (options.predictions, options.training_entities, *of_run)
    inputs = {os.path.realpath(path) for path in read if path is not None}
    written = (options.report, options.json, options.suspects)
    outputs = [os.path.realpath(path) for path in written if path is not None and not is_stream(path)]
    if len({*inputs, *outputs}) < len(inputs) + len(outputs):
        raise ArgumentError(None, "every output must be a file of its own, got one twice, or an input")
    return options


def build_parser() -> OneLineParser:
    """The parser of the options."""
    parser = OneLineParser(PROGRAM, DESCRIPTION)
    add = parser.add_argument
    add("predictions", type=Path, metavar="PREDICTIONS", help="the predictions file of a split")
    add("--report", type=Path, metavar="FILE", help="write the page, one HTML file that needs no network")
    add("--json", type=Path, metavar="FILE", help="write all tables as JSON; shares are from 0 to 1")
    add(
        "--suspects",
        type=Path,
        metavar="FILE",
        help="write the errors of high score as JSON Lines, the surest first, to review the annotation; gold entities "
        "of which nothing is predicted have no score, and are not among them",
    )
    add("--min_score", type=float, default=0.9, metavar="S", help="the score from which on. Default: 0.9")
    add(
        "--training_entities",
        type=Path,
        metavar="FILE",
        help='the surfaces annotated in training, {"surface": {"type": count}}; tells seen entities from unseen ones. '
        "Default: that of the run",
    )
    add(
        "--scheme",
        choices=["IO", "BIO", "BIOES"],
        help="the label scheme of the predicted tags. Default: that of the run, or recognised by their look",
    )
    return parser
