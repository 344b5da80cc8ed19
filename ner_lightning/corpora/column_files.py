"""Column files (CoNLL): one word a line with its tag in a column, a blank line after every sentence."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Literal

from ner_lightning.atomic_files import whole_file
from ner_lightning.corpora.reader import (
    SPLIT_NAMES,
    Corpus,
    CorpusError,
    CorpusReader,
    CorpusWriter,
    ReadingNote,
    SplitName,
    require_sentences,
)
from ner_lightning.corpora.tagged_sentences import TaggedSentence, ill_formed_notes, recognise_scheme
from ner_lightning.corpora.text_files import paths_of_splits, read_lines, require_line_ends, resolve_path, with_ids
from ner_lightning.schemes import BIO, LabelScheme, SourceScheme
from ner_lightning.sentences import Sentence
from ner_lightning.tags import OUTSIDE, Tag, entities_of

Separator = Literal["auto", "tab", "blank"]

DOCSTART = "-DOCSTART-"
DOCUMENT_MARKER = re.compile(  # whichever group matches is the name of the document that begins
    rf"{DOCSTART}(?:\s.*?\((?P<docstart>.+)\).*|\s.*)?"
    r"|#begin document (?P<ontonotes>[^\t]+)"
    r"|###MEDLINE:(?P<genia>[^\t]+)"
)
DOCUMENT_END = re.compile(r"#end document[^\t]*")
DOCUMENT_COMMENT = re.compile(r"\W*newdoc(?: id\s*=\s*(?P<id>.+))?")  # CoNLL-U
SENTENCE_COMMENT = re.compile(r"\W*(?:sent_)?id(?:\s*=\s*|\s+)(?P<id>\S+).*")  # CoNLL-U, MultiCoNER


@dataclass(frozen=True, slots=True)
class ColumnLayout:
    """What the lines of a column file mean."""

    word_column: int
    tag_column: int
    separator: Separator
    comment: str | None

    def is_cut_at_tabs(self, line: str) -> bool:
        return self.separator == "tab" or (self.separator == "auto" and "\t" in line)

    def fields(self, line: str) -> list[str]:
        """The columns of a line. Only the separator cuts: a word may hold U+00A0 or any other space."""
        if self.is_cut_at_tabs(line):
            return line.rstrip(" \t").split("\t")
        return re.split("[ \t]+", line.strip(" \t"))

    def word_and_tag(self, line: str) -> tuple[str, str]:
        """The word and the tag of a line.

        Raises:
            ValueError: If the line has too few columns.
        """
        fields = self.fields(line)
        num = len(fields)
        present = -num <= self.word_column < num and -num <= self.tag_column < num
        if not present or self.word_column % num == self.tag_column % num:
            raise ValueError(
                f"a line must have a word in column {self.word_column} and a tag in column {self.tag_column} "
                f"(from 0, from the end if negative), got {num} column{'s' * (num > 1)}: {line[:80]!r}"
            )
        return fields[self.word_column], fields[self.tag_column].strip(" ")

    def require_columns_of(self, first_line: str, line: str) -> None:
        """Check that a line has as many columns as the first one: blanks would cut a word that holds one.

        Tabs cut no word, so lines that all hold them may have further columns or none.

        Raises:
            ValueError: If it has more or fewer.
        """
        if self.is_cut_at_tabs(line) and self.is_cut_at_tabs(first_line):
            return
        num, expected = len(self.fields(line)), len(self.fields(first_line))
        if num != expected:
            raise ValueError(
                f"every line must have as many columns as the first ({expected}: {first_line[:80]!r}), "
                f"got {num}: {line[:80]!r}; a word can hold a blank only where tabs separate the columns"
            )

    def document_marker(self, line: str) -> re.Match[str] | None:
        """The match of a line that begins a document, by the name of the document if it has one."""
        if self.comment is not None and line.startswith(self.comment):
            return DOCUMENT_COMMENT.fullmatch(line)
        return DOCUMENT_MARKER.fullmatch(line)


@dataclass(slots=True)
class OpenSentence:
    """The sentence whose lines are being read."""

    id: str = ""
    words: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)

    def close(self, document_id: str | None) -> TaggedSentence:
        return TaggedSentence(self.words, self.tags, self.lines, self.id, document_id)


def group_lines(lines: Sequence[str], layout: ColumnLayout, split: SplitName, path: str) -> Iterator[TaggedSentence]:
    """The sentences of a file's lines.

    Raises:
        CorpusError: If a line has too few columns, or other ones than the first.
    """
    unnamed_documents = (f"{split}-document-{number}" for number in count())
    document_id: str | None = None
    sentence = OpenSentence()
    first_line = ""
    for number, line in enumerate([*lines, ""], start=1):
        marker = layout.document_marker(line)
        if marker is None and layout.comment is not None and line.startswith(layout.comment):
            if named := SENTENCE_COMMENT.fullmatch(line):
                sentence.id = named["id"]
        elif marker is not None or not line.strip(" \t") or DOCUMENT_END.fullmatch(line):
            if sentence.words:
                yield sentence.close(document_id)
                sentence = OpenSentence()
            if marker is not None:
                document_id = marker[marker.lastgroup] if marker.lastgroup else next(unnamed_documents)
        else:
            first_line = first_line or line
            try:
                word, tag = layout.word_and_tag(line)
                layout.require_columns_of(first_line, line)
            except ValueError as error:
                raise CorpusError(f"{path}:{number}: {error}") from None
            sentence.words.append(word)
            sentence.tags.append(tag)
            sentence.lines.append(number)


class ColumnFiles(CorpusReader):
    """Reads CoNLL-style files: a word and its tag a line, in columns, and a blank line between sentences.

    IOB1, BIO (IOB2), BIOES, BILOU and IO are recognised from the tags. Ill-formed tags are read as conlleval
    does and listed. Lines that begin with -DOCSTART- mark documents.

    Args:
        train: Path of the training split. A path that begins with data/ is looked up in the folder that the
            environment variable NER_LIGHTNING_DATA names, where it is set.
        validation: Path of the validation split.
        test: Path of the test split.
        word_column: Column of the word, counted from 0; from the end if negative.
        tag_column: Column of the tag; -1 is the last one.
        separator: What stands between columns: a tab, blanks, or auto: a tab in lines that hold one, else
            blanks. Words can hold blanks only where tabs separate; blanks must cut every line into as many
            columns.
        scheme: The label scheme of the tags; null recognises it in each file and says why.
        comment: Lines that begin with this are comments, as in "# " (a bare # may well begin a word);
            null: no line is. The comments "# newdoc id = X", "# sent_id = X" and "# id X" name documents and
            sentences.
        source: Where to get the files; the error about a missing file says it.
    """

    def __init__(  # noqa: PLR0913 (the keys of a config)
        self,
        train: str | None = None,
        validation: str | None = None,
        test: str | None = None,
        word_column: int = 0,
        tag_column: int = -1,
        separator: Separator = "auto",
        scheme: SourceScheme | None = None,
        comment: str | None = None,
        source: str | None = None,
    ) -> None:
        self.paths = paths_of_splits(train, validation, test)
        if word_column == tag_column:
            raise ValueError(f"word_column and tag_column must differ, got {word_column} for both")
        if comment == "":
            raise ValueError("comment must not be empty, since every line begins so; null means no comments")
        self.layout = ColumnLayout(word_column, tag_column, separator, comment)
        self.scheme, self.source = scheme, source

    def read(self) -> Corpus:
        splits: dict[SplitName, tuple[Sentence, ...]] = {}
        notes: list[ReadingNote] = []
        evidence: dict[SplitName, str] = {}
        for split, given_path in self.paths.items():
            path = resolve_path(given_path)
            lines = read_lines(path, self.source)
            require_line_ends(lines, path)
            tagged = list(group_lines(lines, self.layout, split, str(path)))
            scheme, evidence[split] = recognise_scheme(tagged, self.scheme, str(path))
            notes += ill_formed_notes(tagged, scheme, split, str(path))
            first_lines = [sentence.lines[0] for sentence in tagged]
            sentences = with_ids([sentence.to_sentence() for sentence in tagged], split, path, first_lines)
            splits[split] = require_sentences(sentences, split, str(path))
        return Corpus(splits, tuple(notes), evidence)


DEFAULT_SCHEME = BIO()
LINE_BREAKING = str.maketrans("\t\r\n", "   ")

LOST_WORD = "words or entity types with a tab or a line break in them: written with blanks instead"
LOST_EMPTY_WORD = "empty words: written as an empty column, which other readers may skip"
LOST_MARKER = f"words that begin with {DOCSTART}, which marks documents: written with a blank before"
LOST_SENTENCE = "sentences without words: left out"
LOST_DOCUMENT_ID = "documents whose id is empty or holds a tab or a line break: read under another id"
LOST_TEXT = "sentences with a raw text: only the words are written"
LOST_ID = "sentences with an id of their own: not written"
LOST_END = "sentences of no document behind one that has: they will be read as part of it"
LOST_BOUNDARY = "sentences with touching entities of one type: the scheme merges them"


class ColumnFilesWriter(CorpusWriter):
    """Writes train.conll, validation.conll and test.conll: a word, a tab and a tag a line.

    Args:
        scheme: The label scheme to write: BIO, BIOES or IO.
    """

    def __init__(self, scheme: LabelScheme = DEFAULT_SCHEME) -> None:
        self.scheme = scheme

    def write(self, corpus: Corpus, output_dir: str) -> list[str]:
        require_types_without_outer_blanks(corpus)
        losses: Counter[str] = Counter()
        for split in SPLIT_NAMES:
            if split not in corpus.splits:
                continue
            text = "".join(f"{line}\n" for line in self._lines(corpus.splits[split], split, losses))
            # A byte order mark at the very beginning would be taken for the file's, so a line goes before it.
            text = "\n" + text if text.startswith("\ufeff") else text
            with whole_file(Path(output_dir, f"{split}.conll")) as file:
                file.write(text)
        return [f"{number} {loss}" for loss, number in losses.items() if number]

    def _lines(self, sentences: Iterable[Sentence], split: SplitName, losses: Counter[str]) -> Iterator[str]:
        document_id, position = None, 0
        for sentence in sentences:
            if not sentence.words:
                losses[LOST_SENTENCE] += 1
                continue
            losses.update(sentence_losses(sentence, f"{split}-{position}"))
            if sentence.document_id is None and document_id is not None:
                losses[LOST_END] += 1
            elif sentence.document_id != document_id:
                document_id = sentence.document_id
                written_id = (document_id or "").translate(LINE_BREAKING)
                losses[LOST_DOCUMENT_ID] += not written_id or written_id != document_id
                yield from (f"{DOCSTART} ({written_id})\t{OUTSIDE}", "")
            tags = write_tags(sentence, self.scheme)
            losses[LOST_BOUNDARY] += entities_of(tags) != list(sentence.entities)
            for word, tag in zip(sentence.words, tags, strict=True):
                yield f"{writable_word(word)}\t{tag.translate(LINE_BREAKING)}"
            yield ""
            position += 1


def require_types_without_outer_blanks(corpus: Corpus) -> None:
    """Check that no entity type begins or ends with a blank: without it, two types could become one.

    Raises:
        CorpusError: If one does.
    """
    for entity_type in sorted({kind for split in corpus.splits for kind in corpus.entity_types(split)}):
        written = entity_type.translate(LINE_BREAKING)
        if written != written.strip(" "):
            raise CorpusError(
                f"an entity type must not begin or end with a blank in column files, which do not keep it, "
                f"got {entity_type!r}"
            )


def write_tags(sentence: Sentence, scheme: LabelScheme) -> list[str]:
    """The tags of a sentence's words."""
    tags = [OUTSIDE] * len(sentence)
    for entity in sentence.entities:
        prefixes = scheme.prefixes_of(len(entity))
        tags[entity.start : entity.end] = [str(Tag(prefix, entity.entity_type)) for prefix in prefixes]
    return tags


def writable_word(word: str) -> str:
    """The word, or what comes nearest to it that a line can hold."""
    return (" " if word.startswith(DOCSTART) else "") + word.translate(LINE_BREAKING)


def sentence_losses(sentence: Sentence, positional_id: str) -> Counter[str]:
    """How often each thing occurs in a sentence that a column file cannot hold, whatever the scheme."""
    texts = [*sentence.words, *(entity.entity_type for entity in sentence.entities)]
    return Counter(
        {
            LOST_WORD: sum(text != text.translate(LINE_BREAKING) for text in texts),
            LOST_EMPTY_WORD: sentence.words.count(""),
            LOST_MARKER: sum(word.startswith(DOCSTART) for word in sentence.words),
            LOST_TEXT: int(sentence.text is not None),
            LOST_ID: int(sentence.id not in {"", positional_id}),
        }
    )
