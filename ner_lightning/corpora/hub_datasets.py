"""Corpora that the `datasets` library loads: from the Hugging Face hub or from a local folder."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, Any

from ner_lightning.corpora.reader import (
    SPLIT_NAMES,
    Corpus,
    CorpusError,
    CorpusReader,
    ReadingNote,
    SplitName,
    require_sentences,
)
from ner_lightning.corpora.tagged_sentences import TaggedSentence, ill_formed_notes, recognise_scheme
from ner_lightning.corpora.text_files import resolve_path
from ner_lightning.sentences import Sentence

if TYPE_CHECKING:
    from datasets import Dataset

OFFLINE = (
    "give the path of a local folder of parquet, arrow or JSON files, or read column files with the reader ColumnFiles"
)
SAVED_DATASET, SAVED_SPLITS = "state.json", "dataset_dict.json"  # what save_to_disk leaves


class HubDatasets(CorpusReader):
    """Reads a dataset of the Hugging Face hub or a local folder: a list of words and one of tags in each row.

    Args:
        path: Name of the dataset on the hub, as in ``lhoestq/conll2003``, or a local folder. A folder holds
            parquet, arrow or JSON files, each named after its split or in a folder that is, or it was
            written by ``save_to_disk``.
        name: Name of one configuration of the dataset, where it has several.
        revision: Branch, tag or commit on the hub. Give a commit to get the same corpus next year.
        words_column: The column that holds the words of each sentence.
        tags_column: The column that holds a tag for each word, as text (``B-PER``) or as a number.
        tag_names: The tags that numbers stand for, in order from 0; not needed where the dataset has them.
        splits: For each split, what the dataset calls it, as in ``{"validation": "dev"}``; what is not named
            here is not read. Without it, train, validation and test are read as far as they are there.
        expected_rows: For splits of known size, the number of sentences; another number is an error.
        offline: What to do without a network; the error about a hub that cannot be reached says it.
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

    def read(self) -> Corpus:
        datasets = load_splits(self.path, self.name, self.revision, self.offline)
        name_by_split = self._names_of_splits(datasets)
        for split, expected in self.expected_rows.items():
            found = len(datasets[name_by_split[split]]) if split in name_by_split else 0
            if found != expected:
                raise CorpusError(f"{self.path}: the {split} split must have {expected} rows, got {found}")
        sentences: dict[SplitName, tuple[Sentence, ...]] = {}
        evidence: dict[SplitName, str] = {}
        notes: list[ReadingNote] = []
        for split, their_name in name_by_split.items():
            source = f"{self.path}[{their_name}]"
            tagged = self._tagged_sentences(datasets[their_name], split, source)
            scheme, evidence[split] = recognise_scheme(tagged, None, source)
            notes += ill_formed_notes(tagged, scheme, split, source)
            sentences[split] = require_sentences((row.to_sentence() for row in tagged), split, source)
        return Corpus(sentences, tuple(notes), evidence)

    def _names_of_splits(self, datasets: Mapping[str, Dataset]) -> dict[SplitName, str]:
        there = ", ".join(datasets)
        if self.splits is None:
            names = {split: str(split) for split in SPLIT_NAMES if split in datasets}
            if not names:
                raise CorpusError(
                    f"{self.path}: none of the splits {', '.join(SPLIT_NAMES)} is there, only: {there}; "
                    f"say with splits which is which"
                )
            return names
        for split, their_name in self.splits.items():
            if their_name not in datasets:
                raise CorpusError(f"{self.path}: no split {their_name!r} to read as {split}; there are: {there}")
        return {split: self.splits[split] for split in SPLIT_NAMES if split in self.splits}

    def _tagged_sentences(self, dataset: Dataset, split: SplitName, source: str) -> list[TaggedSentence]:
        """The rows of a split; the line of a word is its row, counted from 1."""
        if not dataset.num_rows:  # such a split may have no columns either
            return []
        for column in (self.words_column, self.tags_column):
            if column not in dataset.column_names:
                there = ", ".join(dataset.column_names)
                raise CorpusError(f"{source}: no column {column!r}; there are: {there}")
        tag_names = self._tag_names(dataset, source)
        sentences = []
        rows = zip(dataset[self.words_column][:], dataset[self.tags_column][:], strict=True)
        for row, (words, values) in enumerate(rows, start=1):
            place = f"{source}:{row}"
            require_row(words, values, place)
            tags = [name_of_tag(value, tag_names, place) for value in values]
            sentences.append(TaggedSentence(words, tags, [row] * len(words), f"{split}-{row - 1}"))
        return sentences

    def _tag_names(self, dataset: Dataset, source: str) -> Sequence[str]:
        """The names of numbered tags: the user's, else the dataset's, else none."""
        feature = getattr(dataset.features[self.tags_column], "feature", None)
        own_names: Sequence[str] = getattr(feature, "names", ())
        if self.tag_names is None:
            return own_names
        if own_names and len(own_names) != len(self.tag_names):
            raise CorpusError(
                f"{source}: tag_names must name all {len(own_names)} tags, got {len(self.tag_names)}; "
                f"the dataset calls them: {', '.join(own_names)}"
            )
        return self.tag_names


def require_split_names(names: Iterable[str]) -> None:
    """Check the names that a configuration gives to splits.

    Raises:
        CorpusError: If one is none of ours.
    """
    for name in names:
        if name not in SPLIT_NAMES:
            raise CorpusError(f"a split must be one of {', '.join(SPLIT_NAMES)}, got {name!r}")


def load_splits(path: str, name: str | None, revision: str | None, offline: str) -> Mapping[str, Dataset]:
    """Load all splits of a hub dataset or a local folder, by the names that they have there.

    Args:
        path: Name of the dataset on the hub, or a local folder.
        name: Name of one configuration of the dataset.
        revision: Branch, tag or commit on the hub.
        offline: What to do without a network.

    Raises:
        CorpusError: If it cannot be reached, is not there, or cannot be read.
    """
    from datasets import DatasetDict, load_dataset, load_from_disk
    from datasets.exceptions import DatasetNotFoundError, DatasetsError

    folder = resolve_path(path)
    require_folder_or_hub_id(path, folder, revision)
    try:
        if (folder / SAVED_SPLITS).is_file() or (folder / SAVED_DATASET).is_file():
            loaded = load_from_disk(str(folder))
        else:
            loaded = load_dataset(str(folder) if folder.is_dir() else path, name=name, revision=revision)
    except ConnectionError as error:
        raise CorpusError(
            f"{path}: no local folder, and the hub cannot be reached ({one_line(error)}); without a network, {offline}"
        ) from error
    except DatasetNotFoundError as error:
        raise CorpusError(
            f"{path}: no local folder, and not found on the hub ({one_line(error)}); without a network, {offline}"
        ) from error
    except (StopIteration, IndexError) as error:  # from an empty JSON file, and from a saved split of no row
        raise CorpusError(f"{path}: every split and file must hold at least one row, one is empty") from error
    except (DatasetsError, OSError, ValueError, RuntimeError) as error:
        raise CorpusError(f"{path}: cannot be read as a dataset: {one_line(error.__cause__ or error)}") from error
    return loaded if isinstance(loaded, DatasetDict) else {str(loaded.split or "train"): loaded}


def require_folder_or_hub_id(path: str, folder: Path, revision: str | None) -> None:
    """Check that a path can be one or the other, before the network is asked.

    Raises:
        CorpusError: If it is neither, or a folder with a revision.
    """
    if folder.is_dir():
        if revision is not None:
            raise CorpusError(f"{path}: a local folder has no revisions, got revision {revision!r}")
    elif folder.exists() or path.startswith((".", "/", "~")) or path.count("/") > 1:
        raise CorpusError(f"{path}: must be a local folder or a dataset of the hub (owner/name), is neither")


def one_line(error: BaseException) -> str:
    """The message of an error without line breaks, cut to what a reader takes in."""
    return shorten(str(error), width=300, placeholder=" …") or type(error).__name__


def require_row(words: Any, tags: Any, place: str) -> None:
    """Check that a row holds a list of words and as many tags.

    Raises:
        CorpusError: If it doesn't.
    """
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise CorpusError(f"{place}: words must be a list of texts, got {words!r:.80}")
    if not isinstance(tags, list) or not all(isinstance(tag, str | int) for tag in tags):
        raise CorpusError(f"{place}: tags must be a list of texts or whole numbers, got {tags!r:.80}")
    if len(words) != len(tags):
        raise CorpusError(f"{place}: every word needs one tag, got {len(words)} words and {len(tags)} tags")


def name_of_tag(value: str | int, tag_names: Sequence[str], place: str) -> str:
    """The tag that a value of the tags column stands for: text is the tag itself, a number its position.

    Raises:
        CorpusError: If a number has no name.
    """
    if isinstance(value, str):
        return value
    if not tag_names:
        raise CorpusError(f"{place}: the tags are numbers without names, as {value}; give tag_names")
    if not 0 <= value < len(tag_names):
        known = ", ".join(f"{number} {tag}" for number, tag in enumerate(tag_names))
        raise CorpusError(f"{place}: unknown tag number {value}; known: {known}")
    return tag_names[value]
