"""The input of `predict`: records read one by one from text lines, JSON Lines or columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

from ner_lightning.corpora.column_files import DOCUMENT_END, ColumnLayout
from ner_lightning.corpora.json_rows import Row
from ner_lightning.corpora.reader import CorpusError

InputFormat = Literal["text", "jsonl", "columns"]
COLUMNS: Final = ColumnLayout(word_column=0, tag_column=-1, separator="auto", comment=None)


@dataclass(frozen=True, slots=True)
class InputRecord:
    """A text, or the words of a sentence, with the id that the input gives it.

    Args:
        text: The text; None where words are given.
        words: The words; None where a text is given.
        id: A string or a number; None where there is none.
    """

    text: str | None = None
    words: tuple[str, ...] | None = None
    id: str | int | None = None

    @property
    def num_characters(self) -> int:
        return len(self.text or "") + sum(len(word) + 1 for word in self.words or ())

    def to_plain(self) -> dict[str, Any]:
        """The record as its line in the output begins."""
        named = {} if self.id is None else {"id": self.id}
        return named | ({"text": self.text} if self.words is None else {"words": list(self.words)})


def read_records(lines: Iterable[bytes], source: str, input_format: InputFormat) -> Iterator[InputRecord]:
    """The records of an input, as far as they have been asked for.

    Args:
        lines: The lines with their ends, as iterating over a binary file gives them.
        source: The name of the input, for messages.
        input_format: ``text``: every line is a record, empty or not. ``jsonl``: every line that is not blank.
            ``columns``: the first column of the lines between blank ones.

    Raises:
        CorpusError: If a line is not UTF-8 or not of the format.
    """
    numbered = _decoded(lines, source)
    if input_format == "text":
        return (InputRecord(text=line) for _, line in numbered)
    if input_format == "jsonl":
        return (_from_json(line, f"{source}:{number}") for number, line in numbered if line.strip())
    return _sentences(line for _, line in numbered)


def read_chunks(records: Iterable[InputRecord], max_records: int, max_characters: int) -> Iterator[list[InputRecord]]:
    """Records in chunks of bounded size (or one record); where they break off, those before still come.

    How records are cut depends on nothing but the records.
    """
    chunk: list[InputRecord] = []
    num_characters = 0
    try:
        for record in records:
            if chunk and num_characters + record.num_characters > max_characters:
                yield chunk
                chunk, num_characters = [], 0
            chunk.append(record)
            num_characters += record.num_characters
            if len(chunk) == max_records:
                yield chunk
                chunk, num_characters = [], 0
    except CorpusError:
        if chunk:
            yield chunk
        raise
    if chunk:
        yield chunk


def _decoded(lines: Iterable[bytes], source: str) -> Iterator[tuple[int, str]]:
    """The lines with their numbers; only LF and CRLF end a line, since a text may hold U+0085 or U+2028."""
    for number, line in enumerate(lines, start=1):
        try:
            text = line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise CorpusError(
                f"{source}:{number}: must be UTF-8, got the byte 0x{line[error.start]:02x} at position "
                f"{error.start} of the line"
            ) from None
        yield number, text.removesuffix("\n").removesuffix("\r")


def _from_json(line: str, place: str) -> InputRecord:
    row = Row.parse(line, place)
    if ("text" in row.values) == ("words" in row.values):
        found = ", ".join(f'"{key}"' for key in row.values)[:80] or "none"
        raise CorpusError(f'{place}: must have one of the keys "text" and "words", got {found}')
    row.name("id")  # fails where it is none; the record takes it as it stands
    if "text" in row.values:
        return InputRecord(text=row.text(), id=row.values.get("id"))
    return InputRecord(words=row.words("words"), id=row.values.get("id"))


def _sentences(lines: Iterable[str]) -> Iterator[InputRecord]:
    words: list[str] = []
    for line in lines:
        marks = COLUMNS.document_marker(line) or DOCUMENT_END.fullmatch(line)
        if line.strip(" \t\r") and not marks:
            words.append(COLUMNS.fields(line)[0])
        elif words:
            yield InputRecord(words=tuple(words))
            words = []
    if words:
        yield InputRecord(words=tuple(words))
