"""Predictions in columns, as conlleval reads them: a word, its gold tag and its predicted tag per line."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ner_lightning.corpora.column_files import ColumnFiles, tagged_sentences
from ner_lightning.corpora.reader import CorpusError
from ner_lightning.corpora.reading.column_lines import ColumnLayout
from ner_lightning.corpora.reading.raw_sentences import TaggedSentence
from ner_lightning.corpora.reading.source_tags import SourceTags, understand_tags
from ner_lightning.corpora.reading.tag_spelling import TagSpelling
from ner_lightning.predictions import PredictedSentence, PredictionsError, read_predictions
from ner_lightning.tags import OUTSIDE

GOLD_COLUMN, PREDICTED_COLUMN = -2, -1
FORMAT: Final = (
    "a predictions file is JSON Lines of ner_lightning, or has a word, its gold tag and its predicted tag per line, "
    "the tags in the last two columns"
)


def read_any_predictions(path: str | os.PathLike[str]) -> list[PredictedSentence]:
    """Read a predictions file of JSON Lines, or one with columns.

    Raises:
        PredictionsError: If the file is missing or cannot be read as what it looks like.
    """
    return read_column_predictions(Path(path)) if has_columns(Path(path)) else read_predictions(path)


def has_columns(path: Path) -> bool:
    """Return whether a file is not JSON Lines: neither by its name nor by its first character."""
    if path.suffix in {".json", ".jsonl"} or not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(1000).lstrip()[:1] not in {b"", b"{", b"["}


def read_column_predictions(path: Path) -> list[PredictedSentence]:
    """Read a file with a word, its gold tag and its predicted tag per line, and an empty line between sentences.

    Tags may have any spelling and label scheme that a corpus may have. The id of a sentence is the number of its
    first line.

    Raises:
        PredictionsError: If a line has fewer than three columns, or a tag is malformed.
    """
    try:
        gold, predicted = (list(_tagged_sentences(path, column)) for column in (GOLD_COLUMN, PREDICTED_COLUMN))
        gold_tags, predicted_tags = (understand_tags(side, None, TagSpelling()) for side in (gold, predicted))
    except CorpusError as error:
        problem, *_ = str(error).split("; ")  # what follows names settings of ColumnFiles
        raise PredictionsError(f"{problem}; {FORMAT}") from None
    return [_sentence(*pair, gold_tags, predicted_tags) for pair in zip(gold, predicted, strict=True)]


def _tagged_sentences(path: Path, tag_column: int) -> Iterator[TaggedSentence]:
    reader = ColumnFiles(test=str(path))
    return tagged_sentences(ColumnLayout(tag_column=tag_column), reader.open_splits()["test"], "test", reader.encoding)


def _sentence(
    gold: TaggedSentence, predicted: TaggedSentence, gold_tags: SourceTags, predicted_tags: SourceTags
) -> PredictedSentence:
    """Return a sentence; predictions on words that nobody annotated are left out."""
    tags = list(predicted.tags)
    for position in gold_tags.unannotated_words(gold):
        tags[position] = OUTSIDE
    scored = TaggedSentence(predicted.words, tags, predicted.path, predicted.lines)
    return PredictedSentence(
        id=str(gold.line),
        document_id=gold.document_id,
        words=tuple(gold.words),
        gold=gold_tags.entities(gold),
        predicted=predicted_tags.entities(scored),
        predicted_tags=tuple(str(predicted_tags.parsed[tag]) for tag in tags),
    )
