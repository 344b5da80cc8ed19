"""BioC JSON: collections of documents with passages and annotations, as PubTator 3 and BioC tools write them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Final

from ner_lightning.corpora.reader import CorpusError, SplitName
from ner_lightning.corpora.reading.json_rows import (
    Row,
    is_valid_text,
    is_whole_number,
    parse_json,
    without_repeated_keys,
)
from ner_lightning.corpora.reading.raw_sentences import RawSpan, SpannedText
from ner_lightning.corpora.reading.span_reader import SpanReader
from ner_lightning.corpora.reading.text_files import read_text
from ner_lightning.corpora.writing.documents import Document, add_lost_ids, documents_of
from ner_lightning.corpora.writing.losses import Losses
from ner_lightning.corpora.writing.split_writer import Json, SplitWriter, json_line
from ner_lightning.sentences import Sentence
from ner_lightning.word_splitting import PunctuationSplitter, WordSplitter

COLLECTION_KEYS: Final = ("documents", "PubTator3")
LOCATIONS: Final = 'a list of locations such as {"offset": 0, "length": 5}'


@dataclass(frozen=True)
class BiocJson(SpanReader):
    """Reads BioC JSON: a collection with "documents", one document per line, or a list of documents.

    Each passage (or each sentence, if passages have sentences instead of a text) is read as a text of its document.
    Relations are ignored.

    Args:
        type_key: The key in the "infons" of an annotation that contains its entity type.
    """

    type_key: str = field(default="type", kw_only=True)

    def read_files(self, paths: Sequence[Path]) -> Iterator[SpannedText]:
        for path in paths:
            for value, line in json_values(path, self.encoding):
                place = f"{path}:{line}"
                for number, document in enumerate(_documents(value, place), start=1):
                    row = Row.of(document, f"{place}: document {number}", 0)
                    yield from self._texts(row, str(path), line)

    def _texts(self, row: Row, path: str, line: int) -> Iterator[SpannedText]:
        row.require_keys("passages")
        name = row.name("id")
        row = Row(row.values, f"{row.path} (id {name})" if name else row.path, 0)
        units = [unit for passage in _rows(row, "passages") for unit in _units(passage)]
        for number, unit in enumerate(units, start=1):
            text, spans = unit.text(), self._spans(unit)
            unit_id = name if len(units) == 1 else f"{name}-{number}"
            yield SpannedText(text, spans, path, line, (unit_id or "") if name else "", name)

    def _spans(self, unit: Row) -> list[RawSpan]:
        start = unit.values.get("offset", 0)
        if not is_whole_number(start):
            raise unit.error("offset", "a whole number", start)
        annotations = _rows(unit, "annotations") if "annotations" in unit.values else []
        return [self._span(annotation, start) for annotation in annotations]

    def _span(self, annotation: Row, unit_start: int) -> RawSpan:
        annotation.require_keys("infons", "locations")
        infons = Row.of(annotation.values["infons"], annotation.path, 0)
        infons.require_keys(self.type_key)
        kind, text = infons.text(self.type_key), annotation.values.get("text")
        pieces = sorted(_piece(annotation, location, unit_start) for location in annotation.items("locations"))
        if not pieces or not kind:
            raise annotation.error("locations", LOCATIONS, annotation.values["locations"])
        end = max(end for _, end in pieces)
        several = tuple(pieces) if len(pieces) > 1 else ()
        return RawSpan(pieces[0][0], end, kind, text if is_valid_text(text) else None, pieces=several)


def json_values(path: Path, encoding: str) -> Iterator[tuple[Any, int]]:
    """Yield the JSON value of a file, or of each of its lines, with the line where it begins.

    Raises:
        CorpusError: If the file is not JSON.
    """
    text = read_text(path, encoding)
    try:
        yield json.loads(text, object_pairs_hook=without_repeated_keys), 1
        return
    except json.JSONDecodeError as error:
        lines = text.split("\n")
        is_one_value = error.msg != "Extra data"
        if is_one_value:
            raise CorpusError(f"{path}:{error.lineno}: must be JSON: {error.msg}") from None
    except (ValueError, RecursionError) as error:
        raise CorpusError(f"{path}:1: must be JSON: {error}") from None
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield parse_json(line, str(path), number), number


def _documents(value: Any, place: str) -> list[Any]:
    if isinstance(value, list):
        return [document for item in value for document in _documents(item, place)]
    row = Row.of(value, place, 0)
    for key in COLLECTION_KEYS:
        if key in row.values:
            return row.items(key)
    if "passages" not in row.values:
        raise CorpusError(f'{place}: must have the key "documents" or "passages", got {row.keys_in_words}')
    return [value]


def _rows(row: Row, key: str) -> list[Row]:
    return [Row.of(value, f'{row.path}, "{key}" {number}', 0) for number, value in enumerate(row.items(key), start=1)]


def _units(passage: Row) -> list[Row]:
    """Return the passage, or its sentences if it has no text."""
    if passage.values.get("text") is None and passage.values.get("sentences"):
        return _rows(passage, "sentences")
    passage.require_keys("text")
    return [passage]


def _piece(annotation: Row, location: Any, unit_start: int) -> tuple[int, int]:
    match location:
        case {"offset": offset, "length": length} if is_whole_number(offset) and is_whole_number(length):
            return offset - unit_start, offset - unit_start + length
    raise annotation.error("locations", LOCATIONS, annotation.values["locations"])


class BiocJsonWriter(SplitWriter):
    """Writes BioC JSON: a collection for each split, in which each sentence is a passage of its document.

    Args:
        word_splitter: The word splitter that will read the texts, to report where it will split them differently from
            the words of the corpus; null is the one that splits at spaces and around punctuation.
    """

    suffix: ClassVar[str] = ".json"

    def __init__(self, word_splitter: WordSplitter | None = None) -> None:
        self.word_splitter = word_splitter or PunctuationSplitter()

    def pieces(self, sentences: Sequence[Sentence], split: SplitName, losses: Losses) -> Iterator[str]:  # noqa: ARG002
        for sentence in sentences:
            losses.add_resplit(sentence, self.word_splitter)
        yield '{"source": "", "date": "", "key": "", "version": "1.0", "infons": {}, "documents": [\n'
        separator = ""
        for document in documents_of(sentences, losses):
            add_lost_ids(document, losses)
            yield separator + json_line(_bioc_document(document))
            separator = ","
        yield "]}\n"


def _bioc_document(document: Document) -> Json:
    passages = list[dict[str, Any]]()
    number = 0
    for sentence, start, spans in document.parts():
        annotations = []
        for span in spans:
            number += 1
            location = {"offset": span.start, "length": span.end - span.start}
            annotations.append(
                {"id": str(number), "infons": {"type": span.entity_type}, "text": span.text, "locations": [location]}
            )
        text, _ = sentence.as_text()
        passages.append(
            {"offset": start, "infons": {}, "text": text, "sentences": [], "annotations": annotations, "relations": []}
        )
    return {"id": document.name, "infons": {}, "passages": passages, "relations": []}
