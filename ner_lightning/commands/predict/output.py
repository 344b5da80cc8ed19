"""The output of `predict`: a line for every record, in a file that may have been begun before."""

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
SHOWN: Final = "\n\t"  # in a text, they are as good as spaces
COLORS: Final = ("cyan", "magenta", "green", "yellow", "blue", "red")


@dataclass(frozen=True, slots=True)
class BegunOutput:
    """The lines of an output file.

    Args:
        num_records: The number of whole lines.
        num_bytes: Where the last of them ends.
        last_line: The last of them.
        torn_line: What follows them: the beginning of a line, or nothing.
    """

    num_records: int
    num_bytes: int
    last_line: bytes
    torn_line: bytes

    def breaks_off_in(self, record: InputRecord) -> bool:
        """Return True if the torn line begins as that of a record does."""
        begin = _line_begin(record).encode()
        return self.torn_line.startswith(begin) or begin.startswith(self.torn_line)

    def matches(self, record: InputRecord) -> bool:
        """Return True if the last line is that of a record."""
        try:
            row = json.loads(self.last_line)
        except ValueError:
            return False
        expected = record.to_plain()
        return isinstance(row, dict) and "entities" in row and {key: row.get(key) for key in expected} == expected


def read_begun(path: str) -> BegunOutput | None:
    """Read what an earlier run left, which may have been killed within a line; None if there is no file.

    Raises:
        CorpusError: If a line is not one that predict writes.
    """
    if not Path(path).exists():
        return None
    num_records, num_bytes, last_line, torn_line = 0, 0, b"", b""
    with open(path, "rb") as file:
        for line in file:
            is_whole = line.endswith(b"\n")
            if line[:2] != LINE_BEGIN[: len(line)] or (is_whole and not line.endswith(LINE_END)):
                place = f"{path}:{num_records + 1}"
                raise CorpusError(f"{place}: --resume needs an output of predict, found {line[:40]!a}")
            if is_whole:
                num_records, num_bytes, last_line = num_records + 1, num_bytes + len(line), line
            else:
                torn_line = line
    return BegunOutput(num_records, num_bytes, last_line, torn_line)


def pending_chunks(
    chunks: Iterator[list[InputRecord]], begun: BegunOutput | None, path: str
) -> Iterator[tuple[list[InputRecord], int]]:
    """The chunks that are not written yet, each with the number of its records that are.

    A chunk that is written in part comes whole: computed in the same company, its other records get the
    scores that an unbroken run would have given them.

    Raises:
        CorpusError: If the output was begun from another input.
    """
    num_written = begun.num_records if begun else 0
    place = f"{path}:{num_written}: --resume needs the output of the same input"
    end = 0
    for chunk in chunks:
        begin, end = end, end + len(chunk)
        if begun and begin < num_written <= end and not begun.matches(chunk[num_written - begin - 1]):
            raise CorpusError(f"{place}, found another record")
        if begun and begin <= num_written < end and not begun.breaks_off_in(chunk[num_written - begin]):
            torn = f"{path}:{num_written + 1}"
            raise CorpusError(f"{torn}: --resume needs the output of the same input, found another record")
        if end > num_written:
            yield chunk, max(num_written - begin, 0)
    if end < num_written + bool(begun and begun.torn_line):
        raise CorpusError(f"{place}, found more records than the {end} of the input")


@contextmanager
def open_output(path: str, begun: BegunOutput | None) -> Iterator[IO[bytes]]:
    """The output, ready for the record after the last whole line.

    A new file is removed if nothing could be written to it: it would stop the corrected command.
    """
    if path == PIPE:
        yield binary_output()
    elif is_stream(Path(path)):
        with whole_file(path, "wb") as file:
            yield file
    elif begun is None:
        target = os.path.realpath(path)  # a symbolic link to nothing stays
        with open(target, "xb") as file:
            try:
                yield file
            except BaseException:
                if not os.fstat(file.fileno()).st_size:
                    os.unlink(target)
                raise
    else:
        with open(path, "r+b") as file:
            file.truncate(begun.num_bytes)
            file.seek(begun.num_bytes)
            yield file


def json_line(record: InputRecord, sentence: Sentence, spans: Sequence[EntitySpan]) -> str:
    """The record and its entities as a line of JSON; for words also the places of the entities among them."""
    entities: list[dict[str, Any]] = []
    for entity, span in zip(locate(sentence, spans), spans, strict=True):
        score = None if entity.score is None else round(entity.score, SCORE_DIGITS)
        among_words = {} if record.words is None else {"start_word": span.start, "end_word": span.end}
        entities.append(entity.to_plain() | {"score": score} | among_words)
    return f"{_line_begin(record)}{json_text(entities, allow_nan=False)[1:]}}}\n"


def _line_begin(record: InputRecord) -> str:
    """The line of a record up to its first entity."""
    return f'{json_text(record.to_plain())[:-1]}, "entities": ['


class ColoredLines:
    """Writes texts with their entities in brackets and, on a terminal, in a colour for each type.

    Args:
        entity_types: The types that there are.
        on_terminal: Whether the lines go to the standard output, which may be a terminal.
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
