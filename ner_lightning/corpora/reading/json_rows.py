"""JSON rows, one per line or as the items of an array, whose values are checked when they are read."""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeGuard

from ner_lightning.corpora.reader import CorpusError
from ner_lightning.corpora.reading.text_files import read_lines
from ner_lightning.unicode_text import lone_surrogate

NOT_SPACE: Final = re.compile(r"[^ \t\r\n]")
MAX_SHOWN: Final = 80  # characters of a value in a message


@dataclass(frozen=True, slots=True)
class Row:
    """A JSON object whose values are checked when they are read.

    Args:
        values: The object.
        path: The file.
        line: The line in the file, counted from 1; 0 if the path says where the object is.
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
            raise CorpusError(f"{cls({}, path, line).place}: must be a JSON object, got {shown(value)}")
        return cls(value, path, line)

    @property
    def place(self) -> str:
        return f"{self.path}:{self.line}" if self.line else self.path

    @property
    def keys_in_words(self) -> str:
        """The keys of the object, for messages."""
        return ", ".join(f'"{key}"' for key in self.values)[:MAX_SHOWN] or "none"

    def require_keys(self, *keys: str) -> None:
        """Check that the object has some keys.

        Raises:
            CorpusError: If one is missing.
        """
        if not self.values.keys() >= set(keys):
            needed = ", ".join(f'"{key}"' for key in keys)
            raise CorpusError(f"{self.place}: must have the keys {needed}, got {self.keys_in_words}")

    def only_key(self, keys: Sequence[str]) -> str:
        """Return the key of the object that is among some keys.

        Raises:
            CorpusError: If the object does not have exactly one of the keys.
        """
        found = [key for key in keys if key in self.values]
        if len(found) != 1:
            known = ", ".join(f'"{key}"' for key in keys)
            raise CorpusError(f"{self.place}: must have exactly one of the keys {known}, got {self.keys_in_words}")
        return found[0]

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
        """Return the text of a key, which must be present."""
        value = self.values[key]
        if not is_valid_text(value):
            raise self.error(key, "a string of valid Unicode", value)
        return value

    def words(self, key: str) -> tuple[str, ...]:
        """Return the list of words of a key, which must be present."""
        value = self.values[key]
        if not isinstance(value, list) or not all(is_valid_text(word) for word in value):
            raise self.error(key, "a list of strings of valid Unicode", value)
        return tuple(value)

    def items(self, key: str) -> list[Any]:
        """Return the list of a key, which must be present."""
        value = self.values[key]
        if not isinstance(value, list):
            raise self.error(key, "a list", value)
        return value


def read_rows(path: Path, encoding: str) -> Iterator[Row]:
    """Yield the objects of a file of JSON Lines, or of a file with one JSON array; with spaCy's tuples as objects.

    Raises:
        CorpusError: If a value is not a JSON object, or a key is repeated in one.
    """
    lines = read_lines(path, encoding)
    if is_array(lines):
        values = array_items("\n".join(lines), path)
    else:
        values = ((parse_json(line, str(path), number), number) for number, line in enumerate(lines, 1) if line.strip())
    for value, number in values:
        row = as_object(value)
        if isinstance(row, list):
            expected = 'a JSON object, or a list such as ["Bill left", {"entities": [[0, 4, "PER"]]}]'
            raise CorpusError(f"{path}:{number}: must be {expected}, got {shown(row)}")
        yield Row.of(row, str(path), number)


def is_array(lines: Sequence[str]) -> bool:
    """Return whether the lines of a file are one JSON array rather than one value per line."""
    first = next((line for line in lines if line.strip()), "").strip()
    if not first.startswith("["):
        return False
    try:
        value = json.loads(first)
    except (ValueError, RecursionError):
        return True  # an array over several lines
    return not value or isinstance(value[0], dict | list)  # spaCy writes ["text", {…}] in one line


def array_items(text: str, path: Path) -> Iterator[tuple[Any, int]]:
    """Yield the items of a JSON array with the line where each begins.

    Raises:
        CorpusError: If the text is not one JSON array.
    """
    decoder = json.JSONDecoder(object_pairs_hook=without_repeated_keys)
    line_ends = [found.start() for found in re.finditer("\n", text)]
    position = _after_spaces(text, text.index("[") + 1)
    separator = ","
    if text.startswith("]", position):  # an array without items
        separator, position = "]", _after_spaces(text, position + 1)
    while separator == ",":
        line = bisect_left(line_ends, position) + 1
        try:
            value, end = decoder.raw_decode(text, position)
        except (ValueError, RecursionError) as error:
            raise CorpusError(f"{path}:{line}: must be an item of a JSON array: {_problem(error)}") from None
        yield value, line
        end = _after_spaces(text, end)
        separator = text[end : end + 1]
        if separator not in {",", "]"}:
            line = bisect_left(line_ends, end) + 1
            raise CorpusError(f"{path}:{line}: a JSON array must continue with a comma or end with a bracket")
        position = _after_spaces(text, end + 1)
    if text[position:]:
        line = bisect_left(line_ends, position) + 1
        raise CorpusError(f"{path}:{line}: nothing may follow the end of a JSON array")


def _after_spaces(text: str, position: int) -> int:
    """Return the position of the next character that is not a space."""
    found = NOT_SPACE.search(text, position)
    return found.start() if found else len(text)


def as_object(value: Any) -> Any:
    """Return spaCy's tuple of a text and its annotation as one object; other values are returned unchanged."""
    match value:
        case [str() as text, dict() as annotation]:
            return {"text": text, **annotation}
    return value


def parse_row(text: str, path: str, line: int) -> Row:
    """Parse a line that holds one JSON object.

    Raises:
        CorpusError: If it does not, or a key is repeated.
    """
    return Row.of(parse_json(text, path, line), path, line)


def parse_json(text: str, path: str, line: int) -> Any:
    """Parse a line that holds one JSON value.

    Raises:
        CorpusError: If it does not, or a key is repeated in an object.
    """
    try:
        return json.loads(text, object_pairs_hook=without_repeated_keys)
    except (ValueError, RecursionError) as error:
        raise CorpusError(f"{path}:{line}: must be one JSON object per line: {_problem(error)}") from None


def _problem(error: ValueError | RecursionError) -> str:
    if isinstance(error, RecursionError):
        return "its lists and objects are nested too deeply"
    if "integer string conversion" in str(error):  # advice for programmers follows
        return "a number has too many digits"
    return str(error)


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
