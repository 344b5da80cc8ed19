"""Strict reading of a predictions file: only tag sequences that the label scheme allows count as entities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from ner_lightning.predictions import PredictedSentence
from ner_lightning.scheme_detection import SCHEME_BY_SOURCE, detect_scheme
from ner_lightning.schemes import LabelScheme, TagSet
from ner_lightning.tags import OUTSIDE_TAG, Tag


@dataclass(frozen=True, slots=True)
class StrictReading:
    """The result of reading predicted tags strictly.

    Args:
        scheme: The label scheme of the tags.
        sentences: The sentences, with the entities that strict reading finds as the predicted ones.
        ill_formed: The share of sentences with a tag that the scheme does not allow in its position.
        contradicting: Number of sentences whose predicted entities differ from those that their tags spell leniently.
    """

    scheme: LabelScheme
    sentences: tuple[PredictedSentence, ...]
    ill_formed: float
    contradicting: int


def read_strictly(sentences: Sequence[PredictedSentence], scheme: LabelScheme) -> StrictReading:
    """Read the predicted tags strictly; gold entities stay unchanged.

    Raises:
        ValueError: If a sentence has no predicted tags, or a tag that the scheme does not have.
    """
    rows = [_parsed(sentence, scheme) for sentence in sentences]
    types = {tag.entity_type for row in rows for tag in row} - {OUTSIDE_TAG.entity_type}
    tags = TagSet(scheme, tuple(sorted(types)))
    ids = [[tags.tag_ids[str(tag)] for tag in row] for row in rows]
    read = tuple(
        replace(sentence, predicted=tuple(tags.read(row, "strict")))
        for sentence, row in zip(sentences, ids, strict=True)
    )
    contradicting = sum(
        set(tags.read(row)) != set(sentence.predicted) for sentence, row in zip(sentences, ids, strict=True)
    )
    ill_formed = sum(
        not all(scheme.allows(previous, tag) for previous, tag in pairwise([OUTSIDE_TAG, *row, OUTSIDE_TAG]))
        for row in rows
    )
    return StrictReading(scheme, read, ill_formed / max(len(sentences), 1), contradicting)


def recognized_scheme(sentences: Sequence[PredictedSentence]) -> LabelScheme | None:
    """Return the scheme that the predicted tags follow, or None if it is unclear or a sentence has no tags.

    Raises:
        ValueError: If a tag is malformed.
    """
    rows = [sentence.predicted_tags for sentence in sentences if sentence.predicted_tags is not None]
    if len(rows) < len(sentences):
        return None
    evidence = detect_scheme(rows)
    possible = {SCHEME_BY_SOURCE.get(source) for source in (evidence.scheme, *evidence.also_possible)}
    return possible.pop() if len(possible) == 1 else None


def _parsed(sentence: PredictedSentence, scheme: LabelScheme) -> list[Tag]:
    if sentence.predicted_tags is None:
        raise ValueError(f"strict scores need predicted tags, sentence {sentence.id!r} has none")
    tags = [Tag.parse(tag) for tag in sentence.predicted_tags]
    unknown = [tag for tag in tags if tag != OUTSIDE_TAG and tag.prefix not in scheme.prefixes]
    if unknown:
        rule = f"a tag of {scheme.name} must be O or begin with {', '.join(scheme.prefixes)}"
        raise ValueError(f"{rule}, sentence {sentence.id!r} has {unknown[0]}")
    return tags
