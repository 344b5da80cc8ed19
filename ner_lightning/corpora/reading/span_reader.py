"""The base class of readers of files with annotated spans."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ner_lightning.corpora.reader import SplitName
from ner_lightning.corpora.reading.flat_spans import SpanReading
from ner_lightning.corpora.reading.interpretation import SplitContent, interpret
from ner_lightning.corpora.reading.raw_sentences import RawRow
from ner_lightning.corpora.reading.split_reader import FileReader, SplitFiles
from ner_lightning.word_splitting import WordSplitter


@dataclass(frozen=True)
class SpanReader(FileReader):
    """Reads files with annotated spans; a format implements ``read_files``.

    Args:
        word_splitter: The word splitter for texts; null splits at spaces and around punctuation, or into characters if
            the entities of scripts without spaces need it.
        spans: The reading of overlapping and discontinuous entities.
    """

    word_splitter: WordSplitter | None = None
    spans: SpanReading = field(default=SpanReading(), kw_only=True)

    @abstractmethod
    def read_files(self, paths: Sequence[Path]) -> Iterable[RawRow]:
        """Yield the sentences or texts of the files of a split.

        Raises:
            CorpusError: If a file does not follow the format; the message names file and line.
        """

    def read_split(self, split: SplitName, source: SplitFiles) -> SplitContent:
        rows = self.read_files(source.paths)
        return interpret(rows, split, word_splitter=self.word_splitter, span_reading=self.spans)


@dataclass(frozen=True)
class DocumentReader(SpanReader):
    """Reads files of whole documents with annotated spans; a format implements ``read_files``.

    Args:
        unit: Read each document as one text, or each of its lines. An entity that continues in the next line can be
            read only as part of a document.
    """

    unit: Literal["document", "line"] = field(default="document", kw_only=True)
