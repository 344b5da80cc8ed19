"""Linear chains: sums and maxima over all tag sequences of a sentence (Lafferty et al. 2001; Sutton & McCallum 2012).

All functions work on a batch of sentences at once and loop over positions only.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from ner_lightning.schemes import IGNORE_INDEX, TagSet


def precise(values: Tensor) -> Tensor:
    """The values in float32 at least."""
    return values if values.dtype == torch.float64 else values.float()


@dataclass(frozen=True, slots=True)
class Transitions:
    """Scores of tags that follow each other; minus infinity forbids.

    Args:
        start: Of the first tag of a sentence.
        inner: Of the tag of the column behind that of the row.
        end: Of the last tag of a sentence.
    """

    start: Float[Tensor, " tags"]
    inner: Float[Tensor, "tags tags"]
    end: Float[Tensor, " tags"]

    @classmethod
    def allowed_by(cls, tags: TagSet) -> Transitions:
        """0 for what the scheme allows, and everything else forbidden."""
        num_tags = len(tags.tags)
        return cls(torch.zeros(num_tags), torch.zeros(num_tags, num_tags), torch.zeros(num_tags)).restricted_to(tags)

    def restricted_to(self, tags: TagSet) -> Transitions:
        """The same scores, with everything forbidden that the scheme does not allow."""
        forbidden = ~tags.allowed.to(self.inner.device)  # O stands around a sentence
        return Transitions(
            self.start.masked_fill(forbidden[0], -torch.inf),
            self.inner.masked_fill(forbidden, -torch.inf),
            self.end.masked_fill(forbidden[:, 0], -torch.inf),
        )

    def to(self, like: Tensor) -> Transitions:
        """The same scores on the device and in the type of a tensor."""
        return Transitions(self.start.to(like), self.inner.to(like), self.end.to(like))


@dataclass(frozen=True)
class Chains:
    """Sentences, or parts of them, with the scores of their tags.

    Args:
        emissions: The score of every tag of every word.
        mask: True on words, false behind the last one.
        start: Score of the first tag.
        inner: Score of the tag of the column behind that of the row.
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
        """Chains of word logits, in float32 at least.

        A part that does not begin its sentence has no start score, one that does not end it no end score.
        Emissions are log-probabilities: what all tags of a word have in common changes no probability of a sequence,
        and would add up over a long sentence until differences between sequences drown in rounding.
        """
        emissions = precise(logits).log_softmax(dim=-1)
        scores = transitions.to(emissions)
        start, end = scores.start.expand(len(emissions), -1), scores.end.expand(len(emissions), -1)
        start = start if begins is None else torch.where(begins[:, None], start, 0.0)
        end = end if ends is None else torch.where(ends[:, None], end, 0.0)
        return cls(emissions, mask, start, scores.inner, end)

    @cached_property
    def forward_scores(self) -> Float[Tensor, "batch words tags"]:
        """Log of the summed weight of all ways to a tag of a word; behind the last word, that of the last word."""
        scores = self.start + self.emissions[:, 0]
        rows = [scores]
        for word in range(1, self.emissions.shape[1]):
            reached = (scores[:, :, None] + self.inner).logsumexp(dim=1) + self.emissions[:, word]
            scores = torch.where(self.mask[:, word, None], reached, scores)
            rows.append(scores)
        return torch.stack(rows, dim=1)

    @cached_property
    def backward_scores(self) -> Float[Tensor, "batch words tags"]:
        """Log of the summed weight of all ways on from a tag of a word."""
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
        """The score of one tag sequence of each row; ids behind the last word are not read."""
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
        """The tag sequence of the highest score (Viterbi), -100 behind the last word."""
        num_words = self.emissions.shape[1]
        scores = self.start + self.emissions[:, 0]
        stay = torch.arange(scores.shape[1], device=scores.device).expand_as(scores)
        origins = []
        for word in range(1, num_words):
            reached, origin = (scores[:, :, None] + self.inner).max(dim=1)
            goes_on = self.mask[:, word, None]
            scores = torch.where(goes_on, reached + self.emissions[:, word], scores)
            origins.append(torch.where(goes_on, origin, stay))
        path = [(scores + self.end).argmax(dim=1)]
        for origin in reversed(origins):
            path.append(origin.gather(1, path[-1][:, None]).squeeze(1))
        return torch.stack(path[::-1], dim=1).masked_fill(~self.mask, IGNORE_INDEX)
