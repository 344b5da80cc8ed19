"""A line of JSON Lines: its form, and its values with their types checked."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ner_lightning.corpora.reader import CorpusError

FORMS = (("text", "entities"), ("words", "entities"), ("tokens", "ner_tags"))
FORMS_IN_WORDS = ", or ".join(f'"{first}" and "{second}"' for first, second in FORMS)

HALF_A_CHARACTER = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Row:
    """The object of one line, whose values are checked as they are taken out.

    Args:
        values: The object.
        place: File and line, for messages.
    """

    values: dict[str, Any]
    place: str

    @classmethod
    def parse(cls, line: str, place: str) -> Row:
        """Read a line.

        Raises:
            CorpusError: If it is no JSON object, or a key is repeated in one.
        """
        try:
            values = json.loads(line, object_pairs_hook=without_repeated_keys)
        except (ValueError, RecursionError) as error:
            raise CorpusError(f"{place}: must be one JSON object a line: {error}") from None
        if not isinstance(values, dict):
            raise CorpusError(f"{place}: must be a JSON object, got {line[:80]}")
        return cls(values, place)

    @property
    def form(self) -> tuple[str, str]:
        """The two keys that hold words and entities."""
        forms = [form for form in FORMS if self.values.keys() >= set(form)]
        if len(forms) != 1:
            found = ", ".join(f'"{key}"' for key in self.values) or "none"
            raise CorpusError(f"{self.place}: must have the keys {FORMS_IN_WORDS} (one pair), got {found}")
        return forms[0]

    def fail(self, key: str, expected: str, found: object) -> CorpusError:
        return CorpusError(f'{self.place}: "{key}" must be {expected}, got {json.dumps(found)[:80]}')

    def name(self, key: str) -> str | None:
        value = self.values.get(key)
        if value is not None and not is_text(value) and not is_number(value):
            raise self.fail(key, "a string of valid Unicode or a whole number", value)
        return None if value is None else str(value)

    def text(self) -> str:
        value = self.values["text"]
        if not is_text(value):
            raise self.fail("text", "a string of valid Unicode", value)
        return value

    def words(self, key: str) -> tuple[str, ...]:
        value = self.values[key]
        if not isinstance(value, list) or not all(is_text(word) for word in value):
            raise self.fail(key, "a list of strings of valid Unicode", value)
        return tuple(value)

    def spans(self) -> list[tuple[int, int, str]]:
        """The entities as start, end and type, in either notation; that they fit is not checked."""
        by_characters = self.form == FORMS[0]
        notation = '{"start": 0, "end": 4, "type": "PER"}' if by_characters else '[0, 1, "PER"]'
        values = self.values["entities"]
        if not isinstance(values, list):
            raise self.fail("entities", "a list", values)
        spans: list[tuple[int, int, str]] = []
        for value in values:
            match (by_characters, value):
                case (True, {"start": start, "end": end, "type": kind}) | (False, [start, end, kind]) if (
                    is_number(start) and is_number(end) and is_text(kind) and kind
                ):
                    spans.append((start, end, kind))
                case _:
                    raise self.fail("entities", f"a list of spans such as {notation}", value)
        return spans

    def tags(self, tag_names: Sequence[str] | None) -> list[str]:
        """The tags, with their names in place of numbers."""
        values = self.values["ner_tags"]
        if not isinstance(values, list) or not all(is_text(value) or is_number(value) for value in values):
            raise self.fail("ner_tags", "a list of tags", values)
        num_words = len(self.values["tokens"])
        if len(values) != num_words:
            raise CorpusError(f"{self.place}: every word needs one tag, got {num_words} words, {len(values)} tags")
        numbers = [value for value in values if is_number(value)]
        if numbers and tag_names is None:
            raise self.fail("ner_tags", "tags by name, unless tag_names lists the names of numbers", values)
        for number in numbers:
            if tag_names is not None and not 0 <= number < len(tag_names):
                raise self.fail("ner_tags", f"numbers from 0 to {len(tag_names) - 1}, as tag_names says", number)
        return [tag_names[value] if tag_names and is_number(value) else value for value in values]


def without_repeated_keys(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object of its pairs; the standard reader takes the last value of a key and drops the others.

    Raises:
        ValueError: If a key is repeated.
    """
    values = dict(pairs)
    if len(values) < len(pairs):
        repeated = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        raise ValueError(f"every key must occur once in an object, {json.dumps(repeated)} is repeated")
    return values


def is_number(value: object) -> bool:
    """Whether a JSON value is a whole number; true and false are none."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_text(value: object) -> bool:
    """Whether a JSON value is a string that any tokenizer takes: JSON can escape half a character."""
    return isinstance(value, str) and not HALF_A_CHARACTER.search(value)
