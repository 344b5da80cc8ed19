"""Training data of GLiNER."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from ner_lightning.corpora.reading.json_rows import Row
from ner_lightning.corpora.reading.json_spans import spans_of
from ner_lightning.corpora.reading.raw_sentences import RawRow, SpannedWords
from ner_lightning.corpora.reading.row_reader import RowReader


@dataclass(frozen=True)
class GlinerJson(RowReader):
    """Reads training data of GLiNER: {"tokenized_text": ["Bill", "left"], "ner": [[0, 0, "PER"]]}, ends included."""

    def read_row(self, row: Row) -> Iterator[RawRow]:
        yield gliner_words(row)


def gliner_words(row: Row) -> SpannedWords:
    """Return the words of a row with half-open spans.

    Raises:
        CorpusError: If the row does not follow the format.
    """
    row.require_keys("tokenized_text", "ner")
    spans = [replace(span, end=span.end + 1) for span in spans_of(row, "ner")]
    return SpannedWords(row.words("tokenized_text"), spans, row.path, row.line)
