"""Exports of doccano."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ner_lightning.corpora.reading.json_rows import Row
from ner_lightning.corpora.reading.json_spans import spans_of
from ner_lightning.corpora.reading.raw_sentences import RawRow, SpannedText
from ner_lightning.corpora.reading.row_reader import RowReader
from ner_lightning.corpora.writing.losses import Losses
from ner_lightning.corpora.writing.split_writer import Json, TextRowWriter, names_of
from ner_lightning.corpora.writing.text_spans import text_spans
from ner_lightning.sentences import Sentence

TEXT_KEYS: Final = ("text", "data")
SPANS_KEYS: Final = ("label", "labels", "entities", "annotations")


@dataclass(frozen=True)
class Doccano(RowReader):
    """Reads JSON Lines exported by doccano, in each of its forms.

    The spans are in "label" or "labels", as in {"text": "Bill left", "label": [[0, 4, "PER"]]}, or in "entities" if
    relations are annotated, as in {"text": "Bill left", "entities": [{"label": "PER", "start_offset": 0,
    "end_offset": 4}]}. "id" and "document_id" of a text are kept.
    """

    def read_row(self, row: Row) -> Iterator[RawRow]:
        text_key, spans_key = row.only_key(TEXT_KEYS), row.only_key(SPANS_KEYS)
        names = row.name("id") or "", row.name("document_id")
        yield SpannedText(row.text(text_key), spans_of(row, spans_key), row.path, row.line, *names)


class DoccanoWriter(TextRowWriter):
    """Writes JSON Lines that doccano imports: {"id": "s1", "text": "Bill left", "label": [[0, 4, "PER"]]}.

    Args:
        word_splitter: The word splitter that will read the texts, to report where it will split them differently from
            the words of the corpus; null is the one that splits at spaces and around punctuation.
    """

    def row(self, sentence: Sentence, positional_id: str, losses: Losses) -> Json:  # noqa: ARG002
        losses.add_scores(sentence)
        text, _ = sentence.as_text()
        label = [[span.start, span.end, span.entity_type] for span in text_spans(sentence, losses)]
        return names_of(sentence) | {"text": text, "label": label}
