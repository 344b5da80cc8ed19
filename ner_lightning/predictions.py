"""The predictions file: one JSON line per sentence, with its gold and predicted entities."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from ner_lightning.atomic_files import other_than_a_file, whole_file
from ner_lightning.entities import EntitySpan
from ner_lightning.sentences import Sentence
from ner_lightning.unicode_text import lone_surrogate

REQUIRED_KEYS: Final = ("id", "words", "gold", "predicted")


class PredictionsError(ValueError):
    """A predictions file cannot be read; the message is one line that names the file and the line."""


@dataclass(frozen=True, slots=True)
class PredictedSentence:
    """One sentence with its gold and predicted entities.

    Args:
        id: Name of the sentence, unique in its split.
        document_id: Name of its document, or None if the corpus does not say.
        words: Its words.
        gold: The annotated entities.
        predicted: The entities that the model found, with their scores if the decoder provides any.
        predicted_tags: The predicted tag of every word, from which strict scores are computed; None if there are no
            tags.
    """

    id: str
    document_id: str | None
    words: tuple[str, ...]
    gold: tuple[EntitySpan, ...]
    predicted: tuple[EntitySpan, ...]
    predicted_tags: tuple[str, ...] | None

    @classmethod
    def of(cls, sentence: Sentence, predicted: tuple[EntitySpan, ...], predicted_tags: tuple[str, ...]) -> Self:
        """Return an annotated sentence with what a model predicts for it."""
        return cls(sentence.id, sentence.document_id, sentence.words, sentence.entities, predicted, predicted_tags)

    def __post_init__(self) -> None:
        for entity in (*self.gold, *self.predicted):
            if entity.end > len(self.words):
                raise ValueError(f"{entity} ends after the last of {len(self.words)} words")
        if self.predicted_tags is not None and len(self.predicted_tags) != len(self.words):
            found = f"{len(self.predicted_tags)} for {len(self.words)} words"
            raise ValueError(f"every word needs one predicted tag, got {found}")


def write_predictions(path: str | os.PathLike[str], sentences: Iterable[PredictedSentence]) -> None:
    """Write a predictions file, completely or not at all.

    Raises:
        ValueError: If a score is not a finite number.
        OSError: If the file cannot be written.
    """
    with whole_file(path) as file:
        file.writelines(_to_line(sentence) + "\n" for sentence in sentences)


def read_predictions(path: str | os.PathLike[str]) -> list[PredictedSentence]:
    """Read a predictions file.

    Raises:
        PredictionsError: If the file is missing, a line is truncated, incomplete or inconsistent, or two lines have
            the same id.
    """
    if found := other_than_a_file(path):
        hint = "a run has predictions/validation.jsonl and predictions/test.jsonl"
        raise PredictionsError(f"{path}: a predictions file must be a file, found {found}; {hint}")
    try:
        content = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PredictionsError(f"{path}: cannot be read as UTF-8: {error}") from error
    sentences: list[PredictedSentence] = []
    line_by_id: dict[str, int] = {}
    for number, line in enumerate(content.removesuffix("\n").split("\n") if content else [], 1):
        try:
            sentence = _from_line(line)
        except (ValueError, RecursionError) as error:
            raise PredictionsError(f"{path}:{number}: {error}") from error
        if (first := line_by_id.setdefault(sentence.id, number)) != number:
            raise PredictionsError(f"{path}:{number}: ids must be unique, {sentence.id!r} is also used in line {first}")
        sentences.append(sentence)
    return sentences


def holds_predictions(path: str | os.PathLike[str], sentences: Iterable[PredictedSentence]) -> bool:
    """Return whether a file holds exactly these predictions, including the scores."""
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


def _from_line(line: str) -> PredictedSentence:
    try:
        values = json.loads(line, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise ValueError(f"a line must be one complete JSON object, got {line[:40]!r}: {error}") from error
    if not isinstance(values, dict):
        raise ValueError(f"a line must be a JSON object, got {line[:40]!r}")
    missing = [key for key in REQUIRED_KEYS if key not in values]
    if missing:
        raise ValueError(f"a line must have the keys {', '.join(REQUIRED_KEYS)}; missing: {', '.join(missing)}")
    tags, document_id = values.get("predicted_tags"), values.get("document_id")
    return PredictedSentence(
        id=_text("id", values["id"]),
        document_id=None if document_id is None else _text("document_id", document_id),
        words=_texts("words", values["words"]),
        gold=_spans("gold", values["gold"], ("start", "end", "type")),
        predicted=_spans("predicted", values["predicted"], ("start", "end", "type", "score")),
        predicted_tags=None if tags is None else _texts("predicted_tags", tags),
    )


def _refuse_constant(constant: str) -> float:
    raise ValueError(f"a score must be a number from 0 to 1 or null, got {constant}")


def _text(key: str, value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{key} must be a string, got {value!r}")
    return _valid(key, value)


def _texts(key: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError(f"{key} must be a list of strings, got {str(value)[:40]}")
    return tuple(_valid(key, item) for item in value)


def _valid(key: str, text: str) -> str:
    if (found := lone_surrogate(text)) is not None:
        raise ValueError(f"{key} must be valid Unicode, got the lone surrogate {found!a}")
    return text


def _spans(key: str, value: Any, fields: tuple[str, ...]) -> tuple[EntitySpan, ...]:
    if not isinstance(value, list):
        raise ValueError(f"{key} must be a list of entities, got {value!r}")
    return tuple(_span(key, item, fields) for item in value)


def _span(key: str, item: Any, fields: tuple[str, ...]) -> EntitySpan:
    well_typed = (
        isinstance(item, list)
        and len(item) == len(fields)
        and type(item[0]) is type(item[1]) is int  # bool is a subclass of int, but not a position
        and isinstance(item[2], str)
        and (item[3:] in ([], [None]) or type(item[3]) in (int, float))
    )
    if not well_typed:
        raise ValueError(f"an entity in {key} must be [{', '.join(fields)}], got {item!r}")
    score = item[3] if item[3:] else None
    if score is not None and not 0 <= score <= 1:
        raise ValueError(f"a score must be a number from 0 to 1 or null, got {str(score)[:40]}")
    return EntitySpan(item[0], item[1], _valid(key, item[2]), None if score is None else float(score))
