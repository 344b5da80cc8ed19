"""The input of `predict`: records read one by one from text lines, JSON Lines or columns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from io import BufferedIOBase
from itertools import chain, count
from typing import Any, Final, Literal

from ner_lightning.corpora.column_files import DOCUMENT_END, ColumnLayout
from ner_lightning.corpora.json_rows import Row
from ner_lightning.corpora.reader import CorpusError

InputFormat = Literal["text", "jsonl", "columns"]
BLOCK_BYTES: Final = 1 << 20
CONTENT_KEYS: Final = ("text", "words", "tokens")


@dataclass(frozen=True, slots=True)
class InputRecord:
    """A text, or the words of a sentence, with the id that the input gives it.

    Args:
        text: The text; None where words are given.
        words: The words; None where a text is given.
        id: A string or a number; None where there is none.
        end: Number of bytes of the input up to its end.
    """

    text: str | None = None
    words: tuple[str, ...] | None = None
    id: str | int | None = None
    end: int = field(default=0, compare=False)

    @property
    def num_characters(self) -> int:
        return len(self.text or "") + sum(len(word) + 1 for word in self.words or ())

    def to_plain(self) -> dict[str, Any]:
        """The record as its line in the output begins."""
        named: dict[str, Any] = {} if self.id is None else {"id": self.id}
        return named | ({} if self.words is None else {"words": list(self.words)}) | {"text": self.as_text()}

    def as_text(self) -> str:
        """The text, or the words joined by spaces."""
        return (self.text or "") if self.words is None else " ".join(self.words)


def read_blocks(file: BufferedIOBase) -> Iterator[list[bytes]]:
    """The lines of a file without their LF, in blocks: of a pipe, those that have come, so that none waits for more."""
    rest = bytearray()
    while block := file.read1(BLOCK_BYTES):
        *lines, last = block.split(b"\n")
        if lines:
            lines[0] = bytes(rest) + lines[0]
            rest.clear()
            yield lines
        rest += last
    if rest:
        yield [bytes(rest)]


def read_records(
    blocks: Iterable[list[bytes]], source: str, input_format: InputFormat, layout: ColumnLayout
) -> Iterator[InputRecord | None]:
    """The records of an input, as far as they have been asked for, and None behind those of each block.

    Args:
        blocks: The lines without their LF.
        source: The name of the input, for messages.
        input_format: ``text``: every line is a record, empty or not. ``jsonl``: every line that is not blank.
            ``columns``: the words of the lines between blank ones.
        layout: What the lines of columns mean; there need be no tags.

    Raises:
        CorpusError: If a line is not UTF-8 or not of the format.
    """
    readers: dict[InputFormat, Callable[[str, str], InputRecord | None]] = {
        "text": _from_text,
        "jsonl": _from_json,
        "columns": SentenceLines(layout),
    }
    if input_format == "columns":
        blocks = chain(blocks, [[b""]])  # the end of the input ends a sentence
    numbers, end = count(1), 0
    for block in blocks:
        for line, number in zip(block, numbers, strict=False):
            place = f"{source}:{number}"
            end += len(line) + 1
            record = readers[input_format](_decoded(line, place, number == 1), place)
            if record is not None:
                yield replace(record, end=end)
        yield None


def read_chunks(
    records: Iterable[InputRecord | None], max_records: int, max_characters: int
) -> Iterator[list[InputRecord]]:
    """Records in chunks of bounded size (or one record) that end at each None; what comes before an error still comes.

    How records are cut depends on nothing but the records, and for a pipe on when they come.
    """
    chunk: list[InputRecord] = []
    num_characters = 0
    try:
        for record in records:
            is_full = len(chunk) == max_records
            if chunk and (record is None or is_full or num_characters + record.num_characters > max_characters):
                yield chunk
                chunk, num_characters = [], 0
            if record is not None:
                chunk.append(record)
                num_characters += record.num_characters
    except CorpusError:
        if chunk:
            yield chunk
        raise
    if chunk:
        yield chunk


@dataclass(slots=True)
class SentenceLines:
    """Takes the lines of a column file one by one, and gives a sentence where one ends."""

    layout: ColumnLayout
    words: list[str] = field(default_factory=list)
    first_line: str = ""

    def __call__(self, line: str, place: str) -> InputRecord | None:
        comment = self.layout.comment
        is_marker = self.layout.document_marker(line) is not None
        if not is_marker and comment is not None and line.startswith(comment):
            return None
        if is_marker or not line.strip(" \t\r") or DOCUMENT_END.fullmatch(line):
            words, self.words = self.words, []
            return InputRecord(words=tuple(words)) if words else None
        fields, column = self.layout.fields(line), self.layout.word_column
        if not -len(fields) <= column < len(fields):
            raise CorpusError(
                f"{place}: a line must have a word in column {column} (from 0, from the end if negative), "
                f"got {len(fields)} column{'s' * (len(fields) > 1)}: {line[:80]!r}"
            )
        self.first_line = self.first_line or line
        try:
            self.layout.require_columns_of(self.first_line, line)
        except ValueError as error:
            raise CorpusError(f"{place}: {error}") from None
        self.words.append(fields[column])
        return None


def _decoded(line: bytes, place: str, is_first: bool) -> str:
    """The text of a line; only LF and CRLF end one, since a text may hold U+0085 or U+2028."""
    try:
        return line.decode("utf-8-sig" if is_first else "utf-8").removesuffix("\r")
    except UnicodeDecodeError as error:
        raise CorpusError(
            f"{place}: must be UTF-8, got the byte 0x{line[error.start]:02x} at position {error.start} of the line"
        ) from None


def _from_text(line: str, place: str) -> InputRecord:  # noqa: ARG001
    return InputRecord(text=line)


def _from_json(line: str, place: str) -> InputRecord | None:
    if not line.strip():
        return None
    row = Row.parse(line, place)
    keys = [key for key in CONTENT_KEYS if key in row.values]
    if len(keys) != 1:
        found = ", ".join(f'"{key}"' for key in row.values)[:80] or "none"
        raise CorpusError(f'{place}: must have one of the keys "text", "words" and "tokens", got {found}')
    row.name("id")  # fails where it is none; the record takes it as it stands
    if keys == ["text"]:
        return InputRecord(text=row.text(), id=row.values.get("id"))
    return InputRecord(words=row.words(keys[0]), id=row.values.get("id"))
