"""Exports of doccano."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ner_lightning.corpora.reading.json_rows import Row
from ner_lightning.corpora.reading.json_spans import spans_of
from ner_lightning.corpora.reading.raw_sentences import RawRow, SpannedText
from ner_lightning.corpora.reading.row_reader import RowReader

TEXT_KEYS: Final = ("text", "data")
SPANS_KEYS: Final = ("label", "labels", "entities", "annotations")


@dataclass(frozen=True)
class Doccano(RowReader):
    """Reads JSON Lines exported by doccano, in each of its forms.

    The spans are in "label" or "labels", as in {"text": "Bill left", "label": [[0, 4, "PER"]]}, or in "entities" if
    relations are annotated, as in {"text": "Bill left", "entities": [{"label": "PER", "start_offset": 0,
    "end_offset": 4}]}. The "id" of a text is kept.
    """

    def read_row(self, row: Row) -> Iterator[RawRow]:
        text_key, spans_key = row.only_key(TEXT_KEYS), row.only_key(SPANS_KEYS)
        yield SpannedText(row.text(text_key), spans_of(row, spans_key), row.path, row.line, row.name("id") or "")
