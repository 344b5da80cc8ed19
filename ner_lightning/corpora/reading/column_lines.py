"""Column files line by line: the parser that corpora and `predict` share."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final, Literal

from ner_lightning.corpora.reader import CorpusError
from ner_lightning.corpora.reading.raw_sentences import TaggedSentence

Separator = Literal["auto", "tab", "blank"]

DOCSTART: Final = "-DOCSTART-"
DOCUMENT_MARKER: Final = re.compile(  # the group that matches is the name of the document that begins
    rf"{DOCSTART}(?:\s.*?\((?P<docstart>.+)\).*|\s.*)?"
    r"|#begin document (?P<ontonotes>[^\t]+)"
    r"|###MEDLINE:(?P<genia>[^\t]+)"
)
DOCUMENT_END: Final = re.compile(r"#end document[^\t]*")
DOCUMENT_COMMENT: Final = re.compile(r"\W*newdoc(?: id\s*=\s*(?P<id>.+))?")  # CoNLL-U
SENTENCE_COMMENT: Final = re.compile(r"\W*(?:sent_)?id(?:\s*=\s*|\s+)(?P<id>\S+).*")  # CoNLL-U, MultiCoNER
MAX_SHOWN: Final = 80  # characters of a line in a message


@dataclass(frozen=True, slots=True)
class ColumnLayout:
    """The meaning of the lines of a column file.

    Args:
        word_column: Column of the word, counted from 0; from the end if negative.
        tag_column: Column of the tag; None if there are no tags to read.
        separator: The separator between columns.
        comment: The beginning of comment lines; empty if there are no comments.
    """

    word_column: int = 0
    tag_column: int | None = -1
    separator: Separator = "auto"
    comment: str = ""

    def is_separated_by_tabs(self, line: str) -> bool:
        return self.separator == "tab" or (self.separator == "auto" and "\t" in line)

    def is_comment(self, line: str) -> bool:
        return bool(self.comment) and line.startswith(self.comment)

    def fields(self, line: str) -> list[str]:
        """Return the columns of a line. Only the separator splits: a word may contain U+00A0 or any other space."""
        if self.is_separated_by_tabs(line):
            return line.rstrip(" \t").split("\t")
        return re.split("[ \t]+", line.strip(" \t"))

    def word_and_tag(self, line: str) -> tuple[str, str]:
        """Return the word and the tag of a line; the tag is empty if there are no tags to read.

        Raises:
            ValueError: If the line has too few columns.
        """
        fields = self.fields(line)
        num = len(fields)
        columns = [column for column in (self.word_column, self.tag_column) if column is not None]
        if not all(-num <= column < num for column in columns) or len({column % num for column in columns}) < len(
            columns
        ):
            tag = "" if self.tag_column is None else f" and a tag in column {self.tag_column}"
            raise ValueError(
                f"a line must have a word in column {self.word_column}{tag} "
                f"(counted from 0, from the end if negative), got {count_columns(num)}: {line[:MAX_SHOWN]!r}"
            )
        return fields[self.word_column], "" if self.tag_column is None else fields[self.tag_column].strip(" ")

    def require_columns_of(self, first_line: str, line: str) -> None:
        """Check that a line has as many columns as the first one: spaces would split a word that contains one.

        Tabs split no word, so lines with tabs may have further columns or fewer.

        Raises:
            ValueError: If it has more or fewer.
        """
        if self.is_separated_by_tabs(line) and self.is_separated_by_tabs(first_line):
            return
        num, expected = len(self.fields(line)), len(self.fields(first_line))
        if num != expected:
            raise ValueError(
                f"every line must have the same number of columns as the first "
                f"({expected}: {first_line[:MAX_SHOWN]!r}), got {num}: {line[:MAX_SHOWN]!r}; "
                f"a word can contain a space only if tabs separate the columns"
            )

    def document_marker(self, line: str) -> re.Match[str] | None:
        """Return the match of a line that begins a document; its last group is the document's name, if it has one."""
        return DOCUMENT_COMMENT.fullmatch(line) if self.is_comment(line) else DOCUMENT_MARKER.fullmatch(line)


def count_columns(number: int) -> str:
    """Return a number of columns in words."""
    return f"{number} column{'s' * (number != 1)}"


@dataclass(slots=True)
class ColumnParser:
    """Parses lines one by one, and returns a sentence whenever one ends.

    Args:
        layout: The meaning of the lines.
        document_prefix: The beginning of the names given to documents without a name.
    """

    layout: ColumnLayout
    document_prefix: str = ""
    path: str = ""
    document_id: str | None = None
    num_unnamed_documents: int = 0
    first_line: str = ""
    id: str = ""
    words: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)

    def begin_file(self, path: str) -> None:
        """Start a new file, whose sentences belong to no document until it names one."""
        self.path, self.document_id, self.first_line = path, None, ""

    def parse(self, line: str, number: int) -> TaggedSentence | None:
        """Parse the next line; after the last line of a file, parse an empty one.

        Raises:
            CorpusError: If the line has too few columns, or a different number than the first one.
        """
        marker = self.layout.document_marker(line)
        if marker is None and self.layout.is_comment(line):
            if named := SENTENCE_COMMENT.fullmatch(line):
                self.id = named["id"]
            return None
        if marker is None and line.strip(" \t\r") and not DOCUMENT_END.fullmatch(line):
            self._add(line, number)
            return None
        sentence = self._end_sentence()
        if marker is not None:
            self._begin_document(marker)
        return sentence

    def _add(self, line: str, number: int) -> None:
        self.first_line = self.first_line or line
        try:
            word, tag = self.layout.word_and_tag(line)
            self.layout.require_columns_of(self.first_line, line)
        except ValueError as error:
            raise CorpusError(f"{self.path}:{number}: {error}") from None
        self.words.append(word)
        self.tags.append(tag)
        self.lines.append(number)

    def _end_sentence(self) -> TaggedSentence | None:
        if not self.words:
            return None
        sentence = TaggedSentence(self.words, self.tags, self.path, self.lines, self.id, self.document_id)
        self.id, self.words, self.tags, self.lines = "", [], [], []
        return sentence

    def _begin_document(self, marker: re.Match[str]) -> None:
        if marker.lastgroup:
            self.document_id = marker[marker.lastgroup]
        else:
            self.document_id = f"{self.document_prefix}-document-{self.num_unnamed_documents}"
            self.num_unnamed_documents += 1
