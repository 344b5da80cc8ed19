"""Losses: each gives a sum and its weight, never a mean."""

from __future__ import annotations

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

    Sums and weights add up over batches, accumulation and ranks; the mean is taken once, over all of them.
    """

    total: Float[Tensor, ""]
    weight: Float[Tensor, ""]

    @property
    def mean(self) -> float:
        """0 where nothing was scored."""
        return self.total.item() / (self.weight.item() or 1.0)


class Objective(nn.Module, ABC):
    """A loss bound to tags: what training minimises, with the parameters that it learns itself, if any."""

    learning_rate: float | None = None

    @property
    def transitions(self) -> Transitions | None:
        """What it has learned about tags that follow each other, for the decoder."""
        return None

    @property
    def weights_by_type(self) -> dict[str, float] | None:
        """The class weights that it was bound with."""
        return None

    @abstractmethod
    def forward(self, scored: ScoredPositions) -> LossSum:
        """The loss of a batch; 0 with weight 0 where nothing is scored."""


class Loss(ABC):
    """How a model learns; configured without the corpus, and bound to it once."""

    @abstractmethod
    def bind(self, tags: TagSet, counts: WordCounts) -> Objective:
        """The objective over these tags, for a training split of so many words of each type."""


class TokenLoss(Loss):
    """A loss of each position for itself, weighted by the entity type of its gold tag if there are class weights.

    The weight of a sum is the number of positions, or the sum of their class weights.
    """

    @property
    def class_weights(self) -> ClassWeights | None:
        """How positions are weighed; None weighs all alike."""
        return None

    @abstractmethod
    def of_positions(
        self, logits: Float[Tensor, "scored tags"], labels: Int[Tensor, " scored"]
    ) -> Float[Tensor, " scored"]:
        """The loss of every position, without class weights, from logits in float32 at least."""

    def __call__(
        self,
        logits: Float[Tensor, "scored tags"],
        labels: Int[Tensor, " scored"],
        weights: Float[Tensor, " tags"] | None = None,
    ) -> LossSum:
        """The loss of scored positions, computed in float32 at least; 0 with weight 0 where there is none."""
        losses = self.of_positions(precise(logits), labels)
        if weights is None:
            return LossSum(losses.sum(), losses.new_tensor(len(labels)))
        by_position = weights.to(losses.dtype)[labels]
        return LossSum((by_position * losses).sum(), by_position.sum())

    def bind(self, tags: TagSet, counts: WordCounts) -> Objective:
        return TokenObjective(self, tags, self.class_weights.by_type(counts) if self.class_weights else None)


class TokenObjective(Objective):
    """A loss of positions with its class weights resolved.

    Args:
        loss: The loss.
        tags: The tags of the logits.
        weights_by_type: The class weights; None weighs all alike.
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
        label_smoothing: Share of the target that is spread evenly over all tags (Szegedy et al. 2016, section 7).
    """

    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.label_smoothing < 1:
            raise ValueError(f"label_smoothing must be from 0 to below 1, got {self.label_smoothing}")

    def of_positions(
        self, logits: Float[Tensor, "scored tags"], labels: Int[Tensor, " scored"]
    ) -> Float[Tensor, " scored"]:
        smoothing = self.label_smoothing
        return nn.functional.cross_entropy(logits, labels, reduction="none", label_smoothing=smoothing)


@dataclass(frozen=True)
class WeightedCrossEntropyLoss(TokenLoss):
    """Cross-entropy with class weights, against the many words that are no entity (King and Zeng 2001).

    Args:
        weights: The weights, of the training split or given.
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
    """Cross-entropy times (1 - p)^gamma: what is known well counts less (Lin et al. 2017, section 3, over a softmax).

    Args:
        gamma: 0 is cross-entropy; the paper takes 2.
        weights: Class weights (the paper's alpha); null weighs all alike.
    """

    gamma: float = 2.0
    weights: ClassWeights | None = None

    def __post_init__(self) -> None:
        if not self.gamma >= 0:  # not even NaN
            raise ValueError(f"gamma must be at least 0, got {self.gamma}")

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

    It is summed over the tags of a position. With q = (1 - p)^alpha p, a tag costs
    1 - (2 q y + smooth) / (q + y + smooth), y being 1 for the gold tag and else 0. Taken per position, not per
    batch as soft Dice often is, so that it adds up.

    Its gradient is proportional to the probability of the tag, so it hardly lifts a tag that is thought impossible:
    from a new head on a corpus of few entities, every word may stay ``O``.

    Args:
        alpha: How much less a tag counts that is known well; the published code takes 0.01.
        smooth: Keeps a gradient where a tag is rightly absent.
    """

    alpha: float = 0.01
    smooth: float = 1.0

    def __post_init__(self) -> None:
        if not self.alpha >= 0 or not self.smooth > 0:
            raise ValueError(f"alpha must be at least 0 and smooth above 0, got {self.alpha} and {self.smooth}")

    def of_positions(
        self, logits: Float[Tensor, "scored tags"], labels: Int[Tensor, " scored"]
    ) -> Float[Tensor, " scored"]:
        adjusted = (self.alpha * log_of_rests(logits) + logits.log_softmax(dim=-1)).exp()
        gold = nn.functional.one_hot(labels, logits.shape[-1]).to(adjusted.dtype)
        dice = (2 * adjusted * gold + self.smooth) / (adjusted + gold + self.smooth)
        return (1 - dice).sum(dim=-1)


def log_of_rest(logits: Float[Tensor, "scored tags"], tag: Bool[Tensor, "scored tags"]) -> Float[Tensor, " scored"]:
    """log(1 - p) of the tag that is marked in each row, from the logits of the others.

    ``log1p(-p)`` would be minus infinity, with a gradient that is no number, wherever p rounds to 1.
    """
    return logits.masked_fill(tag, -torch.inf).logsumexp(dim=-1) - logits.logsumexp(dim=-1)


def log_of_rests(logits: Float[Tensor, "scored tags"]) -> Float[Tensor, "scored tags"]:
    """log(1 - p) of every tag.

    Only the largest p of a row can be near 1; the others are 1/2 at most, where ``log1p(-p)`` is safe.
    """
    is_largest = nn.functional.one_hot(logits.argmax(dim=-1), logits.shape[-1]).bool()
    others = logits.softmax(dim=-1).masked_fill(is_largest, 0.0)
    return torch.where(is_largest, log_of_rest(logits, is_largest)[:, None], torch.log1p(-others))


def word_cross_entropy(scored: ScoredPositions, transitions: Transitions | None) -> LossSum:
    """The plain cross-entropy of words, by which models of any loss can be compared.

    Args:
        scored: Whole sentences.
        transitions: Those of a CRF: then it is that of the words' marginal probabilities.
    """
    words = scored.words()
    is_scored = words.labels != IGNORE_INDEX
    logits, labels = words.logits[is_scored], words.labels[is_scored]
    if transitions is None or not len(labels):
        return CrossEntropyLoss()(logits, labels)
    log_marginals = Chains.of(words.logits, words.mask, transitions).log_marginals[is_scored]
    losses = -log_marginals.gather(1, labels[:, None])
    return LossSum(losses.sum(), losses.new_tensor(len(losses)))
