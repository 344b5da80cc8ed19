"""The output of `predict`: one line per record, in a file that an earlier run may have started."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import IO, Any, Final

from rich.text import Text

from ner_lightning.atomic_files import is_stream, whole_file
from ner_lightning.commands.predict import PIPE
from ner_lightning.commands.predict.input import InputRecord
from ner_lightning.console import binary_output, json_text, output_console, printable
from ner_lightning.corpora.reader import CorpusError
from ner_lightning.entities import EntitySpan
from ner_lightning.recognizer import locate
from ner_lightning.sentences import Sentence

LINE_BEGIN, LINE_END = b'{"', b"]}\n"
SCORE_DIGITS: Final = 6
SHOWN: Final = "\n\t"  # shown as they are, since they only separate words
COLORS: Final = ("cyan", "magenta", "green", "yellow", "blue", "red")


@dataclass(frozen=True, slots=True)
class EarlierOutput:
    """The state of an output file that an earlier run started.

    Args:
        num_records: The number of complete lines.
        num_bytes: The size of the complete lines.
        last_line: The last complete line.
        torn_line: The beginning of a line that was not written completely; often empty.
    """

    num_records: int
    num_bytes: int
    last_line: bytes
    torn_line: bytes

    def breaks_off_in(self, record: InputRecord) -> bool:
        """Return True if the torn line can be the beginning of a record's line."""
        begin = _line_begin(record).encode()
        return self.torn_line.startswith(begin) or begin.startswith(self.torn_line)

    def matches(self, record: InputRecord) -> bool:
        """Return True if the last complete line belongs to a record."""
        try:
            row = json.loads(self.last_line)
        except ValueError:
            return False
        expected = record.to_plain()
        return isinstance(row, dict) and "entities" in row and {key: row.get(key) for key in expected} == expected


def read_earlier_output(path: str) -> EarlierOutput | None:
    """Read the output of an earlier run, which may have been killed within a line; None if there is no file.

    Raises:
        CorpusError: If predict cannot have written one of the lines.
    """
    if not Path(path).exists():
        return None
    num_records, num_bytes, last_line, torn_line = 0, 0, b"", b""
    with open(path, "rb") as file:
        for line in file:
            is_whole = line.endswith(b"\n")
            if line[:2] != LINE_BEGIN[: len(line)] or (is_whole and not line.endswith(LINE_END)):
                place = f"{path}:{num_records + 1}"
                raise CorpusError(f"{place}: --resume can only continue a JSON output of predict, found {line[:40]!a}")
            if is_whole:
                num_records, num_bytes, last_line = num_records + 1, num_bytes + len(line), line
            else:
                torn_line = line
    return EarlierOutput(num_records, num_bytes, last_line, torn_line)


def pending_chunks(
    chunks: Iterator[list[InputRecord]], earlier: EarlierOutput | None, path: str
) -> Iterator[tuple[list[InputRecord], int]]:
    """Yield the chunks that are not completely written, each with the number of its records that are.

    A chunk that is partly written is yielded as a whole. Its other records are then computed in the same batches, and
    get the same scores, as in a run without interruption.

    Raises:
        CorpusError: If the output was written for another input.
    """
    num_written = earlier.num_records if earlier else 0
    problem = "--resume cannot continue this output, because it was written for another input:"
    end = 0
    for chunk in chunks:
        begin, end = end, end + len(chunk)
        if earlier and begin < num_written <= end and not earlier.matches(chunk[num_written - begin - 1]):
            raise CorpusError(f"{path}:{num_written}: {problem} the record differs")
        if earlier and begin <= num_written < end and not earlier.breaks_off_in(chunk[num_written - begin]):
            raise CorpusError(f"{path}:{num_written + 1}: {problem} the record differs")
        if end > num_written:
            yield chunk, max(num_written - begin, 0)
    if end < num_written + bool(earlier and earlier.torn_line):
        raise CorpusError(f"{path}:{num_written}: {problem} it has more than the {end} records of this input")


@contextmanager
def open_output(path: str, earlier: EarlierOutput | None) -> Iterator[IO[bytes]]:
    """Open the output at the end of its last complete line.

    A new file is removed if nothing was written to it, since it would block the corrected command.
    """
    if path == PIPE:
        yield binary_output()
    elif is_stream(Path(path)):
        with whole_file(path, "wb") as file:
            yield file
    elif earlier is None:
        target = os.path.realpath(path)  # keeps a symbolic link whose target does not exist yet
        with open(target, "xb") as file:
            try:
                yield file
            except BaseException:
                if not os.fstat(file.fileno()).st_size:
                    os.unlink(target)
                raise
    else:
        with open(path, "r+b") as file:
            file.truncate(earlier.num_bytes)
            file.seek(earlier.num_bytes)
            yield file


def json_line(record: InputRecord, sentence: Sentence, spans: Sequence[EntitySpan]) -> str:
    """Return a record and its entities as one line of JSON; entities of a record of words also get word positions."""
    entities: list[dict[str, Any]] = []
    for entity, span in zip(locate(sentence, spans), spans, strict=True):
        score = None if entity.score is None else round(entity.score, SCORE_DIGITS)
        among_words = {} if record.words is None else {"start_word": span.start, "end_word": span.end}
        entities.append(entity.to_plain() | {"score": score} | among_words)
    return f"{_line_begin(record)}{json_text(entities, allow_nan=False)[1:]}}}\n"


def _line_begin(record: InputRecord) -> str:
    """Return the line of a record up to its first entity."""
    return f'{json_text(record.to_plain())[:-1]}, "entities": ['


class ColoredLines:
    """A writer of texts with their entities in brackets and, on a terminal, in one color per type.

    Args:
        entity_types: The entity types of the model.
        on_terminal: True if the lines go to the standard output, which may be a terminal.
    """

    def __init__(self, entity_types: Sequence[str], on_terminal: bool) -> None:
        self.colors = {kind: COLORS[i % len(COLORS)] for i, kind in enumerate(entity_types)}
        self.console = output_console(None if on_terminal else StringIO())

    def __call__(self, record: InputRecord, sentence: Sentence, spans: Sequence[EntitySpan]) -> str:  # noqa: ARG002
        text, _ = sentence.as_text()
        line, end = Text(), 0
        for entity in locate(sentence, spans):
            color = self.colors[entity.type]
            line.append(printable(text[end : entity.start], SHOWN))
            line.append(f"[{printable(entity.text, SHOWN)}", f"bold {color}")
            line.append(f" {printable(entity.type)}]", color)
            end = entity.end
        line.append(printable(text[end:], SHOWN))
        with self.console.capture() as captured:
            self.console.print(line, soft_wrap=True)
        return captured.get()
