"""Class weights: how much a word counts in the loss, by entity type."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ner_lightning.schemes import TagSet
from ner_lightning.tags import OUTSIDE

WordCounts = Mapping[str, int]  # number of training words by entity type, and of words outside any entity under "O"


class ClassWeights(ABC):
    """Weights of words by entity type. All tags of a type have the same weight, which keeps schemes comparable."""

    @abstractmethod
    def by_type(self, counts: WordCounts) -> dict[str, float]:
        """Return the weight of every entity type, and of ``O``.

        Args:
            counts: Number of training words by entity type, and of words outside any entity under ``O``. A count of 0
                is treated as 1.
        """


@dataclass(frozen=True)
class CappedWeights(ClassWeights):
    """Weights computed from the counts, with an upper limit.

    Args:
        cap: Largest weight; null sets no limit.
    """

    cap: float | None = None

    def __post_init__(self) -> None:
        if self.cap is not None and not 0 < self.cap < math.inf:
            raise ValueError(f"the cap of class weights must be null or a finite number above 0, got {self.cap}")

    @abstractmethod
    def uncapped(self, counts: WordCounts) -> dict[str, float]:
        """Return the weights, before the limit, for counts of at least 1."""

    def by_type(self, counts: WordCounts) -> dict[str, float]:
        weights = self.uncapped({kind: max(count, 1) for kind, count in counts.items()})
        return {kind: weight if self.cap is None else min(weight, self.cap) for kind, weight in weights.items()}


@dataclass(frozen=True)
class Balanced(CappedWeights):
    """All words / (number of classes * words of the class), so all classes have the same total (King & Zeng 2001)."""

    def uncapped(self, counts: WordCounts) -> dict[str, float]:
        total = sum(counts.values())
        return {kind: total / (len(counts) * count) for kind, count in counts.items()}


@dataclass(frozen=True)
class InverseSqrt(CappedWeights):
    """The square root of the balanced weight, halfway between equal weights and balanced ones (Mahajan et al. 2018)."""

    def uncapped(self, counts: WordCounts) -> dict[str, float]:
        return {kind: weight**0.5 for kind, weight in Balanced().uncapped(counts).items()}


@dataclass(frozen=True)
class EffectiveNumber(CappedWeights):
    """One over the effective number of words, (1 - beta^n) / (1 - beta), with mean 1 (Cui et al. 2019, section 4).

    Args:
        cap: Largest weight; null sets no limit.
        beta: From 0 (the same weight for all classes) to just under 1 (inverse frequency).
    """

    beta: float = 0.999

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.beta < 1:
            raise ValueError(f"beta must be at least 0 and below 1, got {self.beta}")

    def uncapped(self, counts: WordCounts) -> dict[str, float]:
        raw = {kind: (1 - self.beta) / (1 - self.beta**count) for kind, count in counts.items()}
        return {kind: weight * len(raw) / sum(raw.values()) for kind, weight in raw.items()}


@dataclass(frozen=True)
class GivenWeights(ClassWeights):
    """Weights that you give.

    Args:
        weights: Weight by entity type, with ``O`` for words outside any entity. Types not listed have weight 1.
    """

    weights: dict[str, float]

    def __post_init__(self) -> None:
        if not all(0 <= weight < math.inf for weight in self.weights.values()):
            raise ValueError(f"class weights must be finite numbers of at least 0, got {self.weights}")

    def by_type(self, counts: WordCounts) -> dict[str, float]:
        unknown = sorted(self.weights.keys() - counts.keys())
        if unknown:
            raise ValueError(f"class weights must name entity types of the corpus, {sorted(counts)}, got {unknown}")
        return {kind: self.weights.get(kind, 1.0) for kind in counts}


def tag_weights(weights: Mapping[str, float], tags: TagSet) -> Float[Tensor, " tags"]:
    """Return the weight of every tag, which is that of its entity type."""
    return torch.tensor([weights[tag.entity_type or OUTSIDE] for tag in tags.parsed_tags], dtype=torch.float64)
