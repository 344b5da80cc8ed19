"""Repeat factors: how many times a training sentence is used per epoch, by its rarest entity type."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from math import sqrt

from ner_lightning.sentences import Sentence


def repeat_factors(sentences: Sequence[Sentence], threshold: float) -> dict[str, float]:
    """Return the factor of every entity type: ``max(1, sqrt(threshold / share))`` (Gupta et al. 2019, section 5).

    Args:
        sentences: The training split.
        threshold: Types that occur in at least this share of the sentences are not repeated.

    Raises:
        ValueError: If the threshold is not above 0 and at most 1.

    >>> from ner_lightning.entities import EntitySpan
    >>> repeat_factors([Sentence(("Oslo",), (EntitySpan(0, 1, "LOC"),)), *[Sentence(("It", "rains"))] * 15], 0.25)
    {'LOC': 2.0}
    """
    if not 0 < threshold <= 1:
        raise ValueError(f"repeat_threshold must be above 0 and at most 1, got {threshold}")
    holding = Counter(kind for sentence in sentences for kind in {e.entity_type for e in sentence.entities})
    return {kind: max(1.0, sqrt(threshold * len(sentences) / holding[kind])) for kind in sorted(holding)}


def sentence_factor(sentence: Sentence, factors: Mapping[str, float]) -> float:
    """Return the largest factor among the entity types of a sentence, or 1 without entities."""
    return max((factors.get(entity.entity_type, 1.0) for entity in sentence.entities), default=1.0)
