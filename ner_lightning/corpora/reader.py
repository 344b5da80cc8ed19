"""What every corpus reader returns: sentences by split, and a note for everything that it mended or dropped."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from ner_lightning.sentences import Sentence

SplitName = Literal["train", "validation", "test"]
SPLIT_NAMES: tuple[SplitName, ...] = ("train", "validation", "test")

NoteKind = Literal[
    "ill_formed_tag",
    "span_cuts_word",
    "span_reversed",
    "span_outside_text",
    "span_without_word",
    "overlapping_span",
    "type_dropped",
    "type_renamed",
]

# What becomes of annotations that do not fit; the other kinds of notes are what the user asked for.
OUTCOME_BY_KIND: Mapping[NoteKind, str] = {
    "ill_formed_tag": "read by the conlleval convention, and so learned and scored",
    "span_cuts_word": "widened to whole words, and so learned and scored",
    "span_reversed": "dropped, neither learned nor scored",
    "span_outside_text": "dropped, neither learned nor scored",
    "span_without_word": "dropped, neither learned nor scored",
    "overlapping_span": "dropped, neither learned nor scored",
}


def describe_kind(kind: NoteKind) -> str:
    """The kind of a note as a reader reads it.

    >>> describe_kind("ill_formed_tag")
    'ill-formed tag'
    """
    return kind.replace("ill_formed", "ill-formed").replace("_", " ")


class CorpusError(ValueError):
    """Input that cannot be read; the message is one line that names the file, the line and what is allowed."""


@dataclass(frozen=True, slots=True)
class ReadingNote:
    """One thing that a reader mended or dropped.

    Args:
        split: The split that it was found in.
        kind: What it is.
        message: What was found and what was done about it, without the place.
        path: The file; empty where there is none.
        line: Its line in the file, counted from 1; 0 where there is none.
    """

    split: SplitName
    kind: NoteKind
    message: str
    path: str = ""
    line: int = 0

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}" if self.path else self.split
        return f"{place}: {self.message}"


@dataclass(frozen=True, slots=True)
class Corpus:
    """The sentences of every split; a split that the corpus does not have is absent.

    Args:
        splits: Sentences by split.
        notes: All that was mended or dropped on the way, in order of the files.
        scheme_evidence: For each split read from tags, a sentence that says which scheme was recognised, and why.
    """

    splits: Mapping[SplitName, tuple[Sentence, ...]]
    notes: tuple[ReadingNote, ...] = ()
    scheme_evidence: Mapping[SplitName, str] | None = None

    def entity_types(self, split: SplitName) -> tuple[str, ...]:
        """The entity types that occur in a split, sorted."""
        return tuple(sorted(self.type_counts(split)))

    def type_counts(self, split: SplitName) -> Counter[str]:
        """How often each entity type occurs in a split."""
        return Counter(e.entity_type for sentence in self.splits[split] for e in sentence.entities)

    def checksum(self) -> str:
        """SHA-256 over the words and entities of all splits: equal corpora from different formats agree."""
        digest = hashlib.sha256()
        for name in SPLIT_NAMES:
            for sentence in self.splits.get(name, ()):
                spans = [(e.start, e.end, e.entity_type) for e in sentence.entities]
                digest.update(json.dumps([name, sentence.words, spans]).encode())
        return digest.hexdigest()


class CorpusReader(ABC):
    """Reads a labelled corpus; tags become entity spans here and nowhere later."""

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
            What the format cannot hold, a sentence each; empty where nothing was lost.
        """


def require_sentences(sentences: Iterable[Sentence], split: SplitName, source: str) -> tuple[Sentence, ...]:
    """The sentences as a tuple.

    Raises:
        CorpusError: If there is none.
    """
    kept = tuple(sentences)
    if not kept:
        raise CorpusError(f"{source}: the {split} split must hold at least one sentence, got none")
    return kept
