"""The interfaces of corpus readers and writers, and what a reader returns: sentences by split, and notes."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from ner_lightning.sentences import Sentence
from ner_lightning.word_splitting import WordSplitter

SplitName = Literal["train", "validation", "test"]
SPLIT_NAMES: tuple[SplitName, ...] = ("train", "validation", "test")

NoteKind = Literal[
    "ill_formed_tag",
    "span_cuts_word",
    "span_reversed",
    "span_outside_text",
    "span_without_word",
    "overlapping_span",
    "discontinuous_span",
    "span_text_differs",
    "row_skipped",
    "offsets_converted",
    "type_dropped",
    "type_renamed",
]

# The consequence of each annotation that does not fit; notes of the other kinds report what the user asked for.
OUTCOME_BY_KIND: Mapping[NoteKind, str] = {
    "ill_formed_tag": "read by the conlleval convention; the result is learned and scored",
    "span_cuts_word": "widened to whole words; the result is learned and scored",
    "span_reversed": "dropped, neither learned nor scored",
    "span_outside_text": "dropped, neither learned nor scored",
    "span_without_word": "dropped, neither learned nor scored",
    "overlapping_span": "dropped, neither learned nor scored",
    "discontinuous_span": "read by the setting discontinuous; the result is learned and scored",
    "span_text_differs": "read by their offsets; the result is learned and scored",
    "row_skipped": "not read, neither learned nor scored",
}

ADVICE_ON_CUT_WORDS: Final = (
    "for scripts without spaces, such as Chinese, Japanese and Thai, or for names with particles, as in Korean, set "
    "word_splitter to CharacterSplitter"
)


def describe_kind(kind: NoteKind) -> str:
    """Return the kind of a note in readable form.

    >>> describe_kind("ill_formed_tag")
    'ill-formed tag'
    """
    return kind.replace("ill_formed", "ill-formed").replace("_", " ")


class CorpusError(ValueError):
    """Input cannot be read; the message is one line that names the file, the line and what is allowed."""


@dataclass(frozen=True, slots=True)
class ReadingNote:
    """One thing that a reader repaired or dropped.

    Args:
        split: The split that contains it.
        kind: The kind of problem.
        message: What was found and what the reader did about it, without file and line.
        path: The file; empty if the note is not about a file.
        line: The line in the file, counted from 1; 0 if the note is not about a line.
        sentence_id: The id of the sentence; empty if the note is not about a single sentence.
    """

    split: SplitName
    kind: NoteKind
    message: str
    path: str = ""
    line: int = 0
    sentence_id: str = ""

    def __str__(self) -> str:
        whole_file = f"{self.path} ({self.sentence_id})" if self.path and self.sentence_id else self.path
        place = f"{self.path}:{self.line}" if self.line else whole_file or self.split
        return f"{place}: {self.message}"


@dataclass(frozen=True, slots=True)
class Corpus:
    """The sentences of every split; a split that the corpus does not have is absent.

    Args:
        splits: Sentences by split.
        notes: Everything that was repaired or dropped by the reader, in the order of the files.
        scheme_evidence: For each split read from tags, a sentence that names the recognized scheme and the reason.
        word_splitter: The word splitter that split the texts into words; None if the corpus gives words.
    """

    splits: Mapping[SplitName, tuple[Sentence, ...]]
    notes: tuple[ReadingNote, ...] = ()
    scheme_evidence: Mapping[SplitName, str] | None = None
    word_splitter: WordSplitter | None = None

    def entity_types(self, split: SplitName) -> tuple[str, ...]:
        """Return the entity types that occur in a split, sorted."""
        return tuple(sorted(self.type_counts(split)))

    def type_counts(self, split: SplitName) -> Counter[str]:
        """Return the number of entities of each type in a split."""
        return Counter(e.entity_type for sentence in self.splits[split] for e in sentence.entities)

    def checksum(self) -> str:
        """Return the SHA-256 of the words and annotations of all splits; it does not depend on the file format."""
        digest = hashlib.sha256()
        for name in SPLIT_NAMES:
            for sentence in self.splits.get(name, ()):
                spans = [(e.start, e.end, e.entity_type) for e in sentence.entities]
                digest.update(json.dumps([name, sentence.words, spans]).encode())
                if sentence.unannotated:
                    digest.update(json.dumps(sentence.unannotated).encode())
        return digest.hexdigest()


class CorpusReader(ABC):
    """Reads a labeled corpus; tags become entity spans here and nowhere later."""

    @abstractmethod
    def read(self) -> Corpus:
        """Read all splits.

        Raises:
            CorpusError: If a file is missing, a split has no sentence, or a line cannot be read.
        """


class CorpusWriter(ABC):
    """Writes a corpus in one format."""

    @abstractmethod
    def write(self, corpus: Corpus, output_dir: str) -> list[str]:
        """Write every split into ``output_dir``.

        Returns:
            One sentence for each kind of information that the format cannot hold; empty if nothing was lost.
        """
