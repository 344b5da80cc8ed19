"""Training tuples of spaCy, saved as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ner_lightning.corpora.reading.json_rows import Row
from ner_lightning.corpora.reading.json_spans import spans_of
from ner_lightning.corpora.reading.raw_sentences import RawRow, SpannedText
from ner_lightning.corpora.reading.row_reader import RowReader


@dataclass(frozen=True)
class SpacyTuples(RowReader):
    """Reads spaCy's training tuples, ["Bill left", {"entities": [[0, 4, "PER"]]}], as a JSON array or one per line.

    Objects such as {"text": "Bill left", "entities": [[0, 4, "PER"]]} are read as well.
    """

    def read_row(self, row: Row) -> Iterator[RawRow]:
        row.require_keys("text", "entities")
        yield SpannedText(row.text(), spans_of(row, "entities"), row.path, row.line)
