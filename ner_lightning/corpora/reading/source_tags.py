"""The meaning of the tags of a split: their standard spelling and their label scheme."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ner_lightning.corpora.reader import CorpusError, ReadingNote, SplitName
from ner_lightning.corpora.reading.raw_sentences import TaggedSentence
from ner_lightning.corpora.reading.tag_spelling import (
    MISSING_TAGS,
    TagSpelling,
    TagSpellingError,
    changes,
    respell,
)
from ner_lightning.entities import EntitySpan
from ner_lightning.scheme_detection import PREFIXES_BY_SCHEME, detect_scheme, ill_formed_positions
from ner_lightning.schemes import SourceScheme
from ner_lightning.tags import OUTSIDE, OUTSIDE_TAG, Tag, lenient_entities


@dataclass(frozen=True, slots=True)
class SourceTags:
    """The meaning of the tags of a split.

    Args:
        scheme: Their label scheme.
        standard: The standard spelling of every tag.
        parsed: Every tag in its standard spelling, parsed.
        unannotated: Tags that mark words that nobody annotated; their standard spelling is O.
        evidence: A sentence with the reasons for this scheme and spelling.
    """

    scheme: SourceScheme
    standard: Mapping[str, str]
    parsed: Mapping[str, Tag]
    unannotated: frozenset[str]
    evidence: str

    def tags_any(self, sentence: TaggedSentence) -> bool:
        """Return whether any word of the sentence is tagged as part of an entity."""
        return any(self.parsed[tag] is not OUTSIDE_TAG for tag in sentence.tags)

    def entities(self, sentence: TaggedSentence) -> tuple[EntitySpan, ...]:
        """Return the entities of a sentence by the conlleval convention, which is the same for every scheme."""
        return tuple(lenient_entities([self.parsed[tag] for tag in sentence.tags])) if self.tags_any(sentence) else ()

    def unannotated_words(self, sentence: TaggedSentence) -> tuple[int, ...]:
        """Return the positions of the words of a sentence that nobody annotated."""
        if not self.unannotated:
            return ()
        return tuple(position for position, tag in enumerate(sentence.tags) if tag in self.unannotated)

    def notes(self, sentence: TaggedSentence, split: SplitName, sentence_id: str) -> Iterator[ReadingNote]:
        """Yield a note for every tag that the scheme does not allow at its position."""
        if not self.tags_any(sentence):
            return
        tags = ["the start", *sentence.tags, "the end"]
        for position in ill_formed_positions([self.standard[tag] for tag in sentence.tags], self.scheme):
            before, tag, after = tags[position : position + 3]
            message = (
                f"{tag} between {before} and {after} is ill-formed in {self.scheme}, read by the conlleval convention"
            )
            line = sentence.lines[position]
            yield ReadingNote(split, "ill_formed_tag", message, sentence.path, line, sentence_id)


def understand_tags(
    sentences: Sequence[TaggedSentence], stated: SourceScheme | None, spelling: TagSpelling, hint: str = ""
) -> SourceTags:
    """Recognize spelling and scheme of the tags of a split.

    Args:
        sentences: All tagged sentences of the split.
        stated: The scheme that the user states; None recognizes it from the tags.
        spelling: The spelling, as far as the user states it.
        hint: The settings that choose the tags, for the error about a malformed tag.

    Raises:
        CorpusError: If a tag is malformed, or does not belong to the stated scheme.
    """
    counts = Counter(tag for sentence in sentences for tag in sentence.tags)
    unannotated = spelling.unannotated_tags(counts.keys())
    without_tag = unannotated | MISSING_TAGS & counts.keys()
    try:
        standard = respell({tag: count for tag, count in counts.items() if tag not in without_tag}, spelling)
    except TagSpellingError as error:
        advice = f"; {hint}" if hint and not error.is_joined else ""
        raise CorpusError(f"{_place(sentences, error.tag)}: {error}{advice}") from None
    has_outside = OUTSIDE in standard.values()
    standard |= dict.fromkeys(without_tag, OUTSIDE)
    parsed = {tag: Tag.parse(name) for tag, name in standard.items()}
    if stated is None:
        evidence = detect_scheme([standard[tag] for tag in sentence.tags] for sentence in sentences)
        scheme, reason = evidence.scheme, str(evidence)
    else:
        allowed = PREFIXES_BY_SCHEME[stated]
        for tag, name in standard.items():
            if name != OUTSIDE and name[0] not in allowed:
                raise CorpusError(
                    f"{_place(sentences, tag)}: scheme is {stated}, so tags must be O or begin with one of "
                    f"{' '.join(allowed)}, got {tag!r}; null recognizes the scheme"
                )
        scheme, reason = stated, f"{stated}: stated"
    respelled = changes({tag: name for tag, name in standard.items() if tag not in unannotated})
    reasons = [reason, respelled, _on_unannotated(unannotated, counts, has_outside)]
    return SourceTags(scheme, standard, parsed, unannotated, "; ".join(filter(None, reasons)))


def _on_unannotated(unannotated: Collection[str], counts: Mapping[str, int], has_outside: bool) -> str:
    """Return a clause about the words that nobody annotated, or an empty text."""
    if not unannotated:
        return ""
    number, tags = sum(counts[tag] for tag in unannotated), " or ".join(map(repr, sorted(unannotated)))
    clause = f"{number} words with the tag {tags} are not annotated, so neither learned nor scored"
    return clause if has_outside else f"{clause}; no word is tagged O: if {tags} means O, set tags.unannotated to []"


def _place(sentences: Sequence[TaggedSentence], tag: str) -> str:
    """Return file and line of the first occurrence of a tag."""
    return next(
        f"{sentence.path}:{line}"
        for sentence in sentences
        for candidate, line in zip(sentence.tags, sentence.lines, strict=True)
        if candidate == tag
    )
