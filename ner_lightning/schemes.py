"""Label schemes: entities are written as one tag per word, and tags are read back as entities."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Literal

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from ner_lightning.entities import EntitySpan
from ner_lightning.serialization import typed
from ner_lightning.tags import OUTSIDE, OUTSIDE_TAG, Tag, begins_leniently, lenient_entities

IGNORE_INDEX = -100  # the label of a position without a tag to learn
OUTSIDE_ID = 0  # the id of O in every TagSet
Reading = Literal["lenient", "strict"]
SourceScheme = Literal["IO", "IOB1", "BIO", "IOE1", "IOE2", "BIOES", "BILOU", "BMES", "BMEWO"]


class LabelScheme(ABC):
    """A convention for tagging the words of an entity. Stateless: a scheme knows no entity types."""

    prefixes: ClassVar[str]
    can_begin: ClassVar[str]
    can_end: ClassVar[str]
    continue_from: ClassVar[str]
    continue_with: ClassVar[str]

    @abstractmethod
    def prefixes_of(self, length: int) -> str:
        """Return the prefixes of an entity of ``length`` words, one character per word."""

    @abstractmethod
    def continuing_prefix(self, prefix: str) -> str:
        """Return the prefix of the second and later subwords of a word whose first subword has ``prefix``."""

    @property
    def name(self) -> str:
        return type(self).__name__

    @property
    def marks_start(self) -> bool:
        """True if the prefix of an entity's first word differs from the prefixes of its later words."""
        return not set(self.can_begin) & set(self.continue_with)

    @property
    def marks_end(self) -> bool:
        """True if the prefix of an entity's last word differs from the prefixes of its earlier words."""
        return not set(self.can_end) & set(self.continue_from)

    def continues(self, previous: Tag, tag: Tag) -> bool:
        """Return whether ``tag`` continues the entity of ``previous``."""
        return (
            previous.prefix in self.continue_from
            and tag.prefix in self.continue_with
            and previous.entity_type == tag.entity_type
        )

    def allows(self, previous: Tag, tag: Tag) -> bool:
        """Return whether ``tag`` may follow ``previous``; an ``O`` is assumed before and after each sentence."""
        closed = previous == OUTSIDE_TAG or previous.prefix in self.can_end
        opens = tag == OUTSIDE_TAG or tag.prefix in self.can_begin
        return self.continues(previous, tag) or (closed and opens)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other)

    def __hash__(self) -> int:
        return hash(type(self))

    def __repr__(self) -> str:
        return f"{self.name}()"


class IO(LabelScheme):
    """``I`` for every word of an entity; adjacent entities of the same type merge."""

    prefixes = can_begin = can_end = continue_from = continue_with = "I"

    def prefixes_of(self, length: int) -> str:
        return "I" * length

    def continuing_prefix(self, prefix: str) -> str:
        return prefix


class BIO(LabelScheme):
    """``B`` opens an entity and ``I`` continues it (also called IOB2)."""

    prefixes = can_end = continue_from = "BI"
    can_begin, continue_with = "B", "I"

    def prefixes_of(self, length: int) -> str:
        return "B" + "I" * (length - 1)

    def continuing_prefix(self, prefix: str) -> str:
        return OUTSIDE if prefix == OUTSIDE else "I"


class BIOES(LabelScheme):
    """BIO, with ``E`` for the last word and ``S`` for an entity of one word (also called BILOU)."""

    prefixes = "BIES"
    can_begin, can_end, continue_from, continue_with = "BS", "ES", "BI", "IE"

    def prefixes_of(self, length: int) -> str:
        return "S" if length == 1 else "B" + "I" * (length - 2) + "E"

    def continuing_prefix(self, prefix: str) -> str:
        return {"B": "I", "S": "E"}.get(prefix, prefix)


@dataclass(frozen=True)
class TagSet:
    """All tags of a scheme for a list of entity types; a tag's id is its position, and ``O`` is 0.

    Args:
        scheme: The label scheme.
        entity_types: Distinct entity types, in the order of their tag ids.
    """

    scheme: LabelScheme
    entity_types: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(set(self.entity_types)) != len(self.entity_types):
            raise ValueError(f"entity types must be distinct, got {list(self.entity_types)}")

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> TagSet:
        """Rebuild a tag set from the result of :meth:`to_plain`.

        Raises:
            ValueError: If no scheme of that name is known, or it is not a tag set.
        """
        return typed(plain, cls)

    def to_plain(self) -> dict[str, Any]:
        """Return the tag set as plain data for JSON."""
        return {"scheme": self.scheme.name, "entity_types": list(self.entity_types)}

    @cached_property
    def parsed_tags(self) -> tuple[Tag, ...]:
        return (OUTSIDE_TAG, *(Tag(p, kind) for kind in self.entity_types for p in self.scheme.prefixes))

    @cached_property
    def tags(self) -> tuple[str, ...]:
        return tuple(str(tag) for tag in self.parsed_tags)

    @cached_property
    def tag_ids(self) -> dict[str, int]:
        return {tag: tag_id for tag_id, tag in enumerate(self.tags)}

    @cached_property
    def continuing_ids(self) -> tuple[int, ...]:
        """For every tag id, the id of the later subwords of a word with that tag."""
        return tuple(
            self.tag_ids[str(Tag(self.scheme.continuing_prefix(tag.prefix), tag.entity_type))]
            for tag in self.parsed_tags
        )

    @cached_property
    def type_ids(self) -> Int[Tensor, " tags"]:
        """For every tag id, the index of its entity type; 0 for ``O`` too."""
        return torch.tensor([0, *(self.entity_types.index(tag.entity_type) for tag in self.parsed_tags[1:])])

    def write(self, entities: Iterable[EntitySpan], num_words: int) -> list[int]:
        """Return the tag ids of a sentence.

        Raises:
            ValueError: If an entity has an unknown type, ends after the sentence, or overlaps another entity.
        """
        ids = [0] * num_words
        for entity in entities:
            if entity.entity_type not in self.entity_types:
                raise ValueError(f"unknown entity type in {entity}; known types: {list(self.entity_types)}")
            if entity.end > num_words:
                raise ValueError(f"{entity} ends after the last of {num_words} words")
            if any(ids[entity.start : entity.end]):
                raise ValueError(f"{entity} overlaps another entity; tags can only write flat entities")
            for position, prefix in enumerate(self.scheme.prefixes_of(len(entity)), entity.start):
                ids[position] = self.tag_ids[f"{prefix}-{entity.entity_type}"]
        return ids

    def read(self, tag_ids: Iterable[int], reading: Reading = "lenient") -> list[EntitySpan]:
        """Return the entities of a sentence.

        The lenient reading is conlleval's convention and seqeval's default. The strict reading accepts only what
        the scheme could have written (seqeval's ``mode="strict"``).
        """
        tags = [self.parsed_tags[tag_id] for tag_id in tag_ids]
        if reading == "lenient":
            return lenient_entities(tags)
        entities, start = [], None
        for position, (previous, tag) in enumerate(zip([OUTSIDE_TAG, *tags], [*tags, OUTSIDE_TAG], strict=True)):
            if self.scheme.continues(previous, tag):
                continue
            if start is not None and previous.prefix in self.scheme.can_end:
                entities.append(EntitySpan(start, position, previous.entity_type))
            start = position if tag.prefix in self.scheme.can_begin else None
        return entities

    @cached_property
    def allowed(self) -> Bool[Tensor, "tags tags"]:
        """True where the tag of the column may follow the tag of the row; ``O`` surrounds a sentence."""
        return self._table(self.scheme.allows)

    @cached_property
    def begins(self) -> dict[Reading, Bool[Tensor, "tags tags"]]:
        """True where the tag of the column begins an entity if it follows the tag of the row."""
        return {
            "lenient": self._table(begins_leniently),
            "strict": self._table(
                lambda previous, tag: tag.prefix in self.scheme.can_begin and not self.scheme.continues(previous, tag)
            ),
        }

    @cached_property
    def continues(self) -> dict[Reading, Bool[Tensor, "tags tags"]]:
        """True where the tag of the column continues the entity of the row."""
        return {
            "lenient": self._table(lambda previous, tag: tag != OUTSIDE_TAG and not begins_leniently(previous, tag)),
            "strict": self._table(self.scheme.continues),
        }

    @cached_property
    def ends(self) -> dict[Reading, Bool[Tensor, " tags"]]:
        """True where an entity may end with this tag."""
        in_entity = [tag != OUTSIDE_TAG for tag in self.parsed_tags]
        can_end = [tag.prefix in self.scheme.can_end for tag in self.parsed_tags]
        return {"lenient": torch.tensor(in_entity), "strict": torch.tensor(can_end)}

    def _table(self, holds: Any) -> Bool[Tensor, "tags tags"]:
        return torch.tensor([[holds(previous, tag) for tag in self.parsed_tags] for previous in self.parsed_tags])
