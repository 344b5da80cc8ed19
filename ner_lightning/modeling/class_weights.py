"""Class weights: how much a word counts in a loss, by its entity type or for having none."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ner_lightning.schemes import TagSet
from ner_lightning.tags import OUTSIDE

WordCounts = Mapping[str, int]  # words of the training split by entity type, and those of none under "O"


class ClassWeights(ABC):
    """Weighs words by their entity type; all tags of a type weigh alike, so that label schemes can be compared."""

    @abstractmethod
    def by_type(self, counts: WordCounts) -> dict[str, float]:
        """The weight of every entity type, and of ``O``.

        Args:
            counts: The words of every type, and those of none under ``O``; none counts as one.
        """


@dataclass(frozen=True)
class Balanced(ClassWeights):
    """All words / (number of classes * words of the class): every class weighs the same in total (King & Zeng 2001).

    Args:
        cap: No weight is above it; null sets no limit.
    """

    cap: float | None = None

    def __post_init__(self) -> None:
        _require_positive(self.cap)

    def by_type(self, counts: WordCounts) -> dict[str, float]:
        return _capped(_balanced(counts), self.cap)


@dataclass(frozen=True)
class InverseSqrt(ClassWeights):
    """The square root of the balanced weight: between equal words and equal classes.

    Args:
        cap: No weight is above it; null sets no limit.
    """

    cap: float | None = None

    def __post_init__(self) -> None:
        _require_positive(self.cap)

    def by_type(self, counts: WordCounts) -> dict[str, float]:
        return _capped({kind: weight**0.5 for kind, weight in _balanced(counts).items()}, self.cap)


@dataclass(frozen=True)
class EffectiveNumber(ClassWeights):
    """One over the effective number of words, (1 - beta^n) / (1 - beta) (Cui et al. 2019, section 4); their mean is 1.

    Args:
        beta: From 0 (all classes weigh alike) to just under 1 (by inverse frequency).
        cap: No weight is above it; null sets no limit.
    """

    beta: float = 0.999
    cap: float | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.beta < 1:
            raise ValueError(f"beta must be from 0 to below 1, got {self.beta}")
        _require_positive(self.cap)

    def by_type(self, counts: WordCounts) -> dict[str, float]:
        raw = {kind: (1 - self.beta) / (1 - self.beta ** max(count, 1)) for kind, count in counts.items()}
        return _capped({kind: weight * len(raw) / sum(raw.values()) for kind, weight in raw.items()}, self.cap)


@dataclass(frozen=True)
class GivenWeights(ClassWeights):
    """Weights as you give them.

    Args:
        weights: By entity type, ``O`` for words of none; what is not named weighs 1.
    """

    weights: dict[str, float]

    def __post_init__(self) -> None:
        if any(weight < 0 for weight in self.weights.values()):
            raise ValueError(f"class weights must be at least 0, got {self.weights}")

    def by_type(self, counts: WordCounts) -> dict[str, float]:
        unknown = sorted(self.weights.keys() - counts.keys())
        if unknown:
            raise ValueError(f"class weights must be of {sorted(counts)}, got {unknown}")
        return {kind: self.weights.get(kind, 1.0) for kind in counts}


def tag_weights(weights: Mapping[str, float], tags: TagSet) -> Float[Tensor, " tags"]:
    """The weight of every tag: that of its entity type."""
    return torch.tensor([weights[tag.entity_type or OUTSIDE] for tag in tags.parsed_tags], dtype=torch.float64)


def _balanced(counts: WordCounts) -> dict[str, float]:
    total = sum(counts.values())
    return {kind: total / (len(counts) * max(count, 1)) for kind, count in counts.items()}


def _require_positive(cap: float | None) -> None:
    if cap is not None and cap <= 0:
        raise ValueError(f"the cap of class weights must be above 0, got {cap}")


def _capped(weights: dict[str, float], cap: float | None) -> dict[str, float]:
    return weights if cap is None else {kind: min(weight, cap) for kind, weight in weights.items()}
