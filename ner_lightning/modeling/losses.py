"""Losses. Each returns a sum and its weight, never a mean."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from ner_lightning.modeling.class_weights import ClassWeights, WordCounts, tag_weights
from ner_lightning.modeling.linear_chain import Chains, Transitions, precise
from ner_lightning.modeling.scored_positions import ScoredPositions
from ner_lightning.schemes import IGNORE_INDEX, TagSet


class LossSum(NamedTuple):
    """A loss summed over positions, and the weight to divide it by.

    Sums and weights are added over batches, accumulation steps and ranks, and divided only once.
    """

    total: Float[Tensor, ""]
    weight: Float[Tensor, ""]

    @property
    def mean(self) -> float:
        """The mean loss, or 0 if nothing was scored."""
        return self.total.item() / (self.weight.item() or 1.0)


class Objective(nn.Module, ABC):
    """A loss bound to tags: the function that training minimizes, with any parameters of the loss itself."""

    learning_rate: float | None = None

    @property
    def transitions(self) -> Transitions | None:
        """Learned scores of neighboring tags for the decoder, or None."""
        return None

    @property
    def weights_by_type(self) -> dict[str, float] | None:
        """The class weights it was bound with, or None."""
        return None

    @abstractmethod
    def forward(self, scored: ScoredPositions) -> LossSum:
        """Return the loss of a batch: 0 with weight 0 if nothing is scored."""


class Loss(ABC):
    """A training loss, configured without a corpus and bound to one later."""

    @abstractmethod
    def bind(self, tags: TagSet, counts: WordCounts) -> Objective:
        """Bind the loss to tags.

        Args:
            tags: The tags of the logits.
            counts: Number of training words by entity type.
        """


class TokenLoss(Loss):
    """A loss computed for each position independently, optionally weighted by the entity type of its gold tag.

    The weight of the sum is the number of positions, or the sum of their class weights.
    """

    @property
    def class_weights(self) -> ClassWeights | None:
        """The class weights; None gives every position the same weight."""
        return None

    @abstractmethod
    def of_positions(
        self, logits: Float[Tensor, "scored tags"], labels: Int[Tensor, " scored"]
    ) -> Float[Tensor, " scored"]:
        """Return the loss of every position without class weights; logits are float32 or float64."""

    def __call__(
        self,
        logits: Float[Tensor, "scored tags"],
        labels: Int[Tensor, " scored"],
        weights: Float[Tensor, " tags"] | None = None,
    ) -> LossSum:
        """Return the loss of the scored positions, computed in float32 or float64: 0 with weight 0 for no positions."""
        losses = self.of_positions(precise(logits), labels)
        if weights is None:
            return LossSum(losses.sum(), losses.new_tensor(len(labels)))
        by_position = weights.to(losses.dtype)[labels]
        return LossSum((by_position * losses).sum(), by_position.sum())

    def bind(self, tags: TagSet, counts: WordCounts) -> Objective:
        return TokenObjective(self, tags, self.class_weights.by_type(counts) if self.class_weights else None)


class TokenObjective(Objective):
    """A token loss with its class weights computed.

    Args:
        loss: The loss.
        tags: The tags of the logits.
        weights_by_type: Class weight by entity type; None gives all types the same weight.
    """

    tag_weights: Float[Tensor, " tags"] | None

    def __init__(self, loss: TokenLoss, tags: TagSet, weights_by_type: dict[str, float] | None) -> None:
        super().__init__()
        self.loss = loss
        self._weights_by_type = weights_by_type
        weights = None if weights_by_type is None else tag_weights(weights_by_type, tags)
        self.register_buffer("tag_weights", weights, persistent=False)

    @property
    def weights_by_type(self) -> dict[str, float] | None:
        return self._weights_by_type

    def forward(self, scored: ScoredPositions) -> LossSum:
        return self.loss(scored.logits, scored.labels, self.tag_weights)


@dataclass(frozen=True)
class CrossEntropyLoss(TokenLoss):
    """Cross-entropy of every position.

    Args:
        label_smoothing: Share of the target probability spread evenly over all tags (Szegedy et al. 2016, section 7).
    """

    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.label_smoothing < 1:
            raise ValueError(f"label_smoothing must be at least 0 and below 1, got {self.label_smoothing}")

    def of_positions(
        self, logits: Float[Tensor, "scored tags"], labels: Int[Tensor, " scored"]
    ) -> Float[Tensor, " scored"]:
        smoothing = self.label_smoothing
        return nn.functional.cross_entropy(logits, labels, reduction="none", label_smoothing=smoothing)


@dataclass(frozen=True)
class WeightedCrossEntropyLoss(TokenLoss):
    """Cross-entropy with class weights, for corpora where most words are not entities (King and Zeng 2001).

    Args:
        weights: Class weights, computed from the training split or given.
    """

    weights: ClassWeights

    @property
    def class_weights(self) -> ClassWeights | None:
        return self.weights

    def of_positions(
        self, logits: Float[Tensor, "scored tags"], labels: Int[Tensor, " scored"]
    ) -> Float[Tensor, " scored"]:
        return nn.functional.cross_entropy(logits, labels, reduction="none")


@dataclass(frozen=True)
class FocalLoss(TokenLoss):
    """Cross-entropy times (1 - p)^gamma: confident predictions count less (Lin et al. 2017, section 3, with a softmax).

    Args:
        gamma: Focusing strength. 0 gives plain cross-entropy; the paper uses 2.
        weights: Class weights (the paper's alpha); null gives all types the same weight.
    """

    gamma: float = 2.0
    weights: ClassWeights | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.gamma < math.inf:
            raise ValueError(f"gamma must be a finite number of at least 0, got {self.gamma}")

    @property
    def class_weights(self) -> ClassWeights | None:
        return self.weights

    def of_positions(
        self, logits: Float[Tensor, "scored tags"], labels: Int[Tensor, " scored"]
    ) -> Float[Tensor, " scored"]:
        is_label = nn.functional.one_hot(labels, logits.shape[-1]).bool()
        cross_entropy = nn.functional.cross_entropy(logits, labels, reduction="none")
        return (self.gamma * log_of_rest(logits, is_label)).exp() * cross_entropy


@dataclass(frozen=True)
class DiceLoss(TokenLoss):
    """Self-adjusting Dice loss, each tag against the rest (Li et al. 2020, section 3.3).

    The loss of a position is the sum over tags of 1 - (2 q y + smooth) / (q + y + smooth), where q = (1 - p)^alpha p,
    and y is 1 for the gold tag and 0 otherwise. It is computed per position, not per batch as soft Dice often is, so
    that losses can be added over batches.

    The gradient is proportional to the probability of the tag, so a tag that the model considers impossible hardly
    improves: with a new head and few entities, the model may predict ``O`` for every word.

    Args:
        alpha: How strongly confident predictions are discounted; the published code uses 0.01.
        smooth: Smoothing term, which keeps a gradient for tags that are correctly absent.
    """

    alpha: float = 0.01
    smooth: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.alpha < math.inf or not 0 < self.smooth < math.inf:
            raise ValueError(
                f"alpha must be from 0 and smooth above 0, both finite, got {self.alpha} and {self.smooth}"
            )

    def of_positions(
        self, logits: Float[Tensor, "scored tags"], labels: Int[Tensor, " scored"]
    ) -> Float[Tensor, " scored"]:
        adjusted = (self.alpha * log_of_rests(logits) + logits.log_softmax(dim=-1)).exp()
        gold = nn.functional.one_hot(labels, logits.shape[-1]).to(adjusted.dtype)
        dice = (2 * adjusted * gold + self.smooth) / (adjusted + gold + self.smooth)
        return (1 - dice).sum(dim=-1)


def log_of_rest(logits: Float[Tensor, "scored tags"], tag: Bool[Tensor, "scored tags"]) -> Float[Tensor, " scored"]:
    """Return log(1 - p) of the marked tag of each row, computed from the logits of the other tags.

    ``log1p(-p)`` would be minus infinity with a NaN gradient wherever p rounds to 1.
    """
    return logits.masked_fill(tag, -torch.inf).logsumexp(dim=-1) - logits.logsumexp(dim=-1)


def log_of_rests(logits: Float[Tensor, "scored tags"]) -> Float[Tensor, "scored tags"]:
    """Return log(1 - p) of every tag.

    Only the largest p of a row can be near 1. All others are at most 1/2, where ``log1p(-p)`` is safe.
    """
    is_largest = nn.functional.one_hot(logits.argmax(dim=-1), logits.shape[-1]).bool()
    others = logits.softmax(dim=-1).masked_fill(is_largest, 0.0)
    return torch.where(is_largest, log_of_rest(logits, is_largest)[:, None], torch.log1p(-others))


def word_cross_entropy(scored: ScoredPositions, transitions: Transitions | None) -> LossSum:
    """Return the plain cross-entropy of words, which is comparable between models trained with different losses.

    Args:
        scored: Whole sentences.
        transitions: Transitions of a CRF, if any; the cross-entropy is then that of the marginal probabilities.
    """
    words = scored.words()
    is_scored = words.labels != IGNORE_INDEX
    logits, labels = words.logits[is_scored], words.labels[is_scored]
    if transitions is None or not len(labels):
        return CrossEntropyLoss()(logits, labels)
    log_marginals = Chains.of(words.logits, words.mask, transitions).log_marginals[is_scored]
    losses = -log_marginals.gather(1, labels[:, None])
    return LossSum(losses.sum(), losses.new_tensor(len(losses)))
