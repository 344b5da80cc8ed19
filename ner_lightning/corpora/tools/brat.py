"""Folders of brat: each document is a text file with its annotations beside it (standoff)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ner_lightning.corpora.reader import CorpusError
from ner_lightning.corpora.reading.raw_sentences import RawRow, RawSpan, Skipped, SpannedText
from ner_lightning.corpora.reading.span_reader import DocumentReader
from ner_lightning.corpora.reading.text_files import read_lines, read_text
from ner_lightning.corpora.writing.documents import Document, DocumentWriter, add_lost_ids, add_lost_lines
from ner_lightning.corpora.writing.losses import Losses
from ner_lightning.word_splitting import PunctuationSplitter, WordSplitter

ENTITY: Final = re.compile(r"(T[^\t]*)\t(\S+) (\d+ \d+(?:;\d+ \d+)*)(?:\t(.*))?")
EXAMPLE: Final = "T1 (tab) PER 0 10 (tab) Mira Kolbe"
KEPT_ELSEWHERE: Final = "REMAN#*"  # first letters of lines about relations, events, attributes, notes and so on
LINE: Final = re.compile(r"[^\r\n]+")  # an entity over several lines is written in one piece per line
LOST_TYPE: Final = "entities whose type contains spaces: written with _ instead"
MAX_SHOWN: Final = 80  # characters of a line in a message


@dataclass(frozen=True)
class Brat(DocumentReader):
    """Reads documents of brat: a folder with doc.txt and doc.ann for each document (standoff format).

    A line of doc.ann such as ``T1 (tab) PER 0 10 (tab) Mira Kolbe`` is an entity; relations, events, attributes and
    notes are ignored. A text without an .ann file is skipped and reported. Documents are named after their files.
    """

    def read_files(self, paths: Sequence[Path]) -> Iterator[RawRow]:
        texts = dict.fromkeys(path.with_suffix(".txt") for path in paths if path.suffix in {".ann", ".txt"})
        if not texts and paths:
            raise CorpusError(f"{paths[0]}: documents of brat must be files with the endings .txt and .ann")
        for path in texts:
            annotations = path.with_suffix(".ann")
            if not annotations.exists():
                yield Skipped(f"the text has no annotations in {annotations.name}", str(path), 0)
                continue
            text = read_text(path, self.encoding)
            spans = list(read_entities(annotations, self.encoding))
            yield SpannedText(text, spans, str(annotations), 0, path.stem, path.stem, self.unit == "line")


def read_entities(path: Path, encoding: str) -> Iterator[RawSpan]:
    """Yield the entities in a file of annotations.

    Raises:
        CorpusError: If a line is not an annotation.
    """
    for number, line in enumerate(read_lines(path, encoding), start=1):
        if not line.strip() or line[0] in KEPT_ELSEWHERE:
            continue
        found = ENTITY.fullmatch(line)
        if found is None:
            raise CorpusError(f"{path}:{number}: an entity must be a line such as {EXAMPLE}, got {line[:MAX_SHOWN]!r}")
        _, entity_type, offsets, text = found.groups()
        pieces = tuple((int(start), int(end)) for start, end in (piece.split() for piece in offsets.split(";")))
        start, end = min(start for start, _ in pieces), max(end for _, end in pieces)
        yield RawSpan(start, end, entity_type, text, pieces=tuple(sorted(pieces)) if len(pieces) > 1 else ())


class BratWriter(DocumentWriter):
    """Writes a folder for each split with a text file and its annotations for each document, one sentence per line.

    Args:
        word_splitter: The word splitter that will read the texts, to report where it will split them differently from
            the words of the corpus; null is the one that splits at spaces and around punctuation.
    """

    def __init__(self, word_splitter: WordSplitter | None = None) -> None:
        self.word_splitter = word_splitter or PunctuationSplitter()

    def files(self, document: Document, losses: Losses) -> Mapping[str, str]:
        add_lost_lines(document, losses)
        add_lost_ids(document, losses)
        for sentence in document.sentences:
            losses.add_resplit(sentence, self.word_splitter)
        lines = []
        for number, span in enumerate(document.spans, start=1):
            entity_type = "_".join(span.entity_type.split())
            losses.add(LOST_TYPE, entity_type != span.entity_type)
            pieces = [(found.start() + span.start, found.end() + span.start) for found in LINE.finditer(span.text)]
            offsets = ";".join(f"{start} {end}" for start, end in pieces)
            lines.append(f"T{number}\t{entity_type} {offsets}\t{' '.join(LINE.findall(span.text))}\n")
        # A reader would take U+FEFF at the start of a file for its byte order mark, so a real one goes first.
        mark = "\ufeff" if document.text.startswith("\ufeff") else ""
        return {".txt": mark + document.text, ".ann": "".join(lines)}
