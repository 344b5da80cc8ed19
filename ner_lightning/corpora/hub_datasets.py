"""Corpora that the `datasets` library loads: from the Hugging Face hub or from a local folder."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, Any, Final

from ner_lightning.corpora.reader import SPLIT_NAMES, CorpusError, SplitName
from ner_lightning.corpora.reading.dataset_files import split_by_numbering, tag_names
from ner_lightning.corpora.reading.interpretation import SplitContent, interpret
from ner_lightning.corpora.reading.raw_sentences import TaggedSentence
from ner_lightning.corpora.reading.split_reader import SplitReader
from ner_lightning.corpora.reading.tag_spelling import TagSpelling
from ner_lightning.corpora.reading.text_files import resolve_path

if TYPE_CHECKING:
    from datasets import Dataset

OFFLINE: Final = (
    "give the path of a local folder of parquet, arrow or JSON files, or read column files with the reader ColumnFiles"
)
SAVED_DATASET, SAVED_SPLITS = "state.json", "dataset_dict.json"  # files written by save_to_disk


@dataclass(frozen=True)
class NamedDataset:
    """One split of a dataset.

    Args:
        name: Path and split, for messages.
        parts: The rows, in several parts if the files of the split number their tags differently.
    """

    name: str
    parts: Sequence[Dataset]

    def __len__(self) -> int:
        return sum(map(len, self.parts))

    def __str__(self) -> str:
        return self.name


class HubDatasets(SplitReader[NamedDataset]):
    """Reads a dataset of the Hugging Face hub or a local folder whose rows have a list of words and a list of tags.

    Args:
        path: Name of the dataset on the hub, for example ``lhoestq/conll2003``, or a local folder. A folder contains
            parquet, arrow or JSON files, each named after its split or in a folder named after it, or it was
            written by ``save_to_disk``.
        name: Name of a configuration of the dataset, if it has several.
        revision: Branch, tag or commit on the hub. Give a commit to get the same corpus next year.
        words_column: The column with the words of each sentence.
        tags_column: The column with one tag for each word, as text (``B-PER``) or as a number.
        tag_names: The tags that the numbers stand for, in order from 0; not needed if the dataset names them.
        splits: The dataset's name of each split to read, for example ``{"validation": "dev"}``. If null, train,
            validation and test are read if they exist.
        expected_rows: The number of sentences of splits whose size is known; any other number is an error.
        offline: What to do without a network; the error about a hub that cannot be reached says so.
        tags: The spelling of the tags.
    """

    def __init__(  # noqa: PLR0913 (the keys of a config)
        self,
        path: str,
        name: str | None = None,
        revision: str | None = None,
        words_column: str = "tokens",
        tags_column: str = "ner_tags",
        tag_names: list[str] | None = None,
        splits: dict[SplitName, str] | None = None,
        expected_rows: dict[SplitName, int] | None = None,
        offline: str = OFFLINE,
        tags: TagSpelling = TagSpelling(),
    ) -> None:
        require_split_names([*(splits or {}), *(expected_rows or {})])
        if splits == {}:
            raise CorpusError(f"{path}: splits must name at least one of {', '.join(SPLIT_NAMES)}, got none")
        self.path = path
        self.name = name
        self.revision = revision
        self.words_column = words_column
        self.tags_column = tags_column
        self.tag_names = tag_names
        self.splits = splits
        self.expected_rows = expected_rows or {}
        self.offline = offline
        self.tags = tags

    def open_splits(self) -> dict[SplitName, NamedDataset]:
        datasets = self._load()
        sources = {
            split: NamedDataset(f"{self.path}[{name}]", datasets[name])
            for split, name in self._names_of_splits(datasets).items()
        }
        for split, expected in self.expected_rows.items():
            found = len(sources[split]) if split in sources else 0
            if found != expected:
                raise CorpusError(f"{self.path}: the {split} split must have {expected} rows, got {found}")
        return sources

    def _load(self) -> Mapping[str, Sequence[Dataset]]:
        """Load all splits, each in one part unless its files number their tags differently."""
        datasets = load_splits(self.path, self.name, self.revision, self.offline)
        folder = resolve_path(self.path)
        if folder.is_dir() and not is_saved_dataset(folder):
            parts = split_by_numbering(folder, self.name, self.tags_column)
            if parts is not None and self.tag_names is not None:
                raise CorpusError(f"{self.path}: the files number their tags differently; set tag_names to null")
            if parts is not None:
                return parts
        return {name: [dataset] for name, dataset in datasets.items()}

    def read_split(self, split: SplitName, source: NamedDataset) -> SplitContent:
        return interpret(self._tagged_sentences(source), split, spelling=self.tags)

    def _names_of_splits(self, datasets: Iterable[str]) -> dict[SplitName, str]:
        known = ", ".join(datasets)
        if self.splits is None:
            names = {split: str(split) for split in SPLIT_NAMES if split in datasets}
            if not names:
                raise CorpusError(
                    f"{self.path}: found no split called {', '.join(SPLIT_NAMES)}, only: {known}; "
                    f'map them with splits, for example {{"train": "{next(iter(datasets), "")}"}}'
                )
            return names
        for split, their_name in self.splits.items():
            if their_name not in datasets:
                raise CorpusError(f"{self.path}: no split {their_name!r} to read as {split}; found: {known}")
        return {split: self.splits[split] for split in SPLIT_NAMES if split in self.splits}

    def _tagged_sentences(self, source: NamedDataset) -> Iterator[TaggedSentence]:
        """Yield the rows of a split; the line of a word is the number of its row, counted from 1."""
        row = 0
        for dataset in source.parts:
            if not dataset.num_rows:  # such a split may have no columns either
                continue
            for column in (self.words_column, self.tags_column):
                if column not in dataset.column_names:
                    found = ", ".join(dataset.column_names)
                    raise CorpusError(f"{source}: no column {column!r}; found: {found}")
            names = self._tag_names(dataset, source.name)
            for words, values in zip(dataset[self.words_column][:], dataset[self.tags_column][:], strict=True):
                row += 1
                place = f"{source}:{row}"
                require_row(words, values, place)
                tags = [name_of_tag(value, names, place) for value in values]
                yield TaggedSentence(words, tags, source.name, [row] * len(words))

    def _tag_names(self, dataset: Dataset, source: str) -> Sequence[str]:
        """Return the names of numbered tags: from the user, otherwise from the dataset; empty if neither names them."""
        own_names = tag_names(dataset.features, self.tags_column)
        if self.tag_names is None:
            return own_names
        if own_names and len(own_names) != len(self.tag_names):
            raise CorpusError(
                f"{source}: tag_names must name all {len(own_names)} tags, got {len(self.tag_names)}; "
                f"the dataset calls them: {', '.join(own_names)}"
            )
        return self.tag_names


def require_split_names(names: Iterable[str]) -> None:
    """Check the names of splits in a configuration.

    Raises:
        CorpusError: If a name is unknown.
    """
    for name in names:
        if name not in SPLIT_NAMES:
            raise CorpusError(f"a split must be one of {', '.join(SPLIT_NAMES)}, got {name!r}")


def load_splits(path: str, name: str | None, revision: str | None, offline: str) -> Mapping[str, Dataset]:
    """Load all splits of a hub dataset or a local folder, by the dataset's own names of the splits.

    Args:
        path: Name of the dataset on the hub, or a local folder.
        name: Name of a configuration of the dataset.
        revision: Branch, tag or commit on the hub.
        offline: What to do without a network, for messages.

    Raises:
        CorpusError: If it cannot be reached, does not exist, or cannot be read.
    """
    from datasets import DatasetDict, load_dataset, load_from_disk
    from datasets.exceptions import DatasetNotFoundError, DatasetsError

    folder = resolve_path(path)
    require_folder_or_hub_id(path, folder, revision)
    try:
        if is_saved_dataset(folder):
            loaded = load_from_disk(str(folder))
        else:
            loaded = load_dataset(str(folder) if folder.is_dir() else path, name=name, revision=revision)
    except ConnectionError as error:
        raise CorpusError(
            f"{path}: not a local folder, and the hub cannot be reached ({one_line(error)}); "
            f"without a network, {offline}"
        ) from error
    except DatasetNotFoundError as error:
        raise CorpusError(
            f"{path}: not a local folder, and not found on the hub ({one_line(error)}); without a network, {offline}"
        ) from error
    except (StopIteration, IndexError) as error:  # from an empty JSON file, and from a saved split without rows
        raise CorpusError(f"{path}: every split and file must contain at least one row, but one is empty") from error
    except (DatasetsError, OSError, ValueError, RuntimeError) as error:
        raise CorpusError(f"{path}: cannot be read as a dataset: {one_line(error.__cause__ or error)}") from error
    return loaded if isinstance(loaded, DatasetDict) else {str(loaded.split or "train"): loaded}


def is_saved_dataset(folder: Path) -> bool:
    """Return whether a folder was written by ``save_to_disk``."""
    return (folder / SAVED_SPLITS).is_file() or (folder / SAVED_DATASET).is_file()


def require_folder_or_hub_id(path: str, folder: Path, revision: str | None) -> None:
    """Check that a path is a folder or can be the name of a dataset, before the network is used.

    Raises:
        CorpusError: If it is neither, or a folder with a revision.
    """
    if folder.is_dir():
        if revision is not None:
            raise CorpusError(f"{path} is a local folder, which has no revisions, got revision {revision!r}")
    elif folder.exists() or path.startswith((".", "/", "~")) or path.count("/") > 1:
        raise CorpusError(f"{path} is neither a local folder nor the name of a dataset on the hub (owner/name)")


def one_line(error: BaseException) -> str:
    """Return the message of an error in one line, shortened."""
    return shorten(str(error), width=300, placeholder=" …") or type(error).__name__


def require_row(words: Any, tags: Any, place: str) -> None:
    """Check that a row has a list of words and the same number of tags.

    Raises:
        CorpusError: If it does not.
    """
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise CorpusError(f"{place}: words must be a list of texts, got {words!r:.80}")
    if not isinstance(tags, list) or not all(isinstance(tag, str | int) for tag in tags):
        raise CorpusError(f"{place}: tags must be a list of texts or whole numbers, got {tags!r:.80}")
    if len(words) != len(tags):
        raise CorpusError(f"{place}: every word needs one tag, got {len(words)} words and {len(tags)} tags")


def name_of_tag(value: str | int, tag_names: Sequence[str], place: str) -> str:
    """Return the tag that a value of the tags column stands for: a text is the tag, a number is its position.

    Raises:
        CorpusError: If a number has no name.
    """
    if isinstance(value, str):
        return value
    if not tag_names:
        raise CorpusError(f"{place}: the tags are numbers without names, such as {value}; set tag_names")
    if not 0 <= value < len(tag_names):
        known = ", ".join(f"{number} {tag}" for number, tag in enumerate(tag_names))
        raise CorpusError(f"{place}: unknown tag number {value}; known: {known}")
    return tag_names[value]
