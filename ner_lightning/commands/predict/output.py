"""The output of `predict`: a line for every record, in a file that may have been begun before."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any, BinaryIO, Final

from rich.console import Console
from rich.text import Text

from ner_lightning.commands.predict.input import InputRecord
from ner_lightning.corpora.reader import CorpusError
from ner_lightning.entities import EntitySpan
from ner_lightning.recognizer import locate
from ner_lightning.sentences import Sentence

PIPE: Final = "-"
LINE_BEGIN: Final = b'{"'
SCORE_DIGITS: Final = 6
REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"
COLORS: Final = ("cyan", "magenta", "green", "yellow", "blue", "red")
CONTROL: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")  # a text must not command the terminal


@dataclass(frozen=True, slots=True)
class BegunOutput:
    """What an output file holds in whole lines.

    Args:
        num_records: The number of lines.
        num_bytes: Where the last of them ends.
        last_line: The last of them.
    """

    num_records: int
    num_bytes: int
    last_line: bytes

    def matches(self, record: InputRecord) -> bool:
        """Whether the last line is that of a record."""
        try:
            row = json.loads(self.last_line)
        except ValueError:
            return False
        expected = record.to_plain()
        return isinstance(row, dict) and "entities" in row and {key: row.get(key) for key in expected} == expected


def read_begun(path: str) -> BegunOutput | None:
    """What a former run left, which may have been killed in mid-line; None where there is no file.

    Raises:
        CorpusError: If the broken line at the end is none that predict writes.
    """
    if not Path(path).exists():
        return None
    num_records, num_bytes, last_line = 0, 0, b""
    with open(path, "rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                num_records, num_bytes, last_line = num_records + 1, num_bytes + len(line), line
            elif not LINE_BEGIN.startswith(line[:2]):
                raise CorpusError(f"{path}: --resume needs an output of predict, found {line[:40]!a} in it")
    return BegunOutput(num_records, num_bytes, last_line)


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
        if end > num_written:
            yield chunk, max(num_written - begin, 0)
    if end < num_written:
        raise CorpusError(f"{place}, found more records than the {end} of the input")


@contextmanager
def open_output(path: str, begun: BegunOutput | None) -> Iterator[BinaryIO]:
    """The output, ready for the record behind the last whole line."""
    if path == PIPE:
        yield sys.stdout.buffer
    elif begun is None:
        with open(path, "xb") as file:
            yield file
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
    row = record.to_plain() | {"text": sentence.as_text()[0], "entities": entities}
    return json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n"


class ColoredLines:
    """Writes texts with their entities in brackets and, on a terminal, in a colour for each type.

    Args:
        entity_types: The types that there are.
        on_terminal: Whether the lines go to the standard output, which may be a terminal.
    """

    def __init__(self, entity_types: Sequence[str], on_terminal: bool) -> None:
        self.colors = {kind: COLORS[i % len(COLORS)] for i, kind in enumerate(entity_types)}
        self.console = Console() if on_terminal else Console(file=StringIO())

    def __call__(self, record: InputRecord, sentence: Sentence, spans: Sequence[EntitySpan]) -> str:  # noqa: ARG002
        text, _ = sentence.as_text()
        line, end = Text(), 0
        for entity in locate(sentence, spans):
            color = self.colors[entity.type]
            line.append(CONTROL.sub(REPLACEMENT, text[end : entity.start]))
            line.append(f"[{CONTROL.sub(REPLACEMENT, entity.text)}", f"bold {color}").append(f" {entity.type}]", color)
            end = entity.end
        line.append(CONTROL.sub(REPLACEMENT, text[end:]))
        with self.console.capture() as captured:
            self.console.print(line, soft_wrap=True)
        return captured.get()
