"""The linear-chain CRF: learned scores of neighboring tags instead of an independent softmax per word."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int
from torch import Tensor, nn

from ner_lightning.modeling.class_weights import WordCounts
from ner_lightning.modeling.linear_chain import Chains, Transitions
from ner_lightning.modeling.losses import Loss, LossSum, Objective
from ner_lightning.modeling.scored_positions import ScoredPositions, WordRows
from ner_lightning.schemes import IGNORE_INDEX, TagSet


@dataclass(frozen=True)
class CRFLoss(Loss):
    """Negative log-likelihood of a sentence's gold tags (Lafferty et al. 2001; Lample et al. 2016, section 2.2).

    Sequences that the label scheme forbids have probability 0. The decoder uses the transitions learned here.

    Args:
        learning_rate: Learning rate of the transitions. They start at 0 and would hardly change at the encoder's rate.
    """

    learning_rate: float = 1.0e-2

    def __post_init__(self) -> None:
        if not 0 <= self.learning_rate < math.inf:
            raise ValueError(
                f"the learning rate of a CRF must be a finite number of at least 0, got {self.learning_rate}"
            )

    def bind(self, tags: TagSet, counts: WordCounts) -> Objective:  # noqa: ARG002 (all words have the same weight)
        return CRF(tags, self.learning_rate)


class CRF(Objective):
    """Learned transitions over the tags of a scheme.

    Args:
        tags: The tags; transitions that their scheme does not allow are forbidden.
        learning_rate: Learning rate of the transitions.
    """

    def __init__(self, tags: TagSet, learning_rate: float | None = None) -> None:
        super().__init__()
        num_tags = len(tags.tags)
        self.tags, self.learning_rate = tags, learning_rate
        self.start = nn.Parameter(torch.zeros(num_tags))
        self.inner = nn.Parameter(torch.zeros(num_tags, num_tags))
        self.end = nn.Parameter(torch.zeros(num_tags))

    @property
    def transitions(self) -> Transitions:
        return Transitions(self.start, self.inner, self.end).restricted_to(self.tags)

    def forward(self, scored: ScoredPositions) -> LossSum:
        """Return the loss of every run of scored words; its weight is the number of these words.

        A run that is cut from its sentence by the edge of a window, or by a word that is not scored, has no start or
        end score there.
        """
        words = scored.words()
        is_scored = words.labels != IGNORE_INDEX
        if not is_scored.any():
            nothing = words.logits[is_scored].sum() + 0 * (self.start.sum() + self.inner.sum() + self.end.sum())
            return LossSum(nothing, nothing.detach())
        chains, labels = scored_runs(words, is_scored, self.transitions)
        total = (chains.log_partition - chains.path_scores(labels)).sum()
        return LossSum(total, is_scored.sum().to(total.dtype))


def scored_runs(
    words: WordRows, is_scored: Bool[Tensor, "batch words"], transitions: Transitions
) -> tuple[Chains, Int[Tensor, "windows scored"]]:
    """Return each run of scored words as a separate chain, and the tag ids of the runs, padded with -100."""
    nothing = is_scored.new_zeros(len(is_scored), 1)
    opens = is_scored & ~torch.cat([nothing, is_scored[:, :-1]], dim=1)
    closes = is_scored & ~torch.cat([is_scored[:, 1:], nothing], dim=1)
    first_rows, first_words = opens.nonzero(as_tuple=True)
    last_rows, last_words = closes.nonzero(as_tuple=True)
    begins = words.begins[first_rows] & (first_words == 0)
    ends = words.ends[last_rows] & (last_words == words.mask[last_rows].sum(dim=1) - 1)

    runs = opens[is_scored].cumsum(dim=0) - 1
    places = is_scored.nonzero(as_tuple=True)[1] - first_words[runs]
    shape = (len(first_rows), int(places.max()) + 1)
    logits = words.logits.new_zeros(*shape, words.logits.shape[2])
    logits = logits.index_put((runs, places), words.logits[is_scored])
    labels = words.labels.new_full(shape, IGNORE_INDEX)
    labels[runs, places] = words.labels[is_scored]
    return Chains.of(logits, labels != IGNORE_INDEX, transitions, begins, ends), labels
