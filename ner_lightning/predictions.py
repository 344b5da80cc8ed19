"""The predictions file: a JSON line for every sentence, with its gold and its predicted entities."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import msgspec

from ner_lightning.entities import EntitySpan
from ner_lightning.plain_data import in_words
from ner_lightning.whole_files import whole_file


class PredictionsError(ValueError):
    """A predictions file that cannot be read; the message is one line that names the file and the line."""


@dataclass(frozen=True, slots=True)
class PredictedSentence:
    """One sentence with its gold and its predicted entities.

    Args:
        id: Name of the sentence, unique in its split.
        document_id: Name of its document, where the corpus tells.
        words: Its words.
        gold: The annotated entities.
        predicted: The entities that the model found, with their scores where the decoder gives any.
        predicted_tags: The predicted tag of every word, from which strict scores are read; None where the
            decoder predicts no tags.
    """

    id: str
    document_id: str | None
    words: tuple[str, ...]
    gold: tuple[EntitySpan, ...]
    predicted: tuple[EntitySpan, ...]
    predicted_tags: tuple[str, ...] | None

    def __post_init__(self) -> None:
        for entity in (*self.gold, *self.predicted):
            if entity.end > len(self.words):
                raise ValueError(f"{entity} ends after the last of {len(self.words)} words")
        if self.predicted_tags is not None and len(self.predicted_tags) != len(self.words):
            found = f"{len(self.predicted_tags)} for {len(self.words)} words"
            raise ValueError(f"every word needs one predicted tag, got {found}")


class Row(msgspec.Struct, frozen=True):
    """A line as it is written."""

    id: str
    words: tuple[str, ...]
    gold: list[tuple[int, int, str]]
    predicted: list[tuple[int, int, str, Annotated[float, msgspec.Meta(ge=0, le=1)] | None]]
    document_id: str | None = None
    predicted_tags: tuple[str, ...] | None = None


DECODER: Final = msgspec.json.Decoder(Row)


def write_predictions(path: str | os.PathLike[str], sentences: Iterable[PredictedSentence]) -> None:
    """Write a predictions file; it is there as a whole or not at all.

    Raises:
        ValueError: If a score is not a finite number.
        OSError: If the file cannot be written.
    """
    with whole_file(path) as file:
        file.writelines(_to_line(sentence) + "\n" for sentence in sentences)


def read_predictions(path: str | os.PathLike[str]) -> list[PredictedSentence]:
    """Read a predictions file.

    Raises:
        PredictionsError: If the file is missing, a line is torn, lacks a key or contradicts itself, or two are of one
            sentence.
    """
    if not Path(path).is_file():
        found = "a folder" if Path(path).is_dir() else "none"
        hint = "; those of a run are predictions/validation.jsonl and predictions/test.jsonl"
        raise PredictionsError(f"{path}: a predictions file must be a file, found {found}{hint}")
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise PredictionsError(f"{path}: a predictions file must be readable, got {error}") from error
    sentences: list[PredictedSentence] = []
    line_by_id: dict[str, int] = {}
    for number, line in enumerate(content.removesuffix(b"\n").split(b"\n") if content else [], 1):
        try:
            sentence = _from_line(line)
        except (ValueError, RecursionError) as error:
            raise PredictionsError(f"{path}:{number}: {error}") from error
        if (former := line_by_id.setdefault(sentence.id, number)) != number:
            raise PredictionsError(f"{path}:{number}: ids must be unique, {sentence.id!r} is that of line {former} too")
        sentences.append(sentence)
    return sentences


def holds_predictions(path: str | os.PathLike[str], sentences: Iterable[PredictedSentence]) -> bool:
    """Whether a file holds exactly these predictions, scores included."""
    return Path(path).read_text(encoding="utf-8") == "".join(_to_line(sentence) + "\n" for sentence in sentences)


def _to_line(sentence: PredictedSentence) -> str:
    values = {
        "id": sentence.id,
        "document_id": sentence.document_id,
        "words": sentence.words,
        "gold": [(entity.start, entity.end, entity.entity_type) for entity in sentence.gold],
        "predicted": [(e.start, e.end, e.entity_type, e.score) for e in sentence.predicted],
        "predicted_tags": sentence.predicted_tags,
    }
    return json.dumps(values, allow_nan=False)


def _from_line(line: bytes) -> PredictedSentence:
    try:
        row = DECODER.decode(line)
    except msgspec.ValidationError as error:
        raise ValueError(in_words(error, msgspec.json.decode(line))) from None
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f"a line must be one whole JSON object, got {line[:40].decode(errors='replace')!r}: {error}"
        ) from None
    return PredictedSentence(
        id=row.id,
        document_id=row.document_id,
        words=row.words,
        gold=tuple([EntitySpan(start, end, kind) for start, end, kind in row.gold]),
        predicted=tuple([EntitySpan(*entity) for entity in row.predicted]),
        predicted_tags=row.predicted_tags,
    )
