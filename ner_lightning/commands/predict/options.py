"""The options of `predict`, parsed and checked before anything else happens."""

from __future__ import annotations

import argparse
from argparse import ArgumentError
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from ner_lightning.atomic_files import is_standard_output, is_stream
from ner_lightning.commands.error_lines import OneLineParser
from ner_lightning.commands.predict import PIPE
from ner_lightning.commands.predict.input import InputFormat
from ner_lightning.corpora.reading.column_lines import ColumnLayout

PROGRAM: Final = "python -m ner_lightning predict"
DESCRIPTION: Final = f"""\
Finds the entities of raw text, or of text that is already split into words, with a trained model.

  {PROGRAM} --model runs/demo/seed-0/model \\
      --input news.txt --output entities.jsonl

  echo "Bill Gates lives in Seattle." | {PROGRAM} \\
      --model runs/demo/seed-0/model --input - --output - --style color

The first command writes one line to entities.jsonl for every line of news.txt:

  {{"text": "Bill Gates left.", "entities": [{{"start": 0, "end": 10,
    "text": "Bill Gates", "type": "PER", "score": 0.98}}]}}

start and end are character positions in "text"; end is the position after the last character.
If the input consists of words, "text" is the words joined by spaces, and "start_word" and
"end_word" are positions in the list of words. The input can be of any size, since it is read
in chunks, and no text is truncated. Lines from a pipe are answered as soon as they arrive.
"""
FORMATS: Final[dict[InputFormat, str]] = {
    "text": "one text per line",
    "jsonl": 'JSON Lines with {"text": "..."} or {"words": ["...", "..."]} (or "tokens"), and optionally an "id"',
    "columns": "CoNLL columns, one of which contains the words, with empty lines between sentences",
}
COLUMN_OPTIONS: Final = {"word_column": 0, "separator": "auto", "comment": None}
FORMAT_BY_ENDING: Final[dict[str, InputFormat]] = {
    ".txt": "text",
    ".jsonl": "jsonl",
    ".json": "jsonl",
    ".conll": "columns",
    ".tsv": "columns",
    ".bio": "columns",
}


@dataclass(frozen=True, slots=True)
class PredictOptions:
    """The options of a prediction.

    Args:
        model: The folder of a bundle or of another token classifier, or its id on the hub.
        input: The file to read, or `PIPE`.
        output: The file to write, or `PIPE`.
        format: The format of the input.
        layout: The meaning of the columns, if the input has columns.
        style: ``json`` for JSON Lines, ``color`` for texts with their entities in brackets.
        resume: True if the output of an earlier run is continued.
        device: The device to compute on; None for a GPU if there is one.
        batch_subwords: The largest number of subwords in a batch; None for the default.
    """

    model: str
    input: str
    output: str
    format: InputFormat
    layout: ColumnLayout
    style: Literal["json", "color"] = "json"
    resume: bool = False
    device: Literal["cpu", "cuda"] | None = None
    batch_subwords: int | None = None


def parse(arguments: Sequence[str]) -> PredictOptions:
    """Parse and check the options; the format follows from the name of the input unless it is given.

    Raises:
        ArgumentError: If an option is missing, unknown or invalid, or two options exclude each other.
        OSError: If the system rejects the name of a file.
    """
    given = build_parser().parse_args(arguments)
    input_format = given.format or format_of(given.input)
    if given.batch_subwords is not None and given.batch_subwords < 1:
        raise ArgumentError(None, f"--batch_subwords must be at least 1, got {given.batch_subwords}")
    options = PredictOptions(
        given.model,
        given.input,
        PIPE if is_standard_output(Path(given.output)) else given.output,
        input_format,
        column_layout(given, input_format),
        given.style,
        given.resume,
        given.device,
        given.batch_subwords,
    )
    require_output(options)
    return options


def column_layout(given: argparse.Namespace, input_format: InputFormat) -> ColumnLayout:
    """Return the layout of the columns.

    Raises:
        ArgumentError: If the input has no columns but options for them are given, or every line would be a comment.
    """
    names = [f"--{name}" for name, default in COLUMN_OPTIONS.items() if getattr(given, name) != default]
    if names and input_format != "columns":
        raise ArgumentError(None, f"{', '.join(names)} can only be used with --format columns, got {input_format}")
    if given.comment == "":
        raise ArgumentError(None, "--comment must not be empty, since every line would be a comment")
    return ColumnLayout(given.word_column, None, given.separator, given.comment or "")


def require_output(options: PredictOptions) -> None:
    """Check that the output can be started or continued.

    Raises:
        ArgumentError: If it exists and is not continued, is the input, or cannot be a file.
    """
    output = Path(options.output)
    is_file = options.output != PIPE and not is_stream(output)
    if options.resume and (not is_file or options.style == "color"):
        raise ArgumentError(None, "--resume can only continue an output file of --style json")
    if is_file and not output.parent.is_dir():
        raise ArgumentError(None, f"{output}: the folder of the output does not exist: {output.parent}")
    if is_file and output.exists():
        if not options.resume:
            raise ArgumentError(None, f"{output}: the output already exists; remove it, or use --resume to continue it")
        if not output.is_file():
            raise ArgumentError(None, f"{output}: the output must be a file")
        if Path(options.input).exists() and output.samefile(options.input):
            raise ArgumentError(None, f"{output}: the output must not be the input")


def format_of(input_path: str) -> InputFormat:
    """Return the format for the ending of a file name; a pipe contains text.

    Raises:
        ArgumentError: If the ending is unknown.
    """
    ending = Path(input_path).suffix.lower()
    if input_path != PIPE and ending not in FORMAT_BY_ENDING:
        raise ArgumentError(
            None,
            f"{input_path}: the name of the input must end in {', '.join(FORMAT_BY_ENDING)}, or --format must be given "
            f"({', '.join(FORMATS)})",
        )
    return "text" if input_path == PIPE else FORMAT_BY_ENDING[ending]


def build_parser() -> OneLineParser:
    """Build the parser of the options."""
    parser = OneLineParser(PROGRAM, DESCRIPTION)
    add = parser.add_argument
    add(
        "--model",
        required=True,
        metavar="MODEL",
        help="the bundle, which is the folder model/ of a run, or the folder or hub id of any token classifier of "
        "transformers whose labels are tags",
    )
    add("--input", required=True, metavar="FILE", help="the file to read; - reads the standard input")
    add("--output", required=True, metavar="FILE", help="the new file to write; - writes to the standard output")
    endings = {name: [end for end, of in FORMAT_BY_ENDING.items() if of == name] for name in FORMATS}
    formats = "; ".join(f"{name} ({', '.join(endings[name])}): {what}" for name, what in FORMATS.items())
    add(
        "--format",
        choices=FORMATS,
        help=f"{formats}. Default: chosen by the ending of the input; text for the standard input",
    )
    add(
        "--style",
        choices=["json", "color"],
        default="json",
        help="json writes one line per record; color writes the texts for people to read, with entities shown as "
        "[Bill Gates PER]. Default: json",
    )
    add(
        "--word_column",
        type=int,
        default=COLUMN_OPTIONS["word_column"],
        metavar="N",
        help="the column with the words, counted from 0; negative numbers count from the last column. "
        "Default: %(default)s",
    )
    add(
        "--separator",
        choices=["auto", "tab", "blank"],
        default=COLUMN_OPTIONS["separator"],
        help="the separator between columns: a tab, or spaces and tabs (blank); auto uses tabs in lines that contain "
        "one. Default: %(default)s",
    )
    add("--comment", metavar="TEXT", help='skip lines of columns that start with this, such as "# ". Default: none')
    add("--resume", action="store_true", help="continue the output of a command that was interrupted")
    add("--device", choices=["cpu", "cuda"], help="the device to compute on. Default: cuda if there is a GPU")
    add(
        "--batch_subwords",
        type=int,
        metavar="N",
        help="the largest number of subwords in a batch; lower it to use less memory",
    )
    return parser
