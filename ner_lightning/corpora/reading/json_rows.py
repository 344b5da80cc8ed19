"""JSON rows, one per line or as the items of an array, whose values are checked as they are taken out."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeGuard

from ner_lightning.corpora.reader import CorpusError
from ner_lightning.corpora.reading.raw_sentences import RawSpan
from ner_lightning.corpora.reading.text_files import read_lines
from ner_lightning.unicode_text import lone_surrogate

MAX_SHOWN: Final = 80  # characters of a value in a message


@dataclass(frozen=True, slots=True)
class Row:
    """A JSON object whose values are checked as they are taken out.

    Args:
        values: The object.
        path: The file.
        line: The line in the file, counted from 1.
    """

    values: dict[str, Any]
    path: str
    line: int

    @classmethod
    def of(cls, value: Any, path: str, line: int) -> Row:
        """Check that a JSON value is an object.

        Raises:
            CorpusError: If it is not.
        """
        if not isinstance(value, dict):
            raise CorpusError(f"{path}:{line}: must be a JSON object, got {shown(value)}")
        return cls(value, path, line)

    @property
    def place(self) -> str:
        return f"{self.path}:{self.line}"

    @property
    def keys_in_words(self) -> str:
        """The keys of the object, for messages."""
        return ", ".join(f'"{key}"' for key in self.values)[:MAX_SHOWN] or "none"

    def error(self, key: str, expected: str, found: object) -> CorpusError:
        """Return an error about the value of a key."""
        return CorpusError(f'{self.place}: "{key}" must be {expected}, got {shown(found)}')

    def name(self, key: str) -> str | None:
        """Return the id in a key, or None if the key is missing or null."""
        value = self.values.get(key)
        if value is not None and not is_valid_text(value) and not is_whole_number(value):
            raise self.error(key, "a string of valid Unicode or a whole number", value)
        return None if value is None else str(value)

    def text(self, key: str = "text") -> str:
        """Return the text of a key, which must be there."""
        value = self.values[key]
        if not is_valid_text(value):
            raise self.error(key, "a string of valid Unicode", value)
        return value

    def words(self, key: str) -> tuple[str, ...]:
        """Return the list of words of a key, which must be there."""
        value = self.values[key]
        if not isinstance(value, list) or not all(is_valid_text(word) for word in value):
            raise self.error(key, "a list of strings of valid Unicode", value)
        return tuple(value)

    def items(self, key: str) -> list[Any]:
        """Return the list of a key, which must be there."""
        value = self.values[key]
        if not isinstance(value, list):
            raise self.error(key, "a list", value)
        return value

    def spans(self, key: str, example: str, names: tuple[str, str, str] | None = None) -> list[RawSpan]:
        """Return the spans in the list of a key; whether they fit the text is not checked.

        Args:
            key: The key of the list, which must be there.
            example: A correct span, for messages.
            names: The keys of start, end and type if each span is an object; None if it is a list of the three.
        """
        spans = []
        for value in self.items(key):
            if names is None:
                items = value if isinstance(value, list) and len(value) == 3 else [None] * 3
            else:
                items = [value.get(name) for name in names] if isinstance(value, dict) else [None] * 3
            start, end, kind = items
            if not is_whole_number(start) or not is_whole_number(end) or not is_valid_text(kind) or not kind:
                raise self.error(key, f"a list of spans such as {example}", value)
            spans.append(RawSpan(start, end, kind))
        return spans


def read_rows(path: Path, encoding: str) -> Iterator[Row]:
    """Yield the objects of a file of JSON Lines.

    Raises:
        CorpusError: If a line is not a JSON object, or a key is repeated in one.
    """
    for number, line in enumerate(read_lines(path, encoding), start=1):
        if line.strip():
            yield parse_row(line, str(path), number)


def parse_row(text: str, path: str, line: int) -> Row:
    """Parse a line that holds one JSON object.

    Raises:
        CorpusError: If it does not, or a key is repeated.
    """
    try:
        value = json.loads(text, object_pairs_hook=without_repeated_keys)
    except (ValueError, RecursionError) as error:
        raise CorpusError(f"{path}:{line}: must be one JSON object per line: {error}") from None
    return Row.of(value, path, line)


def without_repeated_keys(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Return the JSON object of some pairs; the standard reader would silently keep only the last value of a key.

    Raises:
        ValueError: If a key is repeated.
    """
    values = dict(pairs)
    if len(values) < len(pairs):
        repeated = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        raise ValueError(f"every key must occur once in an object, {json.dumps(repeated)} is repeated")
    return values


def shown(value: object) -> str:
    """Return a JSON value for a message, shortened."""
    return json.dumps(value)[:MAX_SHOWN]


def is_whole_number(value: object) -> TypeGuard[int]:
    """Return whether a JSON value is a whole number; true and false are not numbers."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_valid_text(value: object) -> TypeGuard[str]:
    """Return whether a JSON value is a string of valid Unicode."""
    return isinstance(value, str) and lone_surrogate(value) is None
