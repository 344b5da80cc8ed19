"""The input of `predict`: records are read one by one from text lines, JSON Lines or columns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from io import BufferedIOBase
from itertools import chain, count
from typing import Any, Final, Literal

from ner_lightning.corpora.reader import CorpusError
from ner_lightning.corpora.reading.column_lines import ColumnLayout, ColumnParser
from ner_lightning.corpora.reading.json_rows import parse_row

InputFormat = Literal["text", "jsonl", "columns"]
BLOCK_BYTES: Final = 1 << 20
CONTENT_KEYS: Final = ("text", "words", "tokens")


@dataclass(frozen=True, slots=True)
class InputRecord:
    """A text, or the words of a sentence, with the id from the input.

    Args:
        text: The text; None if the input gives words.
        words: The words; None if the input gives a text.
        id: A string or a number; None if the input gives no id.
        document_id: Name of the document that the record is from; None if the input does not say.
        end: Number of bytes of the input up to the end of the record.
    """

    text: str | None = None
    words: tuple[str, ...] | None = None
    id: str | int | None = None
    document_id: str | None = None
    end: int = field(default=0, compare=False)

    @property
    def num_characters(self) -> int:
        return len(self.text or "") + sum(len(word) + 1 for word in self.words or ())

    def to_plain(self) -> dict[str, Any]:
        """Return the beginning of the record's line in the output."""
        named: dict[str, Any] = {} if self.id is None else {"id": self.id}
        return named | ({} if self.words is None else {"words": list(self.words)}) | {"text": self.as_text()}

    def as_text(self) -> str:
        """Return the text, or the words joined by spaces."""
        return (self.text or "") if self.words is None else " ".join(self.words)


def read_blocks(file: BufferedIOBase) -> Iterator[list[bytes]]:
    """Yield the lines of a file without their LF, in blocks; lines of a pipe are yielded as soon as they arrive."""
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
    """Yield the records of an input one by one, and None after those of each block.

    Args:
        blocks: The lines without their LF.
        source: The name of the input, for messages.
        input_format: ``text``: every line is a record, even an empty one. ``jsonl``: every line that is not empty.
            ``columns``: the words of the lines between empty ones.
        layout: The meaning of the lines of columns.

    Raises:
        CorpusError: If a line is not UTF-8 or does not follow the format.
    """
    parsers: dict[InputFormat, Callable[[str, int], InputRecord | None]] = {
        "text": _from_text,
        "jsonl": partial(_from_json, source),
        "columns": partial(_from_columns, ColumnParser(layout, path=source)),
    }
    if input_format == "columns":
        blocks = chain(blocks, [[b""]])  # the end of the input ends a sentence
    numbers, end = count(1), 0
    for block in blocks:
        for line, number in zip(block, numbers, strict=False):
            end += len(line) + 1
            record = parsers[input_format](_decoded(line, f"{source}:{number}", number == 1), number)
            if record is not None:
                yield replace(record, end=end)
        yield None


def read_chunks(
    records: Iterable[InputRecord | None], max_records: int, max_characters: int, keeps_documents: bool = False
) -> Iterator[list[InputRecord]]:
    """Yield records in chunks of bounded size (or one record); each None ends a chunk.

    Records before an error are yielded before the error is raised. The chunks depend only on the records, and for a
    pipe on when they arrive.

    Args:
        records: The records.
        max_records: Largest number of records in a chunk.
        max_characters: Largest number of characters in a chunk.
        keeps_documents: True to yield records of the same document, if they follow each other, in one chunk. It may be
            larger, and for a pipe it has to wait for the next document.
    """
    chunk: list[InputRecord] = []
    num_characters = 0
    ends_chunk = False
    try:
        for record in records:
            added = 0 if record is None else record.num_characters
            ends_chunk |= record is None or len(chunk) >= max_records or num_characters + added > max_characters
            if chunk and ends_chunk and not (keeps_documents and _may_continue(chunk[-1], record)):
                yield chunk
                chunk, num_characters = [], 0
            ends_chunk &= bool(chunk)
            if record is not None:
                chunk.append(record)
                num_characters += record.num_characters
    except CorpusError:
        if chunk:
            yield chunk
        raise
    if chunk:
        yield chunk


def _may_continue(last: InputRecord, following: InputRecord | None) -> bool:
    """Return True if the document of a record may continue with what follows; None stands for unknown records."""
    return last.document_id is not None and (following is None or following.document_id == last.document_id)


def _decoded(line: bytes, place: str, is_first: bool) -> str:
    """Return the text of a line; only LF and CRLF end a line, because a text may contain U+0085 or U+2028."""
    try:
        return line.decode("utf-8-sig" if is_first else "utf-8").removesuffix("\r")
    except UnicodeDecodeError as error:
        raise CorpusError(
            f"{place}: must be UTF-8, found the byte 0x{line[error.start]:02x} at position {error.start} of the line"
        ) from None


def _from_text(line: str, number: int) -> InputRecord:  # noqa: ARG001
    return InputRecord(text=line)


def _from_json(source: str, line: str, number: int) -> InputRecord | None:
    if not line.strip():
        return None
    row = parse_row(line, source, number)
    keys = [key for key in CONTENT_KEYS if key in row.values]
    if len(keys) != 1:
        raise CorpusError(
            f'{row.place}: must have one of the keys "text", "words" and "tokens", got {row.keys_in_words}'
        )
    row.name("id")  # checks the id; the record keeps it as it is, string or number
    names = row.values.get("id"), row.name("document_id")
    if keys == ["text"]:
        return InputRecord(row.text(), None, *names)
    return InputRecord(None, row.words(keys[0]), *names)


def _from_columns(parser: ColumnParser, line: str, number: int) -> InputRecord | None:
    sentence = parser.parse(line, number)
    return None if sentence is None else InputRecord(words=tuple(sentence.words), document_id=sentence.document_id)
