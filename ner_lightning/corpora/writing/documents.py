"""Documents: the sentences of each document joined to one text, for formats that hold whole documents."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from ner_lightning.atomic_files import whole_file
from ner_lightning.corpora.reader import SPLIT_NAMES, Corpus, CorpusWriter
from ner_lightning.corpora.writing.losses import LOST_ID, Losses
from ner_lightning.corpora.writing.text_spans import TextSpan, text_spans
from ner_lightning.sentences import Sentence

LOST_ORDER: Final = "documents whose sentences are not next to each other, or that will be read in another order"
LOST_NO_DOCUMENT: Final = "sentences without a document: each will be read as a document"
LOST_BOUNDARY: Final = (
    "sentences that are not a line of their document: with unit line, they will be read as other sentences"
)
UNSAFE: Final = frozenset('/\\:*?"<>|') | {chr(code) for code in range(32)}
LOST_FILE_NAME: Final = "documents whose id cannot be the name of a file: written with another id"
MAX_FILE_NAME: Final = 200  # bytes, which leaves room for endings


@dataclass(frozen=True, slots=True)
class Document:
    """The sentences of a document, one per line.

    Args:
        name: Name of the document.
        sentences: The sentences, in order.
        text: The texts of the sentences, joined by line breaks.
        starts: Position of each sentence in the text.
        spans_of_sentences: The entities of each sentence, as spans of the text.
    """

    name: str
    sentences: tuple[Sentence, ...]
    text: str
    starts: tuple[int, ...]
    spans_of_sentences: tuple[tuple[TextSpan, ...], ...]

    @property
    def spans(self) -> list[TextSpan]:
        """The entities, as spans of the text."""
        return [span for spans in self.spans_of_sentences for span in spans]

    def parts(self) -> Iterator[tuple[Sentence, int, tuple[TextSpan, ...]]]:
        """Yield each sentence with its position in the text and its entities as spans of the text."""
        return zip(self.sentences, self.starts, self.spans_of_sentences, strict=True)


def documents_of(sentences: Sequence[Sentence], losses: Losses) -> Iterator[Document]:
    """Yield the documents of a split in order of their first sentences, and count what a document cannot hold.

    A sentence without a document becomes a document with its id as the name.
    """
    groups: dict[str, list[Sentence]] = {}
    last = ""
    for position, sentence in enumerate(sentences):
        losses.add(LOST_NO_DOCUMENT, sentence.document_id is None)
        name = sentence.document_id or sentence.id or f"sentence-{position}"
        losses.add(LOST_ORDER, name in groups and name != last)
        groups.setdefault(name, []).append(sentence)
        last = name
    for name, group in groups.items():
        yield _joined(name, group, losses)


def _joined(name: str, sentences: Sequence[Sentence], losses: Losses) -> Document:
    texts, starts, spans = list[str](), list[int](), list[tuple[TextSpan, ...]]()
    start = 0
    for sentence in sentences:
        text, _ = sentence.as_text()
        losses.add_scores(sentence)
        found = text_spans(sentence, losses)
        spans.append(tuple(replace(span, start=span.start + start, end=span.end + start) for span in found))
        texts.append(text)
        starts.append(start)
        start += len(text) + 1
    return Document(name, tuple(sentences), "\n".join(texts), tuple(starts), tuple(spans))


def add_lost_lines(document: Document, losses: Losses) -> None:
    """Count the sentences that are not one line of their document, for formats that hold only its text."""
    texts = [sentence.as_text()[0] for sentence in document.sentences]
    losses.add(LOST_BOUNDARY, sum(not text.strip() or (len(texts) > 1 and "\n" in text) for text in texts))


def add_lost_ids(document: Document, losses: Losses) -> None:
    """Count the sentences whose ids will not be those that are made of the name of the document."""
    for number, sentence in enumerate(document.sentences, start=1):
        losses.add(LOST_ID, sentence.id not in {"", document.name, f"{document.name}-{number}"})


def file_name_of(name: str) -> str:
    """Return the name of a document, or the closest name that a file can have.

    >>> file_name_of("doc-1"), file_name_of("nw/wsj/00")
    ('doc-1', 'nw_wsj_00')
    """
    safe = "".join("_" if character in UNSAFE else character for character in name)
    safe = safe.encode()[:MAX_FILE_NAME].decode(errors="ignore")
    return f"_{safe}" if not safe or safe.startswith(".") else safe


class DocumentWriter(CorpusWriter):
    """Writes a folder for each split with the files of each document; a format implements ``files``."""

    @abstractmethod
    def files(self, document: Document, losses: Losses) -> Mapping[str, str]:
        """Return the text of each file of a document by the ending of its name.

        Raises:
            CorpusError: If the format cannot hold the document.
        """

    def write(self, corpus: Corpus, output_dir: str) -> list[str]:
        losses = Losses()
        for split in SPLIT_NAMES:
            if split in corpus.splits:
                self._write_split(corpus.splits[split], Path(output_dir, split), losses)
        return losses.described()

    def _write_split(self, sentences: Sequence[Sentence], folder: Path, losses: Losses) -> None:
        names, used = list[str](), set[str]()
        for document in documents_of(sentences, losses):
            name = _new_name(file_name_of(document.name), used)
            losses.add(LOST_FILE_NAME, name != document.name)
            names.append(name)
            used.add(name)
            for ending, text in self.files(document, losses).items():
                with whole_file(folder / f"{name}{ending}") as file:
                    file.write(text)
        losses.add(LOST_ORDER, sum(left != right for left, right in zip(names, sorted(names), strict=True)))


def _new_name(name: str, used: set[str]) -> str:
    """Return a name that is not used yet."""
    return next(it for it in (name, *(f"{name}_{number}" for number in range(2, len(used) + 3))) if it not in used)
