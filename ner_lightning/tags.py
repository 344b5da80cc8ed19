"""Tags split into prefix and type, and the convention that reads entities from tags of any scheme."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ner_lightning.entities import EntitySpan

OUTSIDE = "O"
PREFIX_BY_ALIAS = {"L": "E", "U": "S", "M": "I", "W": "S"}  # BILOU, BMES and BMEWO, read as BIOES


class Tag(NamedTuple):
    """A tag, split into prefix and entity type; the type of ``O`` is empty."""

    prefix: str
    entity_type: str

    @classmethod
    def parse(cls, text: str) -> Tag:
        """Split ``B-PER``; the prefixes of BILOU, BMES and BMEWO become those of BIOES.

        Raises:
            ValueError: If the text is neither ``O`` nor a known prefix, a hyphen and an entity type.
        """
        if text == OUTSIDE:
            return OUTSIDE_TAG
        prefix, hyphen, entity_type = text.partition("-")
        prefix = PREFIX_BY_ALIAS.get(prefix, prefix)
        if prefix not in {"B", "I", "E", "S"} or not hyphen or not entity_type:
            raise ValueError(f"a tag must be O, or one of B I E S L U M W, a hyphen and a type, got {text!r}")
        return cls(prefix, entity_type)

    def __str__(self) -> str:
        return f"{self.prefix}-{self.entity_type}" if self.entity_type else self.prefix


OUTSIDE_TAG = Tag(OUTSIDE, "")


def begins_leniently(previous: Tag, tag: Tag) -> bool:
    """Return whether ``tag`` begins an entity by the conlleval convention, which is the same for every scheme."""
    return tag != OUTSIDE_TAG and (
        tag.prefix in "BS" or previous.prefix in "OES" or previous.entity_type != tag.entity_type
    )


def entities_of(tags: Iterable[str]) -> list[EntitySpan]:
    """Read the entities of one sentence, tagged in any scheme.

    An entity ends where the tags say so or where the type changes; ill-formed sequences are repaired
    rather than dropped (the conlleval convention).

    >>> [(entity.start, entity.end) for entity in entities_of(["I-PER", "E-PER", "B-PER", "O"])]
    [(0, 2), (2, 3)]
    """
    return lenient_entities([Tag.parse(tag) for tag in tags])


def lenient_entities(tags: Sequence[Tag]) -> list[EntitySpan]:
    """Read the entities of one sentence from tags that are already parsed."""
    entities: list[EntitySpan] = []
    start, previous = 0, OUTSIDE_TAG
    for position, tag in enumerate([*tags, OUTSIDE_TAG]):
        begins = begins_leniently(previous, tag)
        if previous != OUTSIDE_TAG and (begins or tag == OUTSIDE_TAG):
            entities.append(EntitySpan(start, position, previous.entity_type))
        if begins:
            start = position
        previous = tag
    return entities
