"""The base class of readers of JSON files in which each row is one annotated text."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ner_lightning.corpora.reading.json_rows import Row, read_rows
from ner_lightning.corpora.reading.raw_sentences import RawRow
from ner_lightning.corpora.reading.span_reader import SpanReader


@dataclass(frozen=True)
class RowReader(SpanReader):
    """Reads JSON Lines or a JSON array; a format implements ``read_row``."""

    @abstractmethod
    def read_row(self, row: Row) -> Iterable[RawRow]:
        """Yield the sentence or text of a row.

        Raises:
            CorpusError: If the row does not follow the format.
        """

    def read_files(self, paths: Sequence[Path]) -> Iterator[RawRow]:
        for path in paths:
            for row in read_rows(path, self.encoding):
                yield from self.read_row(row)
