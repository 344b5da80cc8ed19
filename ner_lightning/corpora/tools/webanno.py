"""WebAnno TSV 3 (also INCEpTION): sentences with one word per line and annotations by layer."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ner_lightning.corpora.reader import CorpusError, SplitName
from ner_lightning.corpora.reading.column_lines import MAX_SHOWN
from ner_lightning.corpora.reading.flat_spans import SpanReading
from ner_lightning.corpora.reading.interpretation import SplitContent, interpret
from ner_lightning.corpora.reading.offset_units import code_point_offset
from ner_lightning.corpora.reading.raw_sentences import RawSpan, SpannedText
from ner_lightning.corpora.reading.split_reader import FileReader, SplitFiles
from ner_lightning.corpora.reading.text_files import read_lines
from ner_lightning.corpora.reading.word_positions import find_words
from ner_lightning.corpora.tools.webanno_layers import Layer, chosen_layer, read_layers
from ner_lightning.corpora.writing.documents import Document, DocumentWriter
from ner_lightning.corpora.writing.losses import LOST_ID, LOST_LINE_BREAK, Losses
from ner_lightning.sentences import Sentence

FORMAT: Final = "#FORMAT=WebAnno TSV 3"
WORD_ID: Final = re.compile(r"(\d+)-(\d+)(\.\d+)?")
OFFSETS: Final = re.compile(r"(\d+)-(\d+)")
PART: Final = re.compile(r"(?:[^\\|]|\\.)+", re.DOTALL)
VALUE: Final = re.compile(r"((?:[^\\\[\]]|\\.)*)(?:\[(\d+)\])?", re.DOTALL)
ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)
CONTROL: Final = {"n": "\n", "t": "\t", "r": "\r"}
RESERVED: Final = re.compile(r"[\\\[\]|_;*>-]")
HEADER: Final = f"{FORMAT}.3\n#T_SP=de.tudarmstadt.ukp.dkpro.core.api.ner.type.NamedEntity|value|identifier\n\n\n"
LOST_EMPTY_WORD: Final = "empty words: left out"
LOST_SENTENCE: Final = "sentences without a word that has a character: left out"


@dataclass(frozen=True)
class WebAnno(FileReader):
    """Reads WebAnno TSV 3.0 to 3.3, as WebAnno and INCEpTION export it. Each file is a document.

    The words are those of the file. An annotation of a part of a word is widened to the word and reported.

    Args:
        layer: The layer with the entities, by its name or the last part of it; null is NamedEntity, or otherwise the
            only span layer.
        feature: The feature with the entity type; null is value, or otherwise the first one.
        spans: The reading of overlapping entities.
    """

    layer: str | None = field(default=None, kw_only=True)
    feature: str | None = field(default=None, kw_only=True)
    spans: SpanReading = field(default=SpanReading(), kw_only=True)

    def read_split(self, split: SplitName, source: SplitFiles) -> SplitContent:
        return interpret(self._read_files(source.paths), split, span_reading=self.spans)

    def _read_files(self, paths: Sequence[Path]) -> Iterator[SpannedText]:
        for path in paths:
            lines = read_lines(path, self.encoding)
            if not lines[0].startswith(FORMAT):
                raise CorpusError(f"{path}:1: must begin with {FORMAT}, got {lines[0][:MAX_SHOWN]!r}")
            layer = chosen_layer(read_layers(lines), self.layer, self.feature, path)
            sentence = _Sentence(path, layer)
            for number, line in enumerate([*lines, ""], start=1):
                if line.startswith("#Text="):
                    sentence.texts.append(unescape(line.removeprefix("#Text=")))
                elif line.startswith("#Sentence.id="):
                    sentence.id = line.removeprefix("#Sentence.id=").strip()
                elif line and not line.startswith("#"):
                    sentence.add(line, number)
                elif not line and sentence.texts:
                    yield sentence.spanned_text()
                    sentence = _Sentence(path, layer)


@dataclass(slots=True)
class _Word:
    text: str
    start: int
    line: int


@dataclass(slots=True)
class _Sentence:
    """The lines of one sentence; positions are those of the file, which count UTF-16 units in the whole document."""

    path: Path
    layer: Layer
    id: str = ""
    texts: list[str] = field(default_factory=list)
    words: list[_Word] = field(default_factory=list)
    spans: dict[str, tuple[int, int, str]] = field(default_factory=dict)

    def add(self, line: str, number: int) -> None:
        """Add a word or a part of a word.

        Raises:
            CorpusError: If the line does not have the columns of the format.
        """
        fields = line.rstrip("\t").split("\t")
        fields += ["_"] * (self.layer.column + 1 - len(fields))
        name, place = WORD_ID.fullmatch(fields[0]), OFFSETS.fullmatch(fields[1])
        if not name or not place or not self.texts:
            raise CorpusError(
                f"{self.path}:{number}: a word must be a line such as 1-2 (tab) 4-8 (tab) Haag (tab) PER[1], after a "
                f"line such as #Text=Ms. Haag, got {line[:MAX_SHOWN]!r}"
            )
        start, end = int(place[1]), int(place[2])
        if name[3] is None:
            self.words.append(_Word(fields[2], start, number))
        for index, part in enumerate(PART.findall(fields[self.layer.column])):
            self._annotate(part, f"{number}.{index}", start, end, number)

    def _annotate(self, part: str, single: str, start: int, end: int, number: int) -> None:
        if part == "_":
            return
        found = VALUE.fullmatch(part)
        if found is None:
            raise CorpusError(f"{self.path}:{number}: an annotation must be such as PER or PER[1], got {part!r}")
        key = f"id {found[2]}" if found[2] else f"line {single}"
        first, last, kind = self.spans.get(key, (start, end, unescape(found[1])))
        self.spans[key] = min(first, start), max(last, end), kind if kind != "*" else self.layer.short_name

    def spanned_text(self) -> SpannedText:
        """Return the sentence with positions in its text.

        Raises:
            CorpusError: If its words are not those of its text.
        """
        text = "\n".join(self.texts)
        line = self.words[0].line if self.words else 0
        offsets = find_words([word.text for word in self.words], text)
        if offsets is None:
            raise CorpusError(f"{self.path}:{line}: the words must be those of #Text={text[:MAX_SHOWN]!r}")
        base = self.words[0].start - utf16_length(text[: offsets[0][0]]) if self.words else 0
        unit = self._unit(text, offsets, base)
        spans = [
            RawSpan(code_point_offset(start - base, text, unit), code_point_offset(end - base, text, unit), kind)
            for start, end, kind in self.spans.values()
        ]
        return SpannedText(text, spans, str(self.path), line, self.id, self.path.stem, word_offsets=offsets)

    def _unit(self, text: str, offsets: Sequence[tuple[int, int]], base: int) -> str:
        """Return the unit of the positions: UTF-16 as in Java, unless only code points fit."""
        starts = [word.start - base for word in self.words]
        fits = all(utf16_length(text[:start]) == given for (start, _), given in zip(offsets, starts, strict=True))
        return "UTF-16 units" if fits else "code points"


def unescape(text: str) -> str:
    r"""Return a text without the backslashes that protect reserved characters.

    >>> unescape(r"a\|b\\n"), unescape(r"a\nb")
    ('a|b\\n', 'a\nb')
    """
    return ESCAPED.sub(lambda found: CONTROL.get(found[1], found[1]), text)


def utf16_length(text: str) -> int:
    """Return the length of a text in UTF-16 units."""
    return len(text) + sum(character > "\uffff" for character in text)


class WebAnnoWriter(DocumentWriter):
    """Writes a folder for each split with a file in WebAnno TSV 3.3 for each document."""

    def files(self, document: Document, losses: Losses) -> Mapping[str, str]:
        lines, base, num_sentences, num_spans = list[str](), 0, 0, 0
        for sentence, start, spans in document.parts():
            words = [(left, right) for left, right in sentence.as_text()[1] if left < right]
            losses.add(LOST_EMPTY_WORD, len(sentence) - len(words))
            losses.add(LOST_SENTENCE, not words)
            if words:
                num_sentences += 1
                places = [(span.start - start, span.end - start, escape(span.entity_type)) for span in spans]
                numbered = [
                    (left, right, f"{kind}[{num_spans + i}]") for i, (left, right, kind) in enumerate(places, 1)
                ]
                lines += _written_lines(sentence, words, numbered, base, num_sentences, losses)
            num_spans += len(spans)
            base += utf16_length(sentence.as_text()[0]) + 1
        return {".tsv": HEADER + "\n".join([*lines, ""])}


def _written_lines(
    sentence: Sentence,
    words: Sequence[tuple[int, int]],
    spans: Sequence[tuple[int, int, str]],
    base: int,
    number: int,
    losses: Losses,
) -> Iterator[str]:
    """Yield the lines of a sentence, whose text begins at a position of the document."""
    raw, _ = sentence.as_text()
    text = re.sub(r"[\t\r\n]", " ", raw)
    losses.add(LOST_LINE_BREAK, text != raw)
    is_writable = sentence.id == sentence.id.strip() and "\n" not in sentence.id
    losses.add(LOST_ID, not is_writable)
    yield from [f"#Sentence.id={sentence.id}"] if sentence.id and is_writable else []
    yield "#Text=" + text.replace("\\", "\\\\")
    for index, (left, right) in enumerate(words, start=1):
        start = base + utf16_length(text[:left])
        kind = next((kind for first, last, kind in spans if first < right and left < last), "_")
        feature = "*" + kind[kind.rindex("[") :] if kind != "_" else "_"
        place = f"{start}-{start + utf16_length(text[left:right])}"
        yield "\t".join([f"{number}-{index}", place, text[left:right], kind, feature, ""])
    yield ""


def escape(text: str) -> str:
    r"""Return an entity type with backslashes before reserved characters.

    >>> escape("PER_1|x")
    'PER\\_1\\|x'
    """
    text = RESERVED.sub(lambda found: "\\" + found[0], text)
    return text.replace("\n", "\\n").replace("\t", "\\t").replace("\r", "\\r")
