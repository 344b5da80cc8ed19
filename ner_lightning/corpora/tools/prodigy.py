"""Exports of Prodigy (``db-out``)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ner_lightning.corpora.reading.json_rows import Row
from ner_lightning.corpora.reading.json_spans import spans_of
from ner_lightning.corpora.reading.raw_sentences import RawRow, Skipped, SpannedText
from ner_lightning.corpora.reading.row_reader import RowReader


@dataclass(frozen=True)
class Prodigy(RowReader):
    """Reads JSON Lines exported by Prodigy: {"text": "Bill left", "spans": [{"start": 0, "end": 4, "label": "PER"}]}.

    Rows whose "answer" is not "accept" are skipped and counted, because nobody confirmed their annotation.
    """

    def read_row(self, row: Row) -> Iterator[RawRow]:
        yield prodigy_text(row)


def prodigy_text(row: Row) -> RawRow:
    """Return the text of a row, unless its annotation was not accepted.

    Raises:
        CorpusError: If the row has no text, or its spans cannot be read.
    """
    answer = row.values.get("answer", "accept")
    if answer != "accept":
        return Skipped(f'"answer" is {answer!r}, not "accept"', row.path, row.line)
    row.require_keys("text")
    spans = spans_of(row, "spans") if row.values.get("spans") is not None else []
    return SpannedText(row.text(), spans, row.path, row.line)
