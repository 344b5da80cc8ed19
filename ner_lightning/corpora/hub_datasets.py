"""Corpora that the `datasets` library loads: from the Hugging Face hub or from a local folder."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ner_lightning.atomic_files import whole_file
from ner_lightning.corpora.column_files import DEFAULT_SCHEME, LOST_BOUNDARY, write_tags
from ner_lightning.corpora.reader import SPLIT_NAMES, Corpus, CorpusError, CorpusWriter, SplitName
from ner_lightning.corpora.reading.dataset_files import is_saved_dataset, load_splits, split_by_numbering, tag_names
from ner_lightning.corpora.reading.flat_spans import SpanReading
from ner_lightning.corpora.reading.interpretation import SplitContent, interpret
from ner_lightning.corpora.reading.json_rows import Row
from ner_lightning.corpora.reading.json_spans import SPANS_KEYS, spans_of
from ner_lightning.corpora.reading.raw_sentences import RawRow, SpannedText, TaggedSentence
from ner_lightning.corpora.reading.split_reader import SplitReader
from ner_lightning.corpora.reading.tag_spelling import UNANNOTATED_NUMBERS, TagSpelling
from ner_lightning.corpora.reading.text_files import resolve_path
from ner_lightning.corpora.writing.losses import LOST_ID, LOST_TEXT, Losses
from ner_lightning.schemes import LabelScheme, TagSet
from ner_lightning.sentences import Sentence
from ner_lightning.tags import entities_of
from ner_lightning.word_splitting import WordSplitter

if TYPE_CHECKING:
    from datasets import Dataset

OFFLINE: Final = (
    "give the path of a local folder of parquet, arrow or JSON files, or read column files with the reader ColumnFiles"
)


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
    """Reads a dataset of the Hugging Face hub or a local folder whose rows have words and tags, or a text and spans.

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
        offline: Advice for users without a network; shown in the error if the hub cannot be reached.
        tags: The spelling of the tags.
        text_column: The column with the text of each row, if the dataset has no words.
        spans_column: The column with the entities in the text, each with start, end and type; null uses the first of
            entities, spans, label and labels that exists.
        word_splitter: The word splitter for texts; null splits at spaces and around punctuation, or into characters if
            the entities of scripts without spaces need it.
        spans: The reading of overlapping entities.
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
        text_column: str = "text",
        spans_column: str | None = None,
        word_splitter: WordSplitter | None = None,
        spans: SpanReading = SpanReading(),
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
        self.text_column = text_column
        self.spans_column = spans_column
        self.word_splitter = word_splitter
        self.spans = spans

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
        hint = "set tags_column if the tags are in another column"
        rows = self._read_rows(source)
        return interpret(
            rows,
            split,
            spelling=self.tags,
            tag_hint=hint,
            word_splitter=self.word_splitter,
            span_reading=self.spans,
        )

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
        for split, name_in_dataset in self.splits.items():
            if name_in_dataset not in datasets:
                raise CorpusError(f"{self.path}: no split {name_in_dataset!r} to read as {split}; found: {known}")
        return {split: self.splits[split] for split in SPLIT_NAMES if split in self.splits}

    def _read_rows(self, source: NamedDataset) -> Iterator[RawRow]:
        """Yield the rows of a split; the line of a word is the number of its row, counted from 1."""
        num_read = 0
        for dataset in source.parts:
            if dataset.num_rows:  # an empty split may have no columns either
                yield from self._read_part(dataset, source.name, num_read + 1)
            num_read += dataset.num_rows

    def _read_part(self, dataset: Dataset, source: str, first_row: int) -> Iterator[RawRow]:
        found = dataset.column_names
        if {self.words_column, self.tags_column} <= set(found):
            names = self._tag_names(dataset, source)
            columns = dataset[self.words_column][:], dataset[self.tags_column][:], document_ids(dataset)
            for number, (words, values, document) in enumerate(zip(*columns, strict=True), start=first_row):
                place = f"{source}:{number}"
                require_row(words, values, place)
                tags = [name_of_tag(value, names, place) for value in values]
                yield TaggedSentence(words, tags, source, [number] * len(words), document_id=document)
            return
        spans_column = self.spans_column or next((key for key in SPANS_KEYS if key in found), None)
        if self.text_column not in found or spans_column is None or spans_column not in found:
            needed = {"words_column": self.words_column, "tags_column": self.tags_column}
            missing = next(f"{setting} {name!r}" for setting, name in needed.items() if name not in found)
            raise CorpusError(
                f"{source}: no column for {missing}; found: {', '.join(found)}; set words_column and tags_column, or "
                f"text_column and spans_column if the entities are spans of a text"
            )
        columns = dataset[self.text_column][:], dataset[spans_column][:], document_ids(dataset)
        for number, (text, spans, document) in enumerate(zip(*columns, strict=True), start=first_row):
            row = Row({"text": text, spans_column: as_list_of_objects(spans)}, source, number)
            yield SpannedText(row.text(), spans_of(row, spans_column), source, number, document_id=document)

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


def document_ids(dataset: Dataset) -> list[str | None]:
    """Return the document of each row, from the column document_id if the dataset has it."""
    values = dataset["document_id"][:] if "document_id" in dataset.column_names else [None] * len(dataset)
    return [None if value is None else str(value) for value in values]


def as_list_of_objects(value: Any) -> Any:
    """Return an object of lists as a list of objects, because older datasets store lists of objects that way."""
    if not isinstance(value, dict) or not all(isinstance(column, list) for column in value.values()):
        return value
    return [dict(zip(value, items, strict=False)) for items in zip(*value.values(), strict=False)]


def require_split_names(names: Iterable[str]) -> None:
    """Check the names of splits in a configuration.

    Raises:
        CorpusError: If a name is unknown.
    """
    for name in names:
        if name not in SPLIT_NAMES:
            raise CorpusError(f"a split must be one of {', '.join(SPLIT_NAMES)}, got {name!r}")


def require_row(words: Any, tags: Any, place: str) -> None:
    """Check that a row has a list of words and the same number of tags.

    Raises:
        CorpusError: If it has not.
    """
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise CorpusError(f"{place}: words must be a list of texts, got {words!r:.80}")
    if not isinstance(tags, list) or not all(isinstance(tag, str | int) for tag in tags):
        raise CorpusError(f"{place}: tags must be a list of texts or whole numbers, got {tags!r:.80}")
    if len(words) != len(tags):
        raise CorpusError(f"{place}: every word needs one tag, got {len(words)} words and {len(tags)} tags")


def name_of_tag(value: str | int, tag_names: Sequence[str], place: str) -> str:
    """Return the tag that a value of the tags column stands for: a text is the tag, a number is its position.

    The numbers -1 and -100 mark words that nobody annotated.

    Raises:
        CorpusError: If a number has no name.
    """
    if isinstance(value, str) or value in UNANNOTATED_NUMBERS:
        return str(value)
    if not tag_names:
        raise CorpusError(f"{place}: the tags are numbers without names, such as {value}; set tag_names")
    if not 0 <= value < len(tag_names):
        known = ", ".join(f"{number} {tag}" for number, tag in enumerate(tag_names))
        raise CorpusError(f"{place}: unknown tag number {value}; known: {known}")
    return tag_names[value]


class HubDatasetsWriter(CorpusWriter):
    """Writes a folder of parquet files with words and numbered tags, which ``datasets.load_dataset`` and others read.

    The columns are document_id, tokens and ner_tags; the features of the files name the tags.

    Args:
        scheme: The label scheme to write: BIO, BIOES or IO.
    """

    def __init__(self, scheme: LabelScheme = DEFAULT_SCHEME) -> None:
        self.scheme = scheme

    def write(self, corpus: Corpus, output_dir: str) -> list[str]:
        from datasets import ClassLabel, Dataset, Features, Sequence, Value

        losses = Losses()
        types = sorted({kind for split in corpus.splits for kind in corpus.entity_types(split)})
        names = ClassLabel(names=list(TagSet(self.scheme, tuple(types)).tags))
        text = Value("string")
        features = Features({"document_id": text, "tokens": Sequence(text), "ner_tags": Sequence(names)})
        for split, sentences in corpus.splits.items():
            for position, sentence in enumerate(sentences):
                losses.add(LOST_ID, sentence.id not in {"", f"{split}-{position}"})
            rows = [tagged_row(sentence, self.scheme, losses) for sentence in sentences]
            dataset = Dataset.from_list(rows, features=features)
            with whole_file(Path(output_dir, f"{split}.parquet"), "wb") as file:
                dataset.to_parquet(file)
        return losses.described()


def tagged_row(sentence: Sentence, scheme: LabelScheme, losses: Losses) -> dict[str, Any]:
    """Return the row of a sentence with words and tags, and count what tags cannot hold."""
    tags = write_tags(sentence, scheme)
    losses.add(LOST_BOUNDARY, entities_of(tags) != list(sentence.entities))
    losses.add(LOST_TEXT, sentence.text is not None)
    losses.add_scores(sentence)
    losses.add_unannotated(sentence)
    return {"document_id": sentence.document_id, "tokens": list(sentence.words), "ner_tags": tags}
