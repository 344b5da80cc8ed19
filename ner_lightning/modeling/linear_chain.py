"""Linear chains: sums and maxima over all tag sequences of a sentence (Lafferty et al. 2001; Sutton & McCallum 2012).

All functions work on a batch of sentences and loop only over positions.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from ner_lightning.schemes import IGNORE_INDEX, TagSet


def precise(values: Tensor) -> Tensor:
    """Return the values in float32, or in float64 if they are float64 already."""
    return values if values.dtype == torch.float64 else values.float()


@dataclass(frozen=True, slots=True)
class Transitions:
    """Scores of neighboring tags; minus infinity forbids a transition.

    Args:
        start: Score of the first tag of a sentence.
        inner: Score of the transition from the tag of the row to the tag of the column.
        end: Score of the last tag of a sentence.
    """

    start: Float[Tensor, " tags"]
    inner: Float[Tensor, "tags tags"]
    end: Float[Tensor, " tags"]

    @classmethod
    def allowed_by(cls, tags: TagSet) -> Transitions:
        """Return 0 for transitions that the scheme allows, and minus infinity for all others."""
        num_tags = len(tags.tags)
        return cls(torch.zeros(num_tags), torch.zeros(num_tags, num_tags), torch.zeros(num_tags)).restricted_to(tags)

    def restricted_to(self, tags: TagSet) -> Transitions:
        """Return the same scores with transitions forbidden that the scheme does not allow."""
        forbidden = ~tags.allowed.to(self.inner.device)  # before and after a sentence is O
        return Transitions(
            self.start.masked_fill(forbidden[0], -torch.inf),
            self.inner.masked_fill(forbidden, -torch.inf),
            self.end.masked_fill(forbidden[:, 0], -torch.inf),
        )

    def to(self, like: Tensor) -> Transitions:
        """Return the same scores on the device and in the dtype of a tensor."""
        return Transitions(self.start.to(like), self.inner.to(like), self.end.to(like))


@dataclass(frozen=True)
class Chains:
    """Sentences, or parts of them, with the scores of their tags.

    Args:
        emissions: Score of every tag of every word.
        mask: True on words, false on padding.
        start: Score of the first tag.
        inner: Score of the transition from the tag of the row to the tag of the column.
        end: Score of the last tag.
    """

    emissions: Float[Tensor, "batch words tags"]
    mask: Bool[Tensor, "batch words"]
    start: Float[Tensor, "batch tags"]
    inner: Float[Tensor, "tags tags"]
    end: Float[Tensor, "batch tags"]

    @classmethod
    def of(
        cls,
        logits: Float[Tensor, "batch words tags"],
        mask: Bool[Tensor, "batch words"],
        transitions: Transitions,
        begins: Bool[Tensor, " batch"] | None = None,
        ends: Bool[Tensor, " batch"] | None = None,
    ) -> Chains:
        """Return the chains of word logits, in float32 or float64.

        A part that does not begin its sentence has no start score; one that does not end it has no end score.
        Emissions are log-probabilities: a constant added to all tags of a word changes no sequence probability, but
        such constants would add up over a long sentence until rounding hides the differences between sequences.
        """
        emissions = precise(logits).log_softmax(dim=-1)
        scores = transitions.to(emissions)
        start, end = scores.start.expand(len(emissions), -1), scores.end.expand(len(emissions), -1)
        start = start if begins is None else torch.where(begins[:, None], start, 0.0)
        end = end if ends is None else torch.where(ends[:, None], end, 0.0)
        return cls(emissions, mask, start, scores.inner, end)

    @cached_property
    def forward_scores(self) -> Float[Tensor, "batch words tags"]:
        """Log of the summed weight of all paths that end in a tag of a word; padding repeats the last word."""
        scores = self.start + self.emissions[:, 0]
        rows = [scores]
        for word in range(1, self.emissions.shape[1]):
            reached = (scores[:, :, None] + self.inner).logsumexp(dim=1) + self.emissions[:, word]
            scores = torch.where(self.mask[:, word, None], reached, scores)
            rows.append(scores)
        return torch.stack(rows, dim=1)

    @cached_property
    def backward_scores(self) -> Float[Tensor, "batch words tags"]:
        """Log of the summed weight of all paths that continue from a tag of a word."""
        scores = self.end
        rows = [scores]
        for word in range(self.emissions.shape[1] - 1, 0, -1):
            following = self.emissions[:, word] + scores
            reached = (self.inner + following[:, None, :]).logsumexp(dim=2)
            scores = torch.where(self.mask[:, word, None], reached, scores)
            rows.append(scores)
        return torch.stack(rows[::-1], dim=1)

    @property
    def log_partition(self) -> Float[Tensor, " batch"]:
        """Log of the summed weight of all tag sequences."""
        return (self.forward_scores[:, -1] + self.end).logsumexp(dim=-1)

    @property
    def log_marginals(self) -> Float[Tensor, "batch words tags"]:
        """Log of the probability of every tag of every word."""
        return self.forward_scores + self.backward_scores - self.log_partition[:, None, None]

    def path_scores(self, tag_ids: Int[Tensor, "batch words"]) -> Float[Tensor, " batch"]:
        """Return the score of one tag sequence per row; ids after the last word are ignored."""
        ids = tag_ids.masked_fill(~self.mask, 0)
        emitted = self.emissions.gather(2, ids[:, :, None]).squeeze(2)
        moved = self.inner[ids[:, :-1], ids[:, 1:]]
        rows = torch.arange(len(ids), device=ids.device)
        last = ids[rows, self.mask.sum(dim=1) - 1]
        return (
            self.start[rows, ids[:, 0]]
            + torch.where(self.mask, emitted, 0.0).sum(dim=1)
            + torch.where(self.mask[:, 1:], moved, 0.0).sum(dim=1)
            + self.end[rows, last]
        )

    def best_paths(self) -> Int[Tensor, "batch words"]:
        """Return the tag sequence with the highest score (Viterbi), and -100 after the last word."""
        num_words = self.emissions.shape[1]
        scores = self.start + self.emissions[:, 0]
        stay = torch.arange(scores.shape[1], device=scores.device).expand_as(scores)
        origins = []
        for word in range(1, num_words):
            reached, origin = (scores[:, :, None] + self.inner).max(dim=1)
            continues = self.mask[:, word, None]
            scores = torch.where(continues, reached + self.emissions[:, word], scores)
            origins.append(torch.where(continues, origin, stay))
        path = [(scores + self.end).argmax(dim=1)]
        for origin in reversed(origins):
            path.append(origin.gather(1, path[-1][:, None]).squeeze(1))
        return torch.stack(path[::-1], dim=1).masked_fill(~self.mask, IGNORE_INDEX)
