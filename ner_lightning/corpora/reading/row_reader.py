"""The base class of readers of JSON files in which each row is one annotated text."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass

from ner_lightning.corpora.reader import SplitName
from ner_lightning.corpora.reading.interpretation import SplitContent, interpret
from ner_lightning.corpora.reading.json_rows import Row, read_rows
from ner_lightning.corpora.reading.raw_sentences import RawRow
from ner_lightning.corpora.reading.split_reader import FileReader, SplitFiles
from ner_lightning.word_splitting import WordSplitter


@dataclass(frozen=True)
class RowReader(FileReader):
    """Reads JSON Lines or a JSON array; a format implements ``read_row``.

    Args:
        word_splitter: The word splitter for texts; null splits at spaces and around punctuation, or into characters if
            the entities of scripts without spaces need it.
    """

    word_splitter: WordSplitter | None = None

    @abstractmethod
    def read_row(self, row: Row) -> Iterable[RawRow]:
        """Yield the sentence or text of a row.

        Raises:
            CorpusError: If the row does not follow the format.
        """

    def read_split(self, split: SplitName, source: SplitFiles) -> SplitContent:
        rows = (row for path in source.paths for row in read_rows(path, self.encoding))
        sentences = (sentence for row in rows for sentence in self.read_row(row))
        return interpret(sentences, split, word_splitter=self.word_splitter)
