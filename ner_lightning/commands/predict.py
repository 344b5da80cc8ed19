"""The command `predict`: raw text, JSON Lines or columns to entities with their places."""

from __future__ import annotations

import argparse
import os
import sys
from argparse import ArgumentError
from collections.abc import Sequence
from pathlib import Path

from ner_lightning.commands.error_lines import OneLineParser, fail

PROGRAM = "python -m ner_lightning predict"
DESCRIPTION = f"""\
Finds the entities of raw text (or of words) with a trained model.

  {PROGRAM} --model runs/demo/model \\
      --input news.txt --output entities.jsonl

  echo "Bill Gates lives in Seattle." | {PROGRAM} \\
      --model runs/demo/model --input - --output - --style color

Of the first, every line of entities.jsonl is one line of news.txt, with its entities:

  {{"text": "Bill Gates left.", "entities": [{{"start": 0, "end": 10,
    "text": "Bill Gates", "type": "PER", "score": 0.98}}]}}

start and end count the characters of "text"; end is behind the last one. For words, "text" is
the words joined by blanks, and "start_word" and "end_word" count words. Inputs of any
size are read bit by bit, texts of any length are read to their end.
"""
FORMATS = {
    "text": "a text on every line",
    "jsonl": 'JSON Lines {"text": "..."} or {"words": ["...", "..."]}, an "id" may be added',
    "columns": "CoNLL columns; the first holds the word, blank lines stand between sentences",
}
FORMAT_BY_ENDING = {
    ".txt": "text",
    ".jsonl": "jsonl",
    ".json": "jsonl",
    ".conll": "columns",
    ".tsv": "columns",
    ".bio": "columns",
}


def main(arguments: Sequence[str]) -> int:
    """Run the command.

    Returns:
        The exit status: 0, 2 for wrong input, 1 where nobody reads the output on, 130 where it was stopped.
    """
    try:
        options = parse(arguments)
    except ArgumentError as error:
        return fail(f"{error} (see {PROGRAM} --help)")

    from ner_lightning.bundle import BundleError  # here, so that help needs no torch
    from ner_lightning.commands.prediction_run import run
    from ner_lightning.corpora.reader import CorpusError

    try:
        run(options)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python fails to flush at its end
        return 1
    except (BundleError, CorpusError, OSError) as error:
        return fail(str(error))
    except KeyboardInterrupt:
        fail("stopped; an output file can be continued with --resume")
        return 130
    return 0


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The options, checked and with the input format filled in.

    Raises:
        ArgumentError: If an option is missing, unknown or wrong, or two do not go together.
    """
    options = build_parser().parse_args(arguments)
    if options.format is None:
        options.format = format_of(options.input)
    if options.batch_subwords is not None and options.batch_subwords < 1:
        raise ArgumentError(None, f"--batch_subwords must be at least 1, got {options.batch_subwords}")
    if options.resume and (options.output == "-" or options.style == "color"):
        raise ArgumentError(None, "--resume needs an output file of the style json")
    output = Path(options.output)
    if options.output != "-" and output.exists():
        if not options.resume:
            raise ArgumentError(
                None,
                f"{output}: the output must be a new file, found one; remove it or continue it with --resume",
            )
        same = Path(options.input).exists() and output.samefile(options.input)
        if same or not output.is_file():
            raise ArgumentError(None, f"{output}: the output must be a file, and another than the input")
    return options


def format_of(input_path: str) -> str:
    """The format that the ending of a file stands for; a pipe holds text.

    Raises:
        ArgumentError: If the ending stands for none.
    """
    ending = Path(input_path).suffix.lower()
    if input_path != "-" and ending not in FORMAT_BY_ENDING:
        raise ArgumentError(
            None,
            f"{input_path}: the input must end in {', '.join(FORMAT_BY_ENDING)}, "
            f"or --format must be one of {', '.join(FORMATS)}",
        )
    return "text" if input_path == "-" else FORMAT_BY_ENDING[ending]


def build_parser() -> OneLineParser:
    """The parser of the options."""
    parser = OneLineParser(PROGRAM, DESCRIPTION)
    add = parser.add_argument
    add("--model", required=True, metavar="BUNDLE", help="the folder model/ of a run")
    add("--input", required=True, metavar="FILE", help="what to read; - reads a pipe")
    add("--output", required=True, metavar="FILE", help="what to write, a new file; - writes to a pipe")
    endings = {name: [end for end, of in FORMAT_BY_ENDING.items() if of == name] for name in FORMATS}
    formats = "; ".join(f"{name} ({', '.join(endings[name])}): {what}" for name, what in FORMATS.items())
    add("--format", choices=FORMATS, help=f"{formats}. Default: by the ending of the input; a pipe is text")
    add(
        "--style",
        choices=["json", "color"],
        default="json",
        help="json, a line for every record; or color, the texts with [Bill Gates PER] in them, to look at. "
        "Default: json",
    )
    add("--resume", action="store_true", help="continue an output that broke off, wherever it did")
    add("--device", choices=["cpu", "cuda"], help="where to compute. Default: cuda where there is one")
    add(
        "--batch_subwords",
        type=int,
        metavar="N",
        help="the most subwords computed at once; fewer need less memory",
    )
    return parser
