"""Training tuples of spaCy, saved as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from ner_lightning.corpora.reading.json_rows import Row
from ner_lightning.corpora.reading.json_spans import spans_of
from ner_lightning.corpora.reading.raw_sentences import RawRow, SpannedText
from ner_lightning.corpora.reading.row_reader import RowReader
from ner_lightning.corpora.writing.losses import Losses
from ner_lightning.corpora.writing.split_writer import Json, TextRowWriter
from ner_lightning.corpora.writing.text_spans import text_spans
from ner_lightning.sentences import Sentence


@dataclass(frozen=True)
class SpacyTuples(RowReader):
    """Reads spaCy's training tuples, ["Bill left", {"entities": [[0, 4, "PER"]]}], as a JSON array or one per line.

    Objects such as {"text": "Bill left", "entities": [[0, 4, "PER"]]} are read as well.
    """

    def read_row(self, row: Row) -> Iterator[RawRow]:
        row.require_keys("text", "entities")
        yield SpannedText(row.text(), spans_of(row, "entities"), row.path, row.line)


class SpacyTuplesWriter(TextRowWriter):
    """Writes a JSON array of spaCy's training tuples, ["Bill left", {"entities": [[0, 4, "PER"]]}].

    Args:
        word_splitter: The word splitter that will read the texts, to report where it will split them differently from
            the words of the corpus; null is the one that splits at spaces and around punctuation.
    """

    suffix: ClassVar[str] = ".json"
    is_array: ClassVar[bool] = True

    def row(self, sentence: Sentence, positional_id: str, losses: Losses) -> Json:
        losses.add_names(sentence, positional_id)
        losses.add_scores(sentence)
        text, _ = sentence.as_text()
        spans = text_spans(sentence, losses)
        return [text, {"entities": [[span.start, span.end, span.entity_type] for span in spans]}]
