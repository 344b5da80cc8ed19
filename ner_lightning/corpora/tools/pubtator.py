"""PubTator: documents with a title, an abstract and annotations by character offsets."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Final

from ner_lightning.corpora.reader import CorpusError, SplitName
from ner_lightning.corpora.reading.raw_sentences import RawSpan, SpannedText
from ner_lightning.corpora.reading.span_reader import DocumentReader
from ner_lightning.corpora.reading.text_files import read_lines
from ner_lightning.corpora.writing.documents import Document, add_lost_ids, add_lost_lines, documents_of
from ner_lightning.corpora.writing.losses import LOST_LINE_BREAK, Losses
from ner_lightning.corpora.writing.split_writer import SplitWriter
from ner_lightning.sentences import Sentence
from ner_lightning.word_splitting import PunctuationSplitter, WordSplitter

TEXT_LINE: Final = re.compile(r"([^|\t]+)\|([ta])\|(.*)")
NUMBER: Final = re.compile(r"-?\d+")
EXAMPLES: Final = "12345|t|Title, 12345|a|Abstract or 12345 (tab) 0 (tab) 5 (tab) fever (tab) Disease"
MAX_SHOWN: Final = 80  # characters of a line in a message
LOST_NAME: Final = "documents whose id contains a vertical bar, a tab or a line break: written with _ instead"


@dataclass(frozen=True)
class PubTator(DocumentReader):
    """Reads files of PubTator: 12345|t|Title, 12345|a|Abstract, and one annotation per line.

    An annotation has the id of its document, start, end, text and type, separated by tabs, and anything after them;
    lines about relations are ignored. Title and abstract are two lines of one text.
    """

    def read_files(self, paths: Sequence[Path]) -> Iterator[SpannedText]:
        for path in paths:
            block = _Block(str(path))
            for number, line in enumerate([*read_lines(path, self.encoding), ""], start=1):
                begins = (found := TEXT_LINE.fullmatch(line)) is not None and found[2] == "t"
                if block.name and (begins or not line.strip()):
                    yield block.text(by_line=self.unit == "line")
                    block = _Block(str(path))
                if line.strip():
                    block.add(line, number, found)


@dataclass(slots=True)
class _Block:
    """The lines of one document."""

    path: str
    name: str = ""
    line: int = 0
    title: str | None = None
    abstract: str | None = None
    spans: list[RawSpan] = field(default_factory=list)

    def add(self, line: str, number: int, found: re.Match[str] | None) -> None:
        """Add a line of the document.

        Raises:
            CorpusError: If the line is not part of it.
        """
        name = found[1] if found else line.split("\t")[0]
        if found and found[2] == "t":
            self.name, self.line, self.title = name, number, found[3]
            return
        problem = None
        if self.title is None:
            problem = "a document must begin with its title, such as 12345|t|Title"
        elif name != self.name:
            problem = f"every line of a document must begin with its id {self.name!r}"
        elif found:
            problem = "a document must have one abstract" if self.abstract is not None else None
            self.abstract = found[3]
        elif (span := _span(line)) is not None:
            self.spans.append(span)
        elif line.count("\t") < 3:
            problem = f"a line must be such as {EXAMPLES}"
        if problem:
            raise CorpusError(f"{self.path}:{number}: {problem}, got {line[:MAX_SHOWN]!r}")

    def text(self, by_line: bool) -> SpannedText:
        text = "\n".join(part for part in (self.title, self.abstract or None) if part is not None)
        return SpannedText(text, self.spans, self.path, self.line, self.name, self.name, by_line)


def _span(line: str) -> RawSpan | None:
    """Return the entity of a line, or None if the line is about something else."""
    match line.split("\t"):
        case [_, start, end, text, kind, *_] if NUMBER.fullmatch(start) and NUMBER.fullmatch(end) and kind.strip():
            return RawSpan(int(start), int(end), kind.strip(), text)
    return None


class PubTatorWriter(SplitWriter):
    """Writes train.pubtator, validation.pubtator and test.pubtator; the first line of a document is its title.

    Args:
        word_splitter: The word splitter that will read the texts, to report where it will split them differently from
            the words of the corpus; null is the one that splits at spaces and around punctuation.
    """

    suffix: ClassVar[str] = ".pubtator"

    def __init__(self, word_splitter: WordSplitter | None = None) -> None:
        self.word_splitter = word_splitter or PunctuationSplitter()

    def pieces(self, sentences: Sequence[Sentence], split: SplitName, losses: Losses) -> Iterator[str]:  # noqa: ARG002
        for sentence in sentences:
            losses.add_resplit(sentence, self.word_splitter)
        for document in documents_of(sentences, losses):
            yield _written(document, losses)


def _written(document: Document, losses: Losses) -> str:
    add_lost_lines(document, losses)
    add_lost_ids(document, losses)
    name = re.sub(r"[|\t\r\n]", "_", document.name) or "_"
    losses.add(LOST_NAME, name != document.name)
    title, _, abstract = document.text.partition("\n")
    losses.add(
        LOST_LINE_BREAK, _one_line(title + abstract) != title + abstract or (not abstract and title != document.text)
    )
    lines = [f"{name}|t|{_one_line(title)}", f"{name}|a|{_one_line(abstract)}"]
    lines += (
        f"{name}\t{span.start}\t{span.end}\t{_one_line(span.text)}\t{_one_line(span.entity_type)}\t-"
        for span in document.spans
    )
    return "\n".join([*lines, "", ""])


def _one_line(text: str) -> str:
    return re.sub(r"[\t\r\n]", " ", text)
