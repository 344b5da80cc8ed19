"""The decoder of networks whose training scheme is unknown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray
from torch import Tensor

from ner_lightning.entities import EntitySpan
from ner_lightning.modeling.decoders import Decoder
from ner_lightning.modeling.linear_chain import Transitions
from ner_lightning.schemes import OUTSIDE_ID, TagSet


@dataclass(frozen=True)
class _LenientDecoder(Decoder):
    """The most probable tag of each word, for networks that may have learned IOB1 as well as BIO.

    The score of an entity is the probability that lenient reading finds exactly this span, whichever of the possible
    tags its words have. In IOB1, most entities begin with I, to which the score of the other decoders gives no weight.
    """

    def best_tags(
        self,
        logits: Float[Tensor, "batch words tags"],
        mask: Bool[Tensor, "batch words"],  # noqa: ARG002 (each word is independent)
        tags: TagSet,  # noqa: ARG002 (the same for any tags)
        transitions: Transitions | None,  # noqa: ARG002 (a network without a CRF has none)
    ) -> Int[Tensor, "batch words"]:
        return logits.argmax(dim=-1)

    def span_scores(
        self,
        logits: Float[Tensor, "batch words tags"],
        mask: Bool[Tensor, "batch words"],
        entities: Sequence[Sequence[EntitySpan]],
        tags: TagSet,
        transitions: Transitions | None,  # noqa: ARG002 (a network without a CRF has none)
    ) -> list[list[float]]:
        if not any(entities):
            return [[] for _ in entities]
        probabilities = logits.double().softmax(dim=-1).cpu().numpy()
        return [
            [_lenient_probability(row[:length], entity, tags) for entity in spans]
            for row, length, spans in zip(probabilities, mask.sum(dim=1).tolist(), entities, strict=True)
        ]


def _lenient_probability(probabilities: NDArray[np.float64], entity: EntitySpan, tags: TagSet) -> float:
    """Return the probability that independent words are read leniently as exactly this entity."""
    begins, continues = tags.begins["lenient"].numpy(), tags.continues["lenient"].numpy()
    is_of_type = np.array([tag.entity_type == entity.entity_type for tag in tags.parsed_tags])
    before = np.eye(len(is_of_type))[OUTSIDE_ID] if entity.start == 0 else probabilities[entity.start - 1]
    reached = (before @ begins) * probabilities[entity.start] * is_of_type
    for word in range(entity.start + 1, entity.end):
        reached = (reached @ continues) * probabilities[word]
    if entity.end < len(probabilities):
        reached = reached * (1 - continues @ probabilities[entity.end])
    return min(max(float(reached.sum()), 0.0), 1.0)


def lenient_decoder() -> Decoder:
    """Return the decoder of networks whose training scheme is unknown, which no config can name."""
    return _LenientDecoder()
