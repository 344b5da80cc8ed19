"""Exports of Prodigy (``db-out``)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ner_lightning.corpora.reading.json_rows import Row
from ner_lightning.corpora.reading.json_spans import spans_of
from ner_lightning.corpora.reading.raw_sentences import RawRow, Skipped, SpannedText
from ner_lightning.corpora.reading.row_reader import RowReader
from ner_lightning.corpora.writing.losses import Losses
from ner_lightning.corpora.writing.split_writer import Json, TextRowWriter, names_of
from ner_lightning.corpora.writing.text_spans import text_spans
from ner_lightning.sentences import Sentence


@dataclass(frozen=True)
class Prodigy(RowReader):
    """Reads JSON Lines exported by Prodigy: {"text": "Bill left", "spans": [{"start": 0, "end": 4, "label": "PER"}]}.

    Rows whose "answer" is not "accept" are skipped and counted, because nobody confirmed their annotation.
    "id" and "document_id" in "meta" are kept.
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
    names = Row.of(row.values.get("meta") or {}, row.path, row.line)
    return SpannedText(row.text(), spans, row.path, row.line, names.name("id") or "", names.name("document_id"))


class ProdigyWriter(TextRowWriter):
    """Writes JSON Lines that Prodigy imports; "meta" contains the ids.

    Args:
        word_splitter: The word splitter that will read the texts, to report where it will split them differently from
            the words of the corpus; null is the one that splits at spaces and around punctuation.
    """

    def row(self, sentence: Sentence, positional_id: str, losses: Losses) -> Json:  # noqa: ARG002
        losses.add_scores(sentence)
        text, _ = sentence.as_text()
        spans = [
            {"start": span.start, "end": span.end, "label": span.entity_type} for span in text_spans(sentence, losses)
        ]
        return {"text": text, "spans": spans, "meta": names_of(sentence), "answer": "accept"}
