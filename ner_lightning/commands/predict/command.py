"""The command `predict`: raw text, JSON Lines or columns to entities with their places."""

from __future__ import annotations

import argparse
import sys
from argparse import ArgumentError
from collections.abc import Sequence
from pathlib import Path

from ner_lightning.atomic_files import is_standard_output, is_stream
from ner_lightning.commands.error_lines import OneLineParser, fail
from ner_lightning.commands.predict import PIPE
from ner_lightning.standard_streams import CLOSED_PIPE_STATUS, discard_rest

PROGRAM = "python -m ner_lightning predict"
DESCRIPTION = f"""\
Finds the entities of raw text (or of words) with a trained model.

  {PROGRAM} --model runs/demo/seed-0/model \\
      --input news.txt --output entities.jsonl

  echo "Bill Gates lives in Seattle." | {PROGRAM} \\
      --model runs/demo/seed-0/model --input - --output - --style color

Of the first, every line of entities.jsonl is one line of news.txt, with its entities:

  {{"text": "Bill Gates left.", "entities": [{{"start": 0, "end": 10,
    "text": "Bill Gates", "type": "PER", "score": 0.98}}]}}

start and end count the characters of "text"; end is after the last one. For words, "text" is
the words joined by blanks, and "start_word" and "end_word" count words. Inputs of any
size are streamed, texts of any length are read to their end; what has come through
a pipe is answered before more comes.
"""
FORMATS = {
    "text": "a text on every line",
    "jsonl": 'JSON Lines {"text": "..."} or {"words": ["...", "..."]} (or "tokens"), an "id" may be added',
    "columns": "CoNLL columns; one holds the word, blank lines stand between sentences",
}
COLUMN_OPTIONS = {"word_column": 0, "separator": "auto", "comment": None}
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
        The exit status: 0, 2 for wrong input, 130 if it was stopped, 141 if nobody reads the output any more.
    """
    try:
        options = parse(arguments)
    except ArgumentError as error:
        return fail(f"{error} (see {PROGRAM} --help)")
    except OSError as error:  # a name that is too long, or a loop of symbolic links
        return fail(str(error))

    from ner_lightning.commands.predict.run import run  # here, so that help needs no torch

    try:
        run(options)
    except BrokenPipeError:
        discard_rest(sys.stdout)
        return CLOSED_PIPE_STATUS
    except (ValueError, OSError) as error:
        return fail(str(error))
    except KeyboardInterrupt:
        is_begun = options.output != PIPE and Path(options.output).is_file()
        fail("stopped; the same command with --resume continues" if is_begun else "stopped")
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
    if is_standard_output(Path(options.output)):
        options.output = PIPE
    require_layout(options)
    require_output(options)
    return options


def require_layout(options: argparse.Namespace) -> None:
    """Check the options of columns.

    Raises:
        ArgumentError: If there are no columns, or every line would be a comment.
    """
    given = [f"--{name}" for name, default in COLUMN_OPTIONS.items() if getattr(options, name) != default]
    if given and options.format != "columns":
        raise ArgumentError(None, f"{', '.join(given)} must go with the format columns, got {options.format}")
    if options.comment == "":
        raise ArgumentError(None, "--comment must not be empty, since every line begins so")


def require_output(options: argparse.Namespace) -> None:
    """Check that the output can be begun or continued.

    Raises:
        ArgumentError: If it cannot.
    """
    output = Path(options.output)
    is_file = options.output != PIPE and not is_stream(output)
    if options.resume and (not is_file or options.style == "color"):
        raise ArgumentError(None, "--resume needs an output file of the style json")
    if is_file and not output.parent.is_dir():
        raise ArgumentError(None, f"{output}: the output must lie in a folder that is there, found no {output.parent}")
    if is_file and output.exists():
        if not options.resume:
            raise ArgumentError(
                None,
                f"{output}: the output must be a new file, found one; remove it or continue it with --resume",
            )
        same = Path(options.input).exists() and output.samefile(options.input)
        if same or not output.is_file():
            raise ArgumentError(None, f"{output}: the output must be a file, and another than the input")


def format_of(input_path: str) -> str:
    """The format that the ending of a file stands for; a pipe holds text.

    Raises:
        ArgumentError: If the ending stands for none.
    """
    ending = Path(input_path).suffix.lower()
    if input_path != PIPE and ending not in FORMAT_BY_ENDING:
        raise ArgumentError(
            None,
            f"{input_path}: the input must end in {', '.join(FORMAT_BY_ENDING)}, "
            f"or --format must be one of {', '.join(FORMATS)}",
        )
    return "text" if input_path == PIPE else FORMAT_BY_ENDING[ending]


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
    add(
        "--word_column",
        type=int,
        default=COLUMN_OPTIONS["word_column"],
        metavar="N",
        help="of columns, the one that holds the word, from 0, from the end if negative. Default: %(default)s",
    )
    add(
        "--separator",
        choices=["auto", "tab", "blank"],
        default=COLUMN_OPTIONS["separator"],
        help="what stands between columns; auto: a tab in lines that hold one, else blanks. Default: %(default)s",
    )
    add("--comment", metavar="TEXT", help='of columns, lines that begin so are left out, as in "# ". Default: none')
    add("--resume", action="store_true", help="continue an output that broke off, wherever it did")
    add("--device", choices=["cpu", "cuda"], help="where to compute. Default: cuda where there is one")
    add(
        "--batch_subwords",
        type=int,
        metavar="N",
        help="the most subwords computed at once; fewer need less memory",
    )
    return parser
