"""The options of `evaluate`, parsed and checked before anything else happens."""

from __future__ import annotations

import os
from argparse import ArgumentError
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from ner_lightning.atomic_files import is_stream
from ner_lightning.commands.error_lines import OneLineParser
from ner_lightning.runs.folders import FINISHED, RECORD, run_dir_of

PROGRAM: Final = "python -m ner_lightning evaluate"
DESCRIPTION: Final = f"""\
Shows how good the predictions in a file are, and which errors they contain.

  {PROGRAM} runs/demo/seed-0/predictions/test.jsonl \\
      --report errors.html

This prints a summary: the scores by entity type, and how many entities are missed, are
spurious, or have a wrong type or wrong boundaries. The page shows everything: which types and
texts are confused, the scores by entity length and by what occurred in training, and the
sentences with errors.

If the model is confident and the annotation disagrees, the annotation may be wrong. To review
such cases:

  {PROGRAM} runs/demo/seed-0/predictions/test.jsonl \\
      --suspects review.jsonl

For a file in the folder predictions/ of a run, run.json and training_entities.json of the run
are read as well. Any other file holds JSON Lines with one line per sentence:

  {{"id": "1", "words": ["Bill", "left"], "gold": [[0, 1, "PER"]],
    "predicted": [[0, 1, "LOC", 0.93]], "predicted_tags": ["B-LOC", "O"]}}

or columns as conlleval reads them: a word, its gold tag and its predicted tag per line, and
an empty line between sentences.

In JSON Lines, an entity consists of the index of its first word, the index after its last
word and its type. A predicted entity also has a score, which can be null. "predicted_tags" is
optional, but required for strict scores.
"""


@dataclass(frozen=True, slots=True)
class EvaluateOptions:
    """The options of an evaluation.

    Args:
        predictions: The predictions file.
        report: The HTML file to write, if any.
        json: The JSON file to write, if any.
        suspects: The file to write suspected annotation errors to, if any.
        min_score: The lowest score of a suspected annotation error.
        training_entities: The file with the entities of the training data; None for that of the run.
        scheme: The label scheme of the predicted tags; None for that of the run, or to detect it.
    """

    predictions: Path
    report: Path | None = None
    json: Path | None = None
    suspects: Path | None = None
    min_score: float = 0.9
    training_entities: Path | None = None
    scheme: Literal["IO", "BIO", "BIOES"] | None = None


def parse(arguments: Sequence[str]) -> EvaluateOptions:
    """Parse and check the options.

    Raises:
        ArgumentError: If an option is missing, unknown or invalid, or an output would replace an input.
        OSError: If the system rejects the name of an output.
    """
    options = EvaluateOptions(**vars(build_parser().parse_args(arguments)))
    if not 0 <= options.min_score <= 1:
        raise ArgumentError(None, f"--min_score must be from 0 to 1, got {options.min_score}")
    run_dir = run_dir_of(options.predictions)
    of_run = () if run_dir is None else (run_dir / RECORD, run_dir / FINISHED)
    read = (options.predictions, options.training_entities, *of_run)
    inputs = {os.path.realpath(path) for path in read if path is not None}
    written = (options.report, options.json, options.suspects)
    outputs = [os.path.realpath(path) for path in written if path is not None and not is_stream(path)]
    if len({*inputs, *outputs}) < len(inputs) + len(outputs):
        raise ArgumentError(None, "every output must be a separate file, got the same file twice or an input")
    return options


def build_parser() -> OneLineParser:
    """Build the parser of the options."""
    parser = OneLineParser(PROGRAM, DESCRIPTION)
    add = parser.add_argument
    add("predictions", type=Path, metavar="PREDICTIONS", help="the predictions file of a split")
    add("--report", type=Path, metavar="FILE", help="write all results as one HTML page that needs no network")
    add("--json", type=Path, metavar="FILE", help="write all tables as JSON, with scores and shares from 0 to 1")
    add(
        "--suspects",
        type=Path,
        metavar="FILE",
        help="write predicted entities that are not gold but have a high score as JSON Lines, highest score first, to "
        "review the annotation. Missed gold entities are not included, since they have no score",
    )
    add(
        "--min_score",
        type=float,
        default=0.9,
        metavar="S",
        help="the lowest score of the predictions in --suspects. Default: 0.9",
    )
    add(
        "--training_entities",
        type=Path,
        metavar="FILE",
        help='the entities of the training data, as {"text": {"type": count}}, to distinguish seen from unseen ones. '
        "Default: those of the run",
    )
    add(
        "--scheme",
        choices=["IO", "BIO", "BIOES"],
        help="the label scheme of the predicted tags. Default: that of the run, otherwise detected from the tags",
    )
    return parser
