"""Column files line by line: the parser that corpora and `predict` share."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from ner_lightning.corpora.reader import CorpusError
from ner_lightning.corpora.reading.raw_sentences import TaggedSentence

Separator = Literal["auto", "tab", "blank", "comma"]

DOCSTART: Final = "-DOCSTART-"
DOCUMENT_MARKER: Final = re.compile(  # the group that matches is the name of the document that begins
    rf"{DOCSTART}(?:\s.*?\((?P<docstart>.+)\).*|\s.*)?"
    r"|#begin document (?P<ontonotes>[^\t]+)"
    r"|###MEDLINE:(?P<genia>[^\t]+)"
)
DOCUMENT_END: Final = re.compile(r"#end document[^\t]*")
DOCUMENT_COMMENT: Final = re.compile(r"\W*newdoc(?: id\s*=\s*(?P<id>.+))?")  # CoNLL-U
SENTENCE_COMMENT: Final = re.compile(r"\W*(?:sent_)?id(?:\s*=\s*|\s+)(?P<id>\S+).*")  # CoNLL-U, MultiCoNER
COMMENT_PREFIX: Final = re.compile(r"(?:[#%;/*!=]+|--+)\s?")  # the beginning of a line that may be a comment
COUNTED_RANGE: Final = re.compile(r"\d+[-.]\d+")  # CoNLL-U counts some words as 1-2 or 8.1
MAX_SHOWN: Final = 80  # characters of a line in a message
MIN_CHECKED_WORDS: Final = 10  # this many words that only count 1, 2, 3 … are row numbers, not words


@dataclass(frozen=True, slots=True)
class ColumnLayout:
    """The meaning of the lines of a column file.

    Args:
        word_column: Column of the word, counted from 0; from the end if negative.
        tag_column: Column of the tag; None if there are no tags to read.
        separator: The separator between columns.
        comment: The beginning of comment lines; empty if there are no comments.
        quoted: True if fields are quoted as a CSV writer does.
        sentence_column: Column whose value changes with every sentence; None if empty lines separate sentences.
    """

    word_column: int = 0
    tag_column: int | None = -1
    separator: Separator = "auto"
    comment: str = ""
    quoted: bool = False
    sentence_column: int | None = None

    def is_comment(self, line: str) -> bool:
        return bool(self.comment) and line.startswith(self.comment)

    def delimiter(self, line: str) -> str | None:
        """Return the character between the columns of a line, or None if spaces separate them."""
        if self.separator == "comma":
            return ","
        return "\t" if self.separator == "tab" or (self.separator == "auto" and "\t" in line) else None

    def fields(self, line: str) -> list[str]:
        """Return the columns of a line. Only the separator splits: a word may contain U+00A0 or any other space."""
        delimiter = self.delimiter(line)
        if delimiter is None:
            return re.split("[ \t]+", line.strip(" \t"))
        if self.quoted or delimiter == ",":
            return next(csv.reader([line], delimiter=delimiter), [])
        return line.rstrip(" \t").split("\t")

    def document_marker(self, line: str) -> re.Match[str] | None:
        """Return the match of a line that begins a document; its last group is the document's name, if it has one."""
        return DOCUMENT_COMMENT.fullmatch(line) if self.is_comment(line) else DOCUMENT_MARKER.fullmatch(line)


@dataclass(slots=True)
class ColumnParser:
    """Parses lines one by one, and returns a sentence whenever one ends.

    Args:
        layout: The meaning of the lines.
        document_prefix: The beginning of the names given to documents without a name.
        path: The file, for messages.
    """

    layout: ColumnLayout
    document_prefix: str = ""
    path: str = ""
    document_id: str | None = None
    num_unnamed_documents: int = 0
    first_line: str = ""
    num_columns: int = 0
    num_checked_words: int = 0
    words_are_counters: bool = True
    sentence_name: str = ""
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
            return self._add(line, number)
        sentence = self._end_sentence()
        if marker is not None:
            self._begin_document(marker)
        return sentence

    def require_words(self) -> None:
        """Check that the words are not only numbers that count the words of each sentence.

        Raises:
            CorpusError: If they are, because a sentence would then have no words.
        """
        if self.words_are_counters and self.num_checked_words > 1:
            column = self.layout.word_column
            raise CorpusError(
                f"{self.path}: column {column} counts the words of each sentence (1, 2, 3, …) instead of containing "
                f"them; set word_column, for example to {column + 1}"
            )

    def _add(self, line: str, number: int) -> TaggedSentence | None:
        try:
            fields = self.layout.fields(line)
        except csv.Error as error:
            raise CorpusError(f"{self.path}:{number}: cannot be read as CSV: {error}") from None
        if not self.first_line:
            self.first_line, self.num_columns = line, len(fields)
        problem = self._problem(fields, line)
        if problem is not None:
            raise CorpusError(f"{self.path}:{number}: {problem}{self._advice(line, number)}")
        ended = self._end_sentence() if self._begins_sentence(fields) else None
        tag_column = self.layout.tag_column
        self.words.append(fields[self.layout.word_column])
        self.tags.append("" if tag_column is None else fields[tag_column].strip(" "))
        self.lines.append(number)
        return ended

    def _problem(self, fields: Sequence[str], line: str) -> str | None:
        """Return the reason why a line cannot be read, or None if it can."""
        layout, num = self.layout, len(fields)
        columns = [it for it in (layout.word_column, layout.tag_column, layout.sentence_column) if it is not None]
        are_there = all(-num <= column < num for column in columns)
        if not are_there or len({column % num for column in columns}) < len(columns):
            tag = "" if layout.tag_column is None else f" and a tag in column {layout.tag_column} (tag_column)"
            return (
                f"a line must have a word in column {layout.word_column} (word_column){tag}, counted from 0, from the "
                f"end if negative, got {num} column{'s' * (num != 1)}: {line[:MAX_SHOWN]!r}"
            )
        # Spaces would split a word that contains one. Tabs do not, so lines with tabs may have further columns.
        if num != self.num_columns and None in (layout.delimiter(line), layout.delimiter(self.first_line)):
            return (
                f"every line must have the same number of columns as the first ({self.num_columns}: "
                f"{self.first_line[:MAX_SHOWN]!r}), got {num}: {line[:MAX_SHOWN]!r}; a word can contain a space only "
                f"if tabs separate the columns"
            )
        return None

    def _advice(self, line: str, number: int) -> str:
        """Return advice on the setting that may help to read a line, or an empty text."""
        if self.layout.delimiter(line) is None and "," in line and " " not in line.strip():
            return (
                "; if commas separate the columns, set separator to comma, and sentence_column if one names sentences"
            )
        for candidate in (line, self.first_line):
            if not self.layout.comment and (prefix := COMMENT_PREFIX.match(candidate)):
                return f"; if lines that begin with {prefix[0]!r} are comments, set comment to {prefix[0]!r}"
        return "; if the first line names the columns, set header to true" if number <= 2 else ""

    def _begins_sentence(self, fields: Sequence[str]) -> bool:
        """Return whether the sentence column names a new sentence; an empty value continues the last one."""
        if self.layout.sentence_column is None:
            return False
        name = fields[self.layout.sentence_column].strip()
        begins = name not in ("", self.sentence_name)
        self.sentence_name = name or self.sentence_name
        return begins

    def _end_sentence(self) -> TaggedSentence | None:
        if not self.words:
            return None
        self._check_for_counters()
        sentence = TaggedSentence(self.words, self.tags, self.path, self.lines, self.id, self.document_id)
        self.id, self.words, self.tags, self.lines = "", [], [], []
        return sentence

    def _check_for_counters(self) -> None:
        """Note whether the words of the sentence only count 1, 2, 3 …, while another column may contain the words."""
        if not self.words_are_counters:
            return
        has_other_column = self.num_columns > (1 if self.layout.tag_column is None else 2)
        counters = [word for word in self.words if not COUNTED_RANGE.fullmatch(word)]
        self.words_are_counters = has_other_column and counters in (
            [str(number) for number in range(first, first + len(counters))] for first in (0, 1)
        )
        self.num_checked_words += len(self.words)
        if self.num_checked_words >= MIN_CHECKED_WORDS:
            self.require_words()

    def _begin_document(self, marker: re.Match[str]) -> None:
        if marker.lastgroup:
            self.document_id = marker[marker.lastgroup]
        else:
            self.document_id = f"{self.document_prefix}-document-{self.num_unnamed_documents}"
            self.num_unnamed_documents += 1
