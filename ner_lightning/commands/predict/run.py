"""A run of `predict`: reads records in chunks, finds their entities and writes them as lines."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from io import BufferedIOBase
from itertools import chain, islice
from pathlib import Path
from typing import IO, Final, cast

import torch

from ner_lightning.atomic_files import errors_naming
from ner_lightning.commands.predict import PIPE
from ner_lightning.commands.predict.input import InputRecord, read_blocks, read_chunks, read_records
from ner_lightning.commands.predict.options import PredictOptions
from ner_lightning.commands.predict.output import (
    ColoredLines,
    json_line,
    open_output,
    pending_chunks,
    read_earlier_output,
)
from ner_lightning.commands.predict.progress import PredictionProgress, prediction_progress
from ner_lightning.corpora.reader import CorpusError
from ner_lightning.recognizer import MAX_SUBWORDS, EntityRecognizer
from ner_lightning.sentences import Sentence

CHUNK_RECORDS: Final = 2_000
CHUNK_CHARACTERS: Final = 2_000_000


def run(options: PredictOptions) -> None:
    """Read, recognize and write, one chunk at a time; each chunk is written before the next one is computed.

    Raises:
        BundleError: If the model cannot be loaded.
        CorpusError: If the input cannot be read; all records before the error are written.
        OSError: If a file cannot be opened or written.
    """
    earlier = read_earlier_output(options.output) if options.resume else None
    with open_input(options.input) as file:
        recognizer = EntityRecognizer.from_pretrained(options.model, chosen_device(options.device))
        source = "standard input" if options.input == PIPE else options.input
        records = read_records(read_blocks(file), source, options.format, options.layout)
        keeps_documents = recognizer.window_encoder.reads_neighbors
        all_chunks = read_chunks(records, CHUNK_RECORDS, CHUNK_CHARACTERS, keeps_documents)
        chunks = pending_chunks(all_chunks, earlier, options.output)
        first = list(islice(chunks, 1))  # an early error must not change the output
        num_bytes = (os.fstat(file.fileno()).st_size or None) if file.seekable() else None
        among_lines = options.output == PIPE and sys.stdout.isatty()
        is_shown = sys.stderr.isatty() and not among_lines
        with open_output(options.output, earlier) as output, prediction_progress(num_bytes, is_shown) as progress:
            try:
                predict_chunks(chain(first, chunks), recognizer, options, output, progress)
            except CorpusError as error:
                hint = "" if options.output == PIPE else "; correct the input and continue with --resume"
                raise CorpusError(f"{error}; all records before it are written{hint}") from None


def predict_chunks(
    chunks: Iterator[tuple[list[InputRecord], int]],
    recognizer: EntityRecognizer,
    options: PredictOptions,
    output: IO[bytes],
    progress: PredictionProgress,
) -> None:
    """Find the entities of chunks and write their lines, except for lines that are already written."""
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
    """Return the sentence of a record; the recognizer splits a text into words."""
    if record.words is not None:
        return Sentence(record.words, document_id=record.document_id)
    return replace(recognizer.split(record.text or ""), document_id=record.document_id)


def chosen_device(name: str | None) -> str:
    """Return the device of this name, or without a name the best one that is available.

    Raises:
        CorpusError: If the device is not available.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise CorpusError("no CUDA device found; use --device cpu")
    return name or ("cuda" if torch.cuda.is_available() else "cpu")


@contextmanager
def open_input(path: str) -> Iterator[BufferedIOBase]:
    """Open the input as a binary file.

    Raises:
        CorpusError: If the file cannot be opened, or the standard input is closed.
    """
    if path == PIPE and sys.stdin is None:
        raise CorpusError("the standard input is closed; use --input FILE, or pipe the input into the command")
    try:
        opened = nullcontext(sys.stdin.buffer) if path == PIPE else open(path, "rb")  # noqa: SIM115
    except OSError as error:
        raise CorpusError(f"{path}: the input cannot be read: {error.strerror}") from None
    with opened as file:
        yield cast(BufferedIOBase, file)
