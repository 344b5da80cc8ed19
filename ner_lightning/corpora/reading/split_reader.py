"""The base classes of readers: one loop over the splits of a corpus, and the files of each split."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from ner_lightning.corpora.reader import SPLIT_NAMES, Corpus, CorpusError, CorpusReader, ReadingNote, SplitName
from ner_lightning.corpora.reading.interpretation import SplitContent
from ner_lightning.corpora.reading.text_files import find_files, require_encoding
from ner_lightning.sentences import Sentence
from ner_lightning.word_splitting import WordSplitter

Source = TypeVar("Source")


class SplitReader(CorpusReader, Generic[Source]):
    """Reads a corpus split by split; a format implements how one split is read."""

    @abstractmethod
    def open_splits(self) -> Mapping[SplitName, Source]:
        """Return the source of each split to read; ``str(source)`` names it in messages.

        Raises:
            CorpusError: If a source is missing.
        """

    @abstractmethod
    def read_split(self, split: SplitName, source: Source) -> SplitContent:
        """Read one split.

        Raises:
            CorpusError: If a line cannot be read; the message names file and line.
        """

    def read(self) -> Corpus:
        """Read all splits.

        Raises:
            CorpusError: If a source is missing, a split has no sentence, or a line cannot be read.
        """
        splits: dict[SplitName, tuple[Sentence, ...]] = {}
        notes: list[ReadingNote] = []
        evidence: dict[SplitName, str] = {}
        word_splitter: WordSplitter | None = None
        for split, source in self.open_splits().items():
            content = self.read_split(split, source)
            if not content.sentences:
                problem = f"the {split} split must contain at least one sentence, got none"
                if skipped := [note for note in content.notes if note.kind == "row_skipped"]:
                    problem += f"; rows skipped: {len(skipped)}, such as {skipped[0]}"
                raise CorpusError(f"{source}: {problem}")
            splits[split] = content.sentences
            notes += content.notes
            if content.scheme_evidence is not None:
                evidence[split] = content.scheme_evidence
            if word_splitter and content.word_splitter and content.word_splitter != word_splitter:
                raise CorpusError(
                    f"{source}: the entities of the {split} split fit the words of {content.word_splitter.name}, but "
                    f"those of earlier splits {word_splitter.name}; set word_splitter to one of them"
                )
            word_splitter = word_splitter or content.word_splitter
        return Corpus(splits, tuple(notes), evidence, word_splitter)


@dataclass(frozen=True, slots=True)
class SplitFiles:
    """The files of one split, in order."""

    paths: tuple[Path, ...]

    def __str__(self) -> str:
        return ", ".join(map(str, self.paths))


@dataclass(frozen=True)
class FileReader(SplitReader[SplitFiles]):
    """Reads a corpus from files; a format implements ``read_split``.

    Args:
        train: The file of the training split, or a list of files. A name may be a pattern such as ``part-*.conll``,
            or a folder, whose files are read in alphabetical order. A path that begins with ``data/`` is looked up in
            the folder given by the environment variable NER_LIGHTNING_DATA, if it is set.
        validation: The file or files of the validation split.
        test: The file or files of the test split.
        source: Where to get the files; shown in the error about a missing file.
        encoding: The encoding of the files, for example cp1252 or utf-16.
    """

    train: str | list[str] | None = None
    validation: str | list[str] | None = None
    test: str | list[str] | None = None
    source: str | None = field(default=None, kw_only=True)
    encoding: str = field(default="utf-8", kw_only=True)

    def __post_init__(self) -> None:
        if not any((self.train, self.validation, self.test)):
            raise ValueError(f"at least one of {', '.join(SPLIT_NAMES)} must name a file, got none")
        require_encoding(self.encoding)

    def open_splits(self) -> dict[SplitName, SplitFiles]:
        names = zip(SPLIT_NAMES, (self.train, self.validation, self.test), strict=True)
        return {split: SplitFiles(find_files(paths, self.source)) for split, paths in names if paths}
