"""Decoders: the only place where logits become tags, and tags become entities with scores."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from ner_lightning.entities import EntitySpan
from ner_lightning.schemes import IGNORE_INDEX, TagSet
from ner_lightning.tags import Tag


class Decoder(ABC):
    """Chooses the tags of a sentence from its word logits, and scores the entities read from them."""

    @abstractmethod
    def tag_ids(
        self, logits: Float[Tensor, "batch words tags"], mask: Bool[Tensor, "batch words"], tags: TagSet
    ) -> Int[Tensor, "batch words"]:
        """The tag id of every word, -100 behind the last word of a sentence."""

    @abstractmethod
    def span_scores(
        self, logits: Float[Tensor, "words tags"], entities: Iterable[EntitySpan], tags: TagSet
    ) -> list[float]:
        """The probability of each entity of one sentence: in [0, 1], and comparable across schemes."""

    def entities(
        self, logits: Float[Tensor, "words tags"], tag_ids: Int[Tensor, " words"], tags: TagSet
    ) -> tuple[EntitySpan, ...]:
        """The entities that the tags of one sentence spell, read leniently, with their scores."""
        spans = tags.read(tag_ids.tolist())
        scores = self.span_scores(logits, spans, tags)
        return tuple(replace(span, score=score) for span, score in zip(spans, scores, strict=True))


@dataclass(frozen=True)
class ArgmaxDecoder(Decoder):
    """The most probable tag of every word, each word for itself."""

    def tag_ids(
        self, logits: Float[Tensor, "batch words tags"], mask: Bool[Tensor, "batch words"], tags: TagSet
    ) -> Int[Tensor, "batch words"]:
        if logits.shape[-1] != len(tags.tags):
            raise ValueError(f"logits must be over {len(tags.tags)} tags, got {logits.shape[-1]}")
        return logits.argmax(dim=-1).masked_fill(~mask, IGNORE_INDEX)

    def span_scores(
        self, logits: Float[Tensor, "words tags"], entities: Iterable[EntitySpan], tags: TagSet
    ) -> list[float]:
        """The probability of exactly each span, words taken as independent.

        It is the product of the probabilities of the tags that the scheme writes for the span, times
        1 - p(the entity goes on) on the neighbouring word at each border that the scheme does not mark
        (the end in BIO, both in IO).
        """
        probabilities = logits.double().softmax(dim=-1)
        return [_span_probability(probabilities, entity, tags) for entity in entities]


def _span_probability(probabilities: Float[Tensor, "words tags"], entity: EntitySpan, tags: TagSet) -> float:
    scheme, kind = tags.scheme, entity.entity_type

    def ids(prefixes: str) -> list[int]:
        return [tags.tag_ids[str(Tag(prefix, kind))] for prefix in prefixes]

    words = torch.arange(entity.start, entity.end, device=probabilities.device)
    probability = probabilities[words, ids(scheme.prefixes_of(len(entity)))].prod()
    if not scheme.marks_start and entity.start > 0:
        probability = probability * (1 - probabilities[entity.start - 1, ids(scheme.continue_from)].sum())
    if not scheme.marks_end and entity.end < len(probabilities):
        probability = probability * (1 - probabilities[entity.end, ids(scheme.continue_with)].sum())
    return min(max(probability.item(), 0.0), 1.0)
