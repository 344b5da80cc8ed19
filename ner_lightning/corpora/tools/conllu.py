"""CoNLL-U and CoNLL-U Plus: words in ten or more columns, with entity tags in MISC or in a column."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Final

from ner_lightning.corpora.column_files import DEFAULT_SCHEME, write_tags
from ner_lightning.corpora.reader import CorpusError, SplitName
from ner_lightning.corpora.reading.column_lines import DOCUMENT_COMMENT, MAX_SHOWN, SENTENCE_COMMENT
from ner_lightning.corpora.reading.interpretation import SplitContent, interpret
from ner_lightning.corpora.reading.raw_sentences import TaggedSentence
from ner_lightning.corpora.reading.split_reader import FileReader, SplitFiles
from ner_lightning.corpora.reading.tag_spelling import TagSpelling
from ner_lightning.corpora.reading.text_files import read_lines
from ner_lightning.corpora.reading.word_positions import find_words
from ner_lightning.corpora.writing.losses import LOST_LINE_BREAK, LOST_SENTENCE, Losses
from ner_lightning.corpora.writing.split_writer import SplitWriter
from ner_lightning.schemes import LabelScheme, SourceScheme
from ner_lightning.sentences import Sentence
from ner_lightning.tags import OUTSIDE, entities_of

COLUMNS: Final = ("ID", "FORM", "LEMMA", "UPOS", "XPOS", "FEATS", "HEAD", "DEPREL", "DEPS", "MISC")
TAG_NAMES: Final = ("NE", "NER", "name")  # known names of the key in MISC; CoNLL-U Plus may write corpus:NE
TEXT_COMMENT: Final = re.compile(r"# ?text ?= ?(.*)")
PLUS_COMMENT: Final = re.compile(r"# ?global\.columns ?= ?(.+)")
WORD_ID: Final = re.compile(r"\d+")
OTHER_ID: Final = re.compile(r"\d+(-\d+|\.\d+)")  # a range of words written as one, or a word that is not in the text
LOST_BREAKS: Final = "sentences whose text contains a line break: the words are written without the text"
LOST_WORD: Final = "empty words: written as _"
LOST_MISC: Final = "entity types that contain a vertical bar, a tab or a line break: written with a space instead"
LOST_ENTITIES: Final = "sentences with adjacent entities of one type: the scheme merges them"
LOST_END: Final = "sentences without a document after one that has a document: they will be read as part of it"
LOST_ID: Final = "ids that are empty, contain spaces, or occur twice: not written"


@dataclass(frozen=True)
class ConllU(FileReader):
    """Reads CoNLL-U, with entity tags in MISC such as NE=B-PER, and CoNLL-U Plus, with the tags in a column or in MISC.

    Ranges of words (1-2) and empty nodes (8.1) are left out. The comments newdoc, sent_id and text are read.

    Args:
        tag: The key in MISC, or the column of CoNLL-U Plus, that contains the tags; null looks for NE, NER or name.
        scheme: The label scheme of the tags; null recognizes it in each split and reports the reason.
        tags: The spelling of the tags.
    """

    tag: str | None = None
    scheme: SourceScheme | None = None
    tags: TagSpelling = TagSpelling()

    def read_split(self, split: SplitName, source: SplitFiles) -> SplitContent:
        sentences = list(self._parse(split, source))
        names = (self.tag,) if self.tag else TAG_NAMES
        tag = _tag_name(sentences, names, source)
        tagged = (replace(sentence, tags=[_tag(cell, tag) for cell in sentence.tags]) for sentence in sentences)
        return interpret(tagged, split, scheme=self.scheme, spelling=self.tags, tag_hint="set tag")

    def _parse(self, split: SplitName, source: SplitFiles) -> Iterator[TaggedSentence]:
        for path in source.paths:
            parser = _Parser(str(path), split)
            for number, line in enumerate([*read_lines(path, self.encoding), ""], start=1):
                if (sentence := parser.parse(line, number)) is not None:
                    yield sentence


@dataclass(slots=True)
class _Parser:
    """Parses lines one by one; the tag of a word is all that may be it, as KEY=VALUE separated by tabs."""

    path: str
    split: str
    columns: Sequence[str] = COLUMNS
    document_id: str | None = None
    num_documents: int = 0
    id: str = ""
    text: str | None = None
    words: list[str] = field(default_factory=list)
    cells: list[str] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)

    def parse(self, line: str, number: int) -> TaggedSentence | None:
        """Parse the next line; after the last line of a file, parse an empty one.

        Raises:
            CorpusError: If the line does not have the columns of the format.
        """
        if not line.strip():
            return self._end_sentence()
        if line.startswith("#"):
            self._read_comment(line)
        else:
            self._add(line, number)
        return None

    def _read_comment(self, line: str) -> None:
        if found := PLUS_COMMENT.fullmatch(line):
            self.columns = found[1].split()
        elif found := TEXT_COMMENT.fullmatch(line):
            self.text = found[1]
        elif found := SENTENCE_COMMENT.fullmatch(line):
            self.id = found["id"]
        elif found := DOCUMENT_COMMENT.fullmatch(line):
            self.document_id = found["id"] or f"{self.split}-document-{self.num_documents}"
            self.num_documents += 1

    def _add(self, line: str, number: int) -> None:
        fields = line.split("\t")
        if len(fields) != len(self.columns) or "FORM" not in self.columns:
            names = " ".join(self.columns)
            raise CorpusError(
                f"{self.path}:{number}: a word must have {len(self.columns)} columns separated by tabs ({names}), "
                f"one of them FORM, got {len(fields)}: {line[:MAX_SHOWN]!r}"
            )
        cells = dict(zip(self.columns, fields, strict=True))
        name = cells.get("ID", "1")
        if OTHER_ID.fullmatch(name):
            return
        if not WORD_ID.fullmatch(name):
            raise CorpusError(f"{self.path}:{number}: ID must be a number such as 1, 1-2 or 8.1, got {name!r}")
        own = [f"{column.rpartition(':')[2]}={cell}" for column, cell in cells.items() if column not in COLUMNS]
        self.words.append(cells["FORM"])
        self.cells.append("\t".join([*own, *cells.get("MISC", "_").split("|")]))
        self.lines.append(number)

    def _end_sentence(self) -> TaggedSentence | None:
        if not self.words:
            return None
        offsets = None if self.text is None else find_words(self.words, self.text)
        text = None if offsets is None else self.text
        sentence = TaggedSentence(
            self.words, self.cells, self.path, self.lines, self.id, self.document_id, text, offsets
        )
        self.id, self.text, self.words, self.cells, self.lines = "", None, [], [], []
        return sentence


def _tag_name(sentences: Iterable[TaggedSentence], names: Sequence[str], source: SplitFiles) -> str:
    """Return the name of the tags in a split.

    Raises:
        CorpusError: If no word has a tag of that name.
    """
    found = Counter(key for sentence in sentences for cell in sentence.tags for key in _pairs(cell))
    if name := next((name for name in names if name in found), None):
        return name
    known = ", ".join(sorted(found)) or "none"
    raise CorpusError(
        f"{source}: entity tags must be in MISC or a column as {' or '.join(names)}, found only: {known}; "
        f"set tag to the name of the key or column"
    )


def _pairs(cell: str) -> Mapping[str, str]:
    """Return the pairs of a cell; of repeated keys the first, which is the column of CoNLL-U Plus."""
    pairs = [part.split("=", 1) for part in cell.split("\t") if "=" in part]
    return dict(reversed(pairs))


def _tag(cell: str, name: str) -> str:
    value = _pairs(cell).get(name, OUTSIDE)
    return OUTSIDE if value in {"_", "*", ""} else value


class ConllUWriter(SplitWriter):
    """Writes CoNLL-U with the words, the texts and the tags as NE=B-PER in MISC; other columns are left empty (_).

    Args:
        scheme: The label scheme to write: BIO, BIOES or IO.
        tag: The key in MISC that contains the tags.
    """

    suffix: ClassVar[str] = ".conllu"

    def __init__(self, scheme: LabelScheme = DEFAULT_SCHEME, tag: str = "NE") -> None:
        self.scheme = scheme
        self.tag = tag

    def pieces(self, sentences: Sequence[Sentence], split: SplitName, losses: Losses) -> Iterator[str]:  # noqa: ARG002
        document_id, ids = None, set[str]()
        for sentence in sentences:
            if not sentence.words:
                losses.add(LOST_SENTENCE)
                continue
            losses.add_scores(sentence)
            losses.add_unannotated(sentence)
            if sentence.document_id != document_id:
                losses.add(LOST_END, sentence.document_id is None)
                document_id = sentence.document_id or document_id
                if sentence.document_id:
                    yield f"# newdoc id = {_one_line(sentence.document_id)}\n"
            if sentence.id:
                is_writable = len(sentence.id.split()) == 1 and sentence.id.strip() == sentence.id
                losses.add(LOST_ID, not is_writable or sentence.id in ids)
                yield f"# sent_id = {sentence.id}\n" if is_writable and sentence.id not in ids else ""
                ids.add(sentence.id)
            yield from self._lines(sentence, losses)

    def _lines(self, sentence: Sentence, losses: Losses) -> Iterator[str]:
        text, offsets = sentence.as_text()
        if re.search(r"[\r\n]", text):
            losses.add(LOST_BREAKS)
        else:
            yield f"# text = {text}\n"
        tags = write_tags(sentence, self.scheme)
        losses.add(LOST_ENTITIES, entities_of(tags) != list(sentence.entities))
        for index, (word, tag) in enumerate(zip(sentence.words, tags, strict=True)):
            form, value = _one_line(word) or "_", re.sub(r"[|\t\r\n]", " ", tag)
            losses.add(LOST_WORD, not word)
            losses.add(LOST_LINE_BREAK, _one_line(word) != word)
            losses.add(LOST_MISC, value != tag)
            is_joined = index + 1 < len(offsets) and offsets[index][1] == offsets[index + 1][0]
            misc = f"{self.tag}={value}" + ("|SpaceAfter=No" if is_joined else "")
            yield "\t".join([str(index + 1), form, *["_"] * 7, misc]) + "\n"
        yield "\n"


def _one_line(text: str) -> str:
    return re.sub(r"[\t\r\n]", " ", text)
