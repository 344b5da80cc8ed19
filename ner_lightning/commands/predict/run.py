"""A run of `predict`: records in, chunks through the recognizer, lines out."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from io import BufferedIOBase
from itertools import chain, islice
from pathlib import Path
from typing import IO, Final, cast

import torch

from ner_lightning.atomic_files import errors_naming
from ner_lightning.commands.predict import PIPE
from ner_lightning.commands.predict.input import InputRecord, read_blocks, read_chunks, read_records
from ner_lightning.commands.predict.output import (
    ColoredLines,
    json_line,
    open_output,
    pending_chunks,
    read_begun,
)
from ner_lightning.commands.predict.progress import PredictionProgress, prediction_progress
from ner_lightning.corpora.reader import CorpusError
from ner_lightning.corpora.reading.column_lines import ColumnLayout
from ner_lightning.recognizer import MAX_SUBWORDS, EntityRecognizer
from ner_lightning.sentences import Sentence

CHUNK_RECORDS: Final = 2_000
CHUNK_CHARACTERS: Final = 2_000_000


def run(options: argparse.Namespace) -> None:
    """Read, recognize and write, a chunk at a time; every chunk is written before the next one is computed.

    Raises:
        BundleError: If the model cannot be loaded.
        CorpusError: If the input cannot be read; what stood before is written.
        OSError: If a file cannot be opened or written.
    """
    begun = read_begun(options.output) if options.resume else None
    with open_input(options.input) as file:
        recognizer = EntityRecognizer.from_pretrained(options.model, chosen_device(options.device))
        source = "standard input" if options.input == PIPE else options.input
        layout = ColumnLayout(options.word_column, None, options.separator, options.comment or "")
        records = read_records(read_blocks(file), source, options.format, layout)
        chunks = pending_chunks(read_chunks(records, CHUNK_RECORDS, CHUNK_CHARACTERS), begun, options.output)
        first = list(islice(chunks, 1))  # what is wrong already must leave the output as it is
        num_bytes = os.fstat(file.fileno()).st_size if file.seekable() else 0
        among_lines = options.output == PIPE and sys.stdout.isatty()
        is_shown = sys.stderr.isatty() and not among_lines
        with open_output(options.output, begun) as output, prediction_progress(num_bytes or None, is_shown) as progress:
            try:
                predict_chunks(chain(first, chunks), recognizer, options, output, progress)
            except CorpusError as error:
                hint = "" if options.output == PIPE else ", and --resume continues once it is mended"
                raise CorpusError(f"{error}; all records before it are written{hint}") from None


def predict_chunks(
    chunks: Iterator[tuple[list[InputRecord], int]],
    recognizer: EntityRecognizer,
    options: argparse.Namespace,
    output: IO[bytes],
    progress: PredictionProgress,
) -> None:
    """Write the lines of chunks, but for those that are written already."""
    kinds = recognizer.settings.tags.entity_types
    line_of = ColoredLines(kinds, options.output == PIPE) if options.style == "color" else json_line
    for chunk, num_written in chunks:
        sentences = [sentence_of(record, recognizer) for record in chunk]
        progress.begin_chunk(chunk[0].end, chunk[-1].end, len(chunk))
        found = recognizer.recognize(sentences, options.batch_subwords or MAX_SUBWORDS, progress.advance)
        lines = [line_of(*row) for row in zip(chunk, sentences, found, strict=True)]
        with errors_naming(Path("standard output" if options.output == PIPE else options.output)):
            output.write("".join(lines[num_written:]).encode())
            output.flush()


def sentence_of(record: InputRecord, recognizer: EntityRecognizer) -> Sentence:
    """The words of a record."""
    if record.words is not None:
        return Sentence(record.words)
    return recognizer.split(record.text or "")


def chosen_device(name: str | None) -> str:
    """The device of this name, or the best one that is there.

    Raises:
        CorpusError: If it is not there.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise CorpusError("--device must be one that is there, got cuda, and there is none; take cpu")
    return name or ("cuda" if torch.cuda.is_available() else "cpu")


@contextmanager
def open_input(path: str) -> Iterator[BufferedIOBase]:
    """The input as a binary file."""
    if path == PIPE and sys.stdin is None:
        raise CorpusError("the input must be a file or a pipe, but the standard input is closed")
    try:
        opened = nullcontext(sys.stdin.buffer) if path == PIPE else open(path, "rb")  # noqa: SIM115
    except OSError as error:
        raise CorpusError(f"{path}: the input must be a file that can be read: {error.strerror}") from None
    with opened as file:
        yield cast(BufferedIOBase, file)
