"""The base classes of writers that write one file for each split."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

from ner_lightning.atomic_files import whole_file
from ner_lightning.corpora.reader import SPLIT_NAMES, Corpus, CorpusWriter, SplitName
from ner_lightning.corpora.writing.losses import Losses
from ner_lightning.sentences import Sentence
from ner_lightning.word_splitting import PunctuationSplitter, WordSplitter

Json = dict[str, Any] | list[Any]


class SplitWriter(CorpusWriter):
    """Writes one text file for each split; a format implements ``pieces``."""

    suffix: ClassVar[str]

    @abstractmethod
    def pieces(self, sentences: Sequence[Sentence], split: SplitName, losses: Losses) -> Iterable[str]:
        """Yield the text of a file, piece by piece, and count what it cannot hold.

        Raises:
            CorpusError: If the format cannot hold the split.
        """

    def write(self, corpus: Corpus, output_dir: str) -> list[str]:
        losses = Losses()
        for split in SPLIT_NAMES:
            if split in corpus.splits:
                with whole_file(Path(output_dir, f"{split}{self.suffix}")) as file:
                    file.writelines(self.pieces(corpus.splits[split], split, losses))
        return losses.described()


class TextRowWriter(SplitWriter):
    """Writes a JSON value for each text, one per line or as the items of an array; a format implements ``row``.

    Args:
        word_splitter: The word splitter that will read the texts, to report where it will split them differently from
            the words of the corpus; null is the one that splits at spaces and around punctuation.
    """

    suffix: ClassVar[str] = ".jsonl"
    is_array: ClassVar[bool] = False

    def __init__(self, word_splitter: WordSplitter | None = None) -> None:
        self.word_splitter = word_splitter or PunctuationSplitter()

    @abstractmethod
    def row(self, sentence: Sentence, positional_id: str, losses: Losses) -> Json:
        """Return the JSON value of a sentence, and count what it cannot hold."""

    def pieces(self, sentences: Sequence[Sentence], split: SplitName, losses: Losses) -> Iterator[str]:
        lines = (
            json_line(self.row(sentence, f"{split}-{position}", losses)) for position, sentence in enumerate(sentences)
        )
        for sentence in sentences:
            losses.add_resplit(sentence, self.word_splitter)
        return json_array(lines) if self.is_array else lines


def names_of(sentence: Sentence) -> dict[str, Any]:
    """Return the id and the document id of a sentence, as far as it has them."""
    names = {"id": sentence.id, "document_id": sentence.document_id}
    return {key: name for key, name in names.items() if name}


def json_line(value: Json) -> str:
    """Return a JSON value as a line."""
    return json.dumps(value, ensure_ascii=False) + "\n"


def json_array(lines: Iterable[str]) -> Iterator[str]:
    """Yield a JSON array with one item per line."""
    separator = "[\n"
    for line in lines:
        yield separator + line.removesuffix("\n")
        separator = ",\n"
    yield "[]\n" if separator == "[\n" else "\n]\n"
