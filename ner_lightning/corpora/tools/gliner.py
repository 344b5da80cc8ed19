"""Training data of GLiNER."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from ner_lightning.corpora.reader import SplitName
from ner_lightning.corpora.reading.json_rows import Row
from ner_lightning.corpora.reading.json_spans import spans_of
from ner_lightning.corpora.reading.raw_sentences import RawRow, SpannedWords
from ner_lightning.corpora.reading.row_reader import RowReader
from ner_lightning.corpora.writing.losses import LOST_TEXT, Losses
from ner_lightning.corpora.writing.split_writer import SplitWriter, json_array, json_line
from ner_lightning.sentences import Sentence


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


class GlinerJsonWriter(SplitWriter):
    """Writes a JSON array of training data of GLiNER: words, and entities as spans of words whose ends are included."""

    suffix: ClassVar[str] = ".json"

    def pieces(self, sentences: Sequence[Sentence], split: SplitName, losses: Losses) -> Iterator[str]:
        for position, sentence in enumerate(sentences):
            losses.add(LOST_TEXT, sentence.text is not None)
            losses.add_names(sentence, f"{split}-{position}")
            losses.add_scores(sentence)
            losses.add_unannotated(sentence)
        return json_array(
            json_line(
                {
                    "tokenized_text": sentence.words,
                    "ner": [[entity.start, entity.end - 1, entity.entity_type] for entity in sentence.entities],
                }
            )
            for sentence in sentences
        )
