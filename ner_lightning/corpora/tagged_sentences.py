"""A sentence as a file holds it, one tag per word, and how the sentences of a file become entities."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ner_lightning.corpora.reader import CorpusError, ReadingNote, SplitName
from ner_lightning.scheme_detection import detect_scheme, ill_formed_positions, prefixes_of_source
from ner_lightning.schemes import SourceScheme
from ner_lightning.sentences import Sentence
from ner_lightning.tags import OUTSIDE, Tag, entities_of


@dataclass(frozen=True, slots=True)
class TaggedSentence:
    """Words and tags as read, before the scheme of the file is known.

    Args:
        words: The words.
        tags: One for each word, not checked yet.
        lines: The line of each word in its file.
        id: Name of the sentence; empty where the file gives none.
        document_id: Name of its document, where the file tells.
    """

    words: Sequence[str]
    tags: Sequence[str]
    lines: Sequence[int]
    id: str = ""
    document_id: str | None = None

    @property
    def has_entities(self) -> bool:
        return any(tag != OUTSIDE for tag in self.tags)

    def to_sentence(self) -> Sentence:
        """Read the entities by the conlleval convention, which is the same for every scheme."""
        entities = tuple(entities_of(self.tags)) if self.has_entities else ()
        return Sentence(tuple(self.words), entities, self.id, self.document_id)


def recognise_scheme(
    sentences: Sequence[TaggedSentence], stated: SourceScheme | None, path: str
) -> tuple[SourceScheme, str]:
    """The scheme of a file's tags, and a sentence on how it is known.

    Args:
        sentences: All tagged sentences of the file.
        stated: The scheme that the user says the tags are in; None recognises it.
        path: The file, for messages.

    Raises:
        CorpusError: If a tag is malformed, or none of the stated scheme.
    """
    require_tags(sentences, stated, path)
    if stated is not None:
        return stated, f"{stated}: stated"
    evidence = detect_scheme(sentence.tags for sentence in sentences if sentence.has_entities)
    return evidence.scheme, str(evidence)


def require_tags(sentences: Sequence[TaggedSentence], stated: SourceScheme | None, path: str) -> None:
    """Check that every tag is one, and one of the stated scheme.

    Raises:
        CorpusError: With file and line of the first that isn't.
    """
    checked = set()
    for sentence in sentences:
        for tag, line in zip(sentence.tags, sentence.lines, strict=True):
            if tag in checked:
                continue
            checked.add(tag)
            try:
                Tag.parse(tag)
            except ValueError as error:
                raise CorpusError(f"{path}:{line}: {error}") from None
            if stated and tag != OUTSIDE and tag[0] not in prefixes_of_source(stated):
                allowed = " ".join(prefixes_of_source(stated))
                raise CorpusError(
                    f"{path}:{line}: the scheme is stated as {stated}, whose tags are O or begin with one of "
                    f"{allowed}, got {tag!r}"
                )


def ill_formed_notes(
    sentences: Sequence[TaggedSentence], scheme: SourceScheme, split: SplitName, path: str
) -> Iterator[ReadingNote]:
    """A note for every tag that the scheme does not allow where it stands."""
    for sentence in sentences:
        if not sentence.has_entities:
            continue
        tags = ["the start", *sentence.tags, "the end"]
        for position in ill_formed_positions(sentence.tags, scheme):
            before, tag, after = tags[position : position + 3]
            place = f"{tag} between {before} and {after}"
            message = f"{place} is ill-formed in {scheme}, read by the conlleval convention"
            yield ReadingNote(split, "ill_formed_tag", message, path, sentence.lines[position])
