"""Decoders: the only place where logits become tags and tags become scored entities."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray
from torch import Tensor

from ner_lightning.entities import EntitySpan
from ner_lightning.modeling.linear_chain import Chains, Transitions
from ner_lightning.schemes import IGNORE_INDEX, TagSet
from ner_lightning.tags import Tag


class Decoder(ABC):
    """Chooses the tags of sentences from their word logits. Entities and scores are then read the same way for all."""

    @abstractmethod
    def best_tags(
        self,
        logits: Float[Tensor, "batch words tags"],
        mask: Bool[Tensor, "batch words"],
        tags: TagSet,
        transitions: Transitions | None,
    ) -> Int[Tensor, "batch words"]:
        """Return the tag id of every word; values after the last word of a sentence are ignored."""

    def tag_ids(
        self,
        logits: Float[Tensor, "batch words tags"],
        mask: Bool[Tensor, "batch words"],
        tags: TagSet,
        transitions: Transitions | None = None,
    ) -> Int[Tensor, "batch words"]:
        """Return the tag id of every word, and -100 after the last word of a sentence.

        Args:
            logits: Word logits of sentences.
            mask: True on words, false on padding.
            tags: The tags of the logits.
            transitions: Transitions learned by a CRF; None for a model with an independent softmax per word.

        Raises:
            ValueError: If the number of logits differs from the number of tags.
        """
        if logits.shape[-1] != len(tags.tags):
            raise ValueError(f"logits must be over {len(tags.tags)} tags, got {logits.shape[-1]}")
        if not mask.any():
            return torch.full_like(mask, IGNORE_INDEX, dtype=torch.long)
        return self.best_tags(logits, mask, tags, transitions).masked_fill(~mask, IGNORE_INDEX)

    def entities(
        self,
        logits: Float[Tensor, "batch words tags"],
        tag_ids: Int[Tensor, "batch words"],
        tags: TagSet,
        transitions: Transitions | None = None,
    ) -> list[tuple[EntitySpan, ...]]:
        """Read the entities of each sentence leniently from its tags, and score them."""
        rows = [tags.read([tag_id for tag_id in row if tag_id != IGNORE_INDEX]) for row in tag_ids.tolist()]
        scores = self.span_scores(logits, tag_ids != IGNORE_INDEX, rows, tags, transitions)
        return [
            tuple(replace(span, score=score) for span, score in zip(spans, row, strict=True))
            for spans, row in zip(rows, scores, strict=True)
        ]

    def span_scores(
        self,
        logits: Float[Tensor, "batch words tags"],
        mask: Bool[Tensor, "batch words"],
        entities: Sequence[Sequence[EntitySpan]],
        tags: TagSet,
        transitions: Transitions | None,
    ) -> list[list[float]]:
        """Return the probability of each entity; see :func:`span_scores`."""
        return span_scores(logits, mask, entities, tags, transitions)


@dataclass(frozen=True)
class ArgmaxDecoder(Decoder):
    """The most probable tag of each word independently; with a CRF, the tag of the highest marginal probability."""

    def best_tags(
        self,
        logits: Float[Tensor, "batch words tags"],
        mask: Bool[Tensor, "batch words"],
        tags: TagSet,  # noqa: ARG002 (the same for any tags)
        transitions: Transitions | None,
    ) -> Int[Tensor, "batch words"]:
        scores = logits if transitions is None else Chains.of(logits, mask, transitions).log_marginals
        return scores.argmax(dim=-1)


@dataclass(frozen=True)
class ViterbiDecoder(Decoder):
    """The most probable sequence of tags that the scheme allows (Viterbi 1967), with or without a CRF."""

    def best_tags(
        self,
        logits: Float[Tensor, "batch words tags"],
        mask: Bool[Tensor, "batch words"],
        tags: TagSet,
        transitions: Transitions | None,
    ) -> Int[Tensor, "batch words"]:
        # the transitions of a CRF already forbid what the scheme does not allow
        return Chains.of(logits, mask, transitions or Transitions.allowed_by(tags)).best_paths()


@torch.no_grad()
def span_scores(
    logits: Float[Tensor, "batch words tags"],
    mask: Bool[Tensor, "batch words"],
    entities: Sequence[Sequence[EntitySpan]],
    tags: TagSet,
    transitions: Transitions | None = None,
) -> list[list[float]]:
    """Return the probability in [0, 1] that exactly this span is an entity of this type, comparable across schemes.

    It is the probability that the words have the tags that the scheme writes for the entity, and that the entity does
    not continue past a border that the scheme does not mark (the end in BIO, both ends in IO). Without a CRF, words
    are treated as independent: the score is the product of the tags' probabilities, times 1 - p(the entity continues)
    on the neighboring words. With a CRF, it is the marginal probability of the same event, from forward and backward
    scores.
    """
    if not any(entities):
        return [[] for _ in entities]
    precise = logits.double()
    if transitions is None:
        probabilities = precise.softmax(dim=-1).cpu().numpy()
        lengths = mask.sum(dim=1).tolist()
        return [
            [_independent_probability(row[:length], entity, tags) for entity in spans]
            for row, length, spans in zip(probabilities, lengths, entities, strict=True)
        ]
    marginals = _ChainMarginals(Chains.of(precise, mask, transitions))
    return [[marginals.probability(row, entity, tags) for entity in spans] for row, spans in enumerate(entities)]


def _independent_probability(probabilities: NDArray[np.float64], entity: EntitySpan, tags: TagSet) -> float:
    scheme = tags.scheme
    written = _ids(tags, scheme.prefixes_of(len(entity)), entity)
    probability = probabilities[range(entity.start, entity.end), written].prod()
    if not scheme.marks_start and entity.start > 0:
        probability *= 1 - probabilities[entity.start - 1, _ids(tags, scheme.continue_from, entity)].sum()
    if not scheme.marks_end and entity.end < len(probabilities):
        probability *= 1 - probabilities[entity.end, _ids(tags, scheme.continue_with, entity)].sum()
    return min(max(float(probability), 0.0), 1.0)


class _ChainMarginals:
    """Probabilities of spans in a batch of chains."""

    def __init__(self, chains: Chains) -> None:
        self.emissions = chains.emissions.cpu().numpy()
        self.inner = chains.inner.cpu().numpy()
        self.forward = chains.forward_scores.cpu().numpy()
        self.backward = chains.backward_scores.cpu().numpy()
        self.log_partition = chains.log_partition.cpu().numpy()
        self.lengths = chains.mask.sum(dim=1).tolist()

    def probability(self, row: int, entity: EntitySpan, tags: TagSet) -> float:
        scheme, emissions = tags.scheme, self.emissions[row]
        written = _ids(tags, scheme.prefixes_of(len(entity)), entity)
        first, last = entity.start, entity.end - 1
        begun = self.forward[row, first, written[0]]
        if not scheme.marks_start and first > 0:
            before = self.forward[row, first - 1] + self.inner[:, written[0]]
            before[_ids(tags, scheme.continue_from, entity)] = -np.inf
            begun = np.logaddexp.reduce(before) + emissions[first, written[0]]
        ended = self.backward[row, last, written[-1]]
        if not scheme.marks_end and entity.end < self.lengths[row]:
            after = self.inner[written[-1]] + emissions[entity.end] + self.backward[row, entity.end]
            after[_ids(tags, scheme.continue_with, entity)] = -np.inf
            ended = np.logaddexp.reduce(after)
        moved = self.inner[written[:-1], written[1:]].sum() + emissions[range(first + 1, entity.end), written[1:]].sum()
        return min(max(float(np.exp(begun + moved + ended - self.log_partition[row])), 0.0), 1.0)


def _ids(tags: TagSet, prefixes: Iterable[str], entity: EntitySpan) -> list[int]:
    return [tags.tag_ids[str(Tag(prefix, entity.entity_type))] for prefix in prefixes]
