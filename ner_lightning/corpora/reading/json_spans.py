"""Spans of characters in JSON, in the notations of annotation tools."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from ner_lightning.corpora.reading.json_rows import Row, is_valid_text, is_whole_number
from ner_lightning.corpora.reading.raw_sentences import RawSpan

SPANS_KEYS: Final = ("entities", "spans", "label", "labels")
START_KEYS: Final = ("start", "start_offset", "begin")
END_KEYS: Final = ("end", "end_offset", "stop")
TYPE_KEYS: Final = ("type", "label", "labels", "entity_type", "entity", "tag")
TEXT_KEYS: Final = ("text", "value", "surface", "word")
SCORE_KEYS: Final = ("score", "confidence")
EXAMPLE: Final = '{"start": 0, "end": 4, "type": "PER"} or [0, 4, "PER"]'


def spans_of(row: Row, key: str) -> list[RawSpan]:
    """Return the spans in the list of a key; whether they fit the text is not checked.

    Raises:
        CorpusError: If the value of the key is not a list of spans.
    """
    return [span for value in row.items(key) for span in _spans(row, key, value)]


def _spans(row: Row, key: str, value: Any) -> Iterator[RawSpan]:
    """Yield the spans of one value: one for each of its types."""
    match value:
        case [start, end, kind]:
            text = score = None
        case dict():
            start, end, kind, text, score = (
                next((value[name] for name in names if name in value), None)
                for names in (START_KEYS, END_KEYS, TYPE_KEYS, TEXT_KEYS, SCORE_KEYS)
            )
        case _:
            raise row.error(key, f"a list of spans such as {EXAMPLE}", value)
    kinds = kind if isinstance(kind, list) and kind else [kind]
    if not is_whole_number(start) or not is_whole_number(end) or not all(is_valid_text(it) and it for it in kinds):
        raise row.error(key, f"a list of spans such as {EXAMPLE}", value)
    for it in kinds:
        yield RawSpan(
            start, end, it, text if is_valid_text(text) else None, score if isinstance(score, float) else None
        )
