"""The tags of a file: checked, their label scheme recognized, and ill-formed sequences noted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ner_lightning.corpora.reader import CorpusError, ReadingNote, SplitName
from ner_lightning.corpora.reading.raw_sentences import TaggedSentence
from ner_lightning.scheme_detection import detect_scheme, ill_formed_positions, prefixes_of_source
from ner_lightning.schemes import SourceScheme
from ner_lightning.tags import OUTSIDE, Tag


def recognize_scheme(sentences: Sequence[TaggedSentence], stated: SourceScheme | None) -> tuple[SourceScheme, str]:
    """Return the scheme of the tags, and a sentence that says how it is known.

    Args:
        sentences: All tagged sentences of a split.
        stated: The scheme that the user states; None recognizes it from the tags.

    Raises:
        CorpusError: If a tag is malformed, or does not belong to the stated scheme.
    """
    require_tags(sentences, stated)
    if stated is not None:
        return stated, f"{stated}: stated"
    evidence = detect_scheme(sentence.tags for sentence in sentences)
    return evidence.scheme, str(evidence)


def require_tags(sentences: Sequence[TaggedSentence], stated: SourceScheme | None) -> None:
    """Check that every tag is well-formed and belongs to the stated scheme.

    Raises:
        CorpusError: If a tag is not; the message names file and line of the first one.
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
                raise CorpusError(f"{sentence.path}:{line}: {error}") from None
            if stated and tag != OUTSIDE and tag[0] not in prefixes_of_source(stated):
                allowed = " ".join(prefixes_of_source(stated))
                raise CorpusError(
                    f"{sentence.path}:{line}: scheme is {stated}, so tags must be O or begin with one of "
                    f"{allowed}, got {tag!r}"
                )


def ill_formed_notes(sentence: TaggedSentence, scheme: SourceScheme, split: SplitName) -> Iterator[ReadingNote]:
    """Yield a note for every tag that the scheme does not allow at its position."""
    tags = ["the start", *sentence.tags, "the end"]
    for position in ill_formed_positions(sentence.tags, scheme):
        before, tag, after = tags[position : position + 3]
        message = f"{tag} between {before} and {after} is ill-formed in {scheme}, read by the conlleval convention"
        yield ReadingNote(split, "ill_formed_tag", message, sentence.path, sentence.lines[position])
