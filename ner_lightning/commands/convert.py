"""The command `convert`: converts a corpus from one format or label scheme to another."""

from __future__ import annotations

import argparse
import inspect
import shutil
from argparse import ArgumentError
from collections import defaultdict
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path

from jsonargparse import ArgumentParser, Namespace
from rich.console import Console

from ner_lightning.atomic_files import make_folder
from ner_lightning.commands.error_lines import exit_status
from ner_lightning.commands.fit.help import HelpFormatter
from ner_lightning.commands.fit.setting_errors import line_on_setting
from ner_lightning.commands.fit.setting_values import require_usable_arguments
from ner_lightning.commands.yaml_values import keep_text_of_settings
from ner_lightning.console import message_console, output_console, say
from ner_lightning.corpora.checks.printed_report import MAX_LINES
from ner_lightning.corpora.formats import READERS, WRITERS
from ner_lightning.corpora.reader import (
    SPLIT_NAMES,
    Corpus,
    CorpusError,
    CorpusReader,
    CorpusWriter,
    NoteKind,
    ReadingNote,
    describe_kind,
)
from ner_lightning.terminal_tables import TerminalTable, print_table

PROGRAM = "python -m ner_lightning convert"
USAGE = f"{PROGRAM} --from READER [--from.OPTION VALUE ...] --to WRITER [--to.OPTION VALUE ...] --output DIR"
DESCRIPTION = f"""\
Converts a corpus from one format or label scheme to another. Lists what was repaired
or dropped by the reader, and what the new format cannot hold.

  {PROGRAM} --from ExampleCorpus --to ColumnFiles --output example
  {PROGRAM} --from ColumnFiles --from.train a.conll --to JsonLines --output json
  {PROGRAM} --from ColumnFiles --from.train a.conll \\
      --to ColumnFiles --to.scheme BIOES --output bioes

READER  one of {", ".join(READERS)}, or the import path of a CorpusReader
WRITER  one of {", ".join(WRITERS)}, or the import path of a CorpusWriter

The options of a format are shown once it is named:
  {PROGRAM} --from ColumnFiles --to JsonLines --help
"""


def main(arguments: Sequence[str]) -> int:
    """Run the command.

    Returns:
        The exit status: 0 for success, or 2 for invalid input.
    """
    return exit_status(PROGRAM, lambda: _convert(*parse(arguments)))


def _convert(reader: CorpusReader, writer: CorpusWriter, output_dir: Path) -> int:
    require_empty(output_dir)
    with message_console().status("Reading the corpus"):
        corpus = reader.read()
    losses = write_whole(writer, corpus, output_dir)
    report(output_console(), corpus, losses, output_dir)
    return 0


def parse(arguments: Sequence[str]) -> tuple[CorpusReader, CorpusWriter, Path]:
    """Return the reader, the writer and the output folder given by the arguments.

    Only the named formats are imported, and only their options are accepted.

    Raises:
        ArgumentError: If a name, an option or a value is wrong or missing.
    """
    keep_text_of_settings()
    names = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    names.add_argument("--from", dest="reader")
    names.add_argument("--to", dest="writer")
    named, others = names.parse_known_args(arguments)
    reader_class = named_class(named.reader, READERS, CorpusReader, "--from")
    writer_class = named_class(named.writer, WRITERS, CorpusWriter, "--to")
    parser = build_parser({"from": reader_class, "to": writer_class})
    if reader_class is None or writer_class is None:
        if {"-h", "--help"} & set(others):
            parser.parse_args(["--help"])
        raise ArgumentError(None, "--from READER, --to WRITER and --output DIR must be given")
    try:
        parsed = parser.parse_args(others)
    except ArgumentError as error:
        line = line_on_setting(str(error), {"from": reader_class, "to": writer_class})
        raise ArgumentError(None, line) if line else error from None
    try:
        require_usable_arguments("from", parsed.get("from", Namespace()), reader_class)
        require_usable_arguments("to", parsed.get("to", Namespace()), writer_class)
        config = parser.instantiate(parsed)
        reader = reader_class(**vars(config.get("from", Namespace())))
        writer = writer_class(**vars(config.get("to", Namespace())))
    except ValueError as error:
        raise ArgumentError(None, str(error)) from None
    return reader, writer, Path(config.output)


def named_class(name: str | None, paths: Mapping[str, str], kind: type, option: str) -> type | None:
    """Import the class with a short name or an import path; None if no name is given.

    Raises:
        ArgumentError: If there is no such class, or it is of the wrong kind.
    """
    if name is None:
        return None
    module_name, _, class_name = paths.get(name, name).rpartition(".")
    known = f"{option} must be one of {', '.join(paths)}, or the import path of a {kind.__name__}"
    if not module_name or name.startswith("."):
        raise ArgumentError(None, f"{known}, got {name!r}")
    try:
        found = getattr(import_module(module_name), class_name)
    except (ImportError, AttributeError) as error:
        raise ArgumentError(None, f"{known}, got {name!r}: {error}") from None
    if not (isinstance(found, type) and issubclass(found, kind)) or inspect.isabstract(found):
        raise ArgumentError(None, f"{known}, but {name!r} is not one")
    return found


def build_parser(class_by_key: Mapping[str, type | None]) -> ArgumentParser:
    """Return a parser for the options of the named classes and the output folder."""
    parser = ArgumentParser(
        prog=PROGRAM,
        usage=USAGE,
        description=DESCRIPTION,
        formatter_class=HelpFormatter,
        exit_on_error=False,
        allow_abbrev=False,
    )
    parser.add_argument("--output", required=True, metavar="DIR", help="Folder to write to; must be empty or new.")
    for key, named in class_by_key.items():
        if named is not None:
            summary = (inspect.getdoc(named) or "").partition("\n\nArgs:")[0]
            group = parser.add_argument_group(f"--{key} {named.__name__}", summary)
            group.add_class_arguments(named, key, as_group=False)
    return parser


def require_empty(output_dir: Path) -> None:
    """Check that a folder is new or empty.

    Raises:
        CorpusError: If it is not.
    """
    if output_dir.exists() and not output_dir.is_dir():
        raise CorpusError(f"{output_dir} is a file, but the output must be a folder")
    if output_dir.is_dir() and (found := next(output_dir.iterdir(), None)):
        raise CorpusError(f"{output_dir}: the output folder must be empty, but contains {found.name}")


def write_whole(writer: CorpusWriter, corpus: Corpus, output_dir: Path) -> list[str]:
    """Write a corpus to a new or empty folder, and leave no file there if it cannot be written as a whole.

    Raises:
        CorpusError: If the format cannot hold it.
        OSError: If a file cannot be written.
    """
    make_folder(output_dir)
    try:
        return writer.write(corpus, str(output_dir))
    except BaseException:
        for path in list(output_dir.iterdir()):  # the folder was empty, and files in it would stop the next try
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        raise


def report(console: Console, corpus: Corpus, losses: Sequence[str], output_dir: Path) -> None:
    """Print what was read, written, repaired and lost."""
    for split, evidence in (corpus.scheme_evidence or {}).items():
        say(console, f"{split} is tagged in {evidence}")
    rows = []
    for split in SPLIT_NAMES:
        if split in corpus.splits:
            sentences = corpus.splits[split]
            numbers = len(sentences), sum(map(len, sentences)), sum(len(s.entities) for s in sentences)
            rows.append((split, *(f"{number:,}" for number in numbers)))
    print_table(console, TerminalTable("", ("split", "sentences", "words", "entities"), tuple(rows)))
    report_notes(console, corpus.notes)
    for loss in losses:
        say(console, f"This format cannot hold: {loss}")
    say(console, f"Wrote {', '.join(str(path) for path in sorted(output_dir.iterdir()))}")


def report_notes(console: Console, notes: Sequence[ReadingNote]) -> None:
    """Print the number of notes of each kind, and the first of them."""
    notes_by_kind: dict[NoteKind, list[ReadingNote]] = defaultdict(list)
    for note in notes:
        notes_by_kind[note.kind].append(note)
    for kind, of_kind in notes_by_kind.items():
        say(console, f"{len(of_kind):,} x {describe_kind(kind)}:")
        for note in of_kind[:MAX_LINES]:
            say(console, f"  {note}")
        if len(of_kind) > MAX_LINES:
            say(console, f"  … and {len(of_kind) - MAX_LINES:,} more")
