"""Counts of matched spans, and the scores that follow from them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from ner_lightning.entities import EntitySpan
from ner_lightning.schemes import Reading, TagSet


@dataclass(frozen=True, slots=True)
class SpanCounts:
    """Spans matched, predicted and annotated; counts add up, scores are derived."""

    matched: int = 0
    predicted: int = 0
    gold: int = 0

    @classmethod
    def of(cls, predicted: Iterable[EntitySpan], gold: Iterable[EntitySpan]) -> SpanCounts:
        """Count one sentence; a span matches when boundaries and type are equal."""
        predicted_set, gold_set = set(predicted), set(gold)
        return cls(len(predicted_set & gold_set), len(predicted_set), len(gold_set))

    def __add__(self, other: SpanCounts) -> SpanCounts:
        return SpanCounts(
            self.matched + other.matched, self.predicted + other.predicted, self.gold + other.gold
        )

    @property
    def precision(self) -> float:
        return self.matched / self.predicted if self.predicted else 0.0

    @property
    def recall(self) -> float:
        return self.matched / self.gold if self.gold else 0.0

    @property
    def f1(self) -> float:
        return 2 * self.matched / (self.predicted + self.gold) if self.predicted + self.gold else 0.0


def count_matches(
    predicted: Int[Tensor, "batch words"],
    gold: Int[Tensor, "batch words"],
    predicted_tags: TagSet,
    gold_tags: TagSet,
    reading: Reading,
) -> Int[Tensor, "types 3"]:
    """Matched, predicted and gold spans of every entity type, counted without a loop over words.

    Args:
        predicted: Tag ids in ``predicted_tags``; rows are sentences, negative ids their padding.
        gold: Tag ids in ``gold_tags``, whose entity types begin with those of ``predicted_tags``.
        predicted_tags: The scheme and types of the predictions.
        gold_tags: The scheme and types of the annotation; it may know types that cannot be predicted.
        reading: How both are read.
    """
    num_types = len(gold_tags.entity_types)
    starts, ends, types = _spans(predicted, predicted_tags, reading)
    gold_starts, gold_ends, gold_types = _spans(gold, gold_tags, reading)
    gold_end_and_type = torch.full((2, gold.numel() + len(gold)), -1, device=gold.device)
    gold_end_and_type[:, gold_starts] = torch.stack([gold_ends, gold_types])
    matched = (gold_end_and_type[:, starts] == torch.stack([ends, types])).all(dim=0)
    return torch.stack(
        [torch.bincount(kinds, minlength=num_types) for kinds in (types[matched], types, gold_types)], dim=1
    )


def _spans(
    tag_ids: Int[Tensor, "batch words"], tags: TagSet, reading: Reading
) -> tuple[Int[Tensor, " spans"], Int[Tensor, " spans"], Int[Tensor, " spans"]]:
    """Starts, ends and types of all spans.

    Positions are those of the rows laid end to end with an ``O`` behind each, so that no span crosses a
    sentence and equal spans of different sentences stay apart.
    """
    device = tag_ids.device
    flat = torch.nn.functional.pad(tag_ids.clamp(min=0), (0, 1)).flatten()
    previous = torch.nn.functional.pad(flat[:-1], (1, 0))
    pair = previous * len(tags.tags) + flat  # one index into the tables below
    starts = tags.begins[reading].to(device).flatten()[pair].nonzero().squeeze(1)
    stops_here = ~tags.continues[reading].to(device).flatten()[pair]
    num_stops_up_to = stops_here.cumsum(dim=0)
    ends = stops_here.nonzero().squeeze(1)[num_stops_up_to[starts]]  # the first stop behind each start
    complete = tags.ends[reading].to(device)[flat[ends - 1]]
    starts, ends = starts[complete], ends[complete]
    type_ids = [0, *(tags.entity_types.index(tag.entity_type) for tag in tags.parsed_tags[1:])]
    return starts, ends, torch.tensor(type_ids, device=device)[flat[starts]]


def count_ill_formed(tag_ids: Int[Tensor, "batch words"], tags: TagSet) -> int:
    """How many sentences hold a tag that the scheme does not allow where it stands."""
    framed = torch.nn.functional.pad(tag_ids.clamp(min=0), (1, 1))
    allowed = tags.allowed.to(tag_ids.device)[framed[:, :-1], framed[:, 1:]]
    return int((~allowed).any(dim=1).sum())
