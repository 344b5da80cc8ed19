"""Repeat factors: how often a training sentence comes in an epoch, by its rarest entity type."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from math import sqrt

from ner_lightning.sentences import Sentence


def repeat_factors(sentences: Sequence[Sentence], threshold: float) -> dict[str, float]:
    """The factor of every entity type: ``max(1, sqrt(threshold / share))`` (Gupta et al. 2019, section 5).

    Args:
        sentences: The training split.
        threshold: Types that at least this share of the sentences hold are not repeated.

    Raises:
        ValueError: If the threshold is no share of sentences.

    >>> from ner_lightning.entities import EntitySpan
    >>> repeat_factors([Sentence(("Oslo",), (EntitySpan(0, 1, "LOC"),)), *[Sentence(("It", "rains"))] * 15], 0.25)
    {'LOC': 2.0}
    """
    if not 0 < threshold <= 1:
        raise ValueError(f"repeat_threshold must be a share of the sentences, above 0 and up to 1, got {threshold}")
    holding = Counter(kind for sentence in sentences for kind in {e.entity_type for e in sentence.entities})
    return {kind: max(1.0, sqrt(threshold * len(sentences) / holding[kind])) for kind in sorted(holding)}


def sentence_factor(sentence: Sentence, factors: Mapping[str, float]) -> float:
    """The largest factor among the types of a sentence; 1 where it has none."""
    return max((factors.get(entity.entity_type, 1.0) for entity in sentence.entities), default=1.0)
