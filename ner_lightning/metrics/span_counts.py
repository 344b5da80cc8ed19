"""Counts of matching spans, and the scores computed from them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor
from torch.nn.functional import pad

from ner_lightning.entities import EntitySpan
from ner_lightning.schemes import IGNORE_INDEX, Reading, TagSet

READINGS: tuple[Reading, ...] = ("lenient", "strict")


@dataclass(frozen=True, slots=True)
class SpanCounts:
    """Numbers of matched, predicted and gold spans, which add up over sentences, and the scores computed from them."""

    matched: int = 0
    predicted: int = 0
    gold: int = 0

    @classmethod
    def of(cls, predicted: Iterable[EntitySpan], gold: Iterable[EntitySpan]) -> SpanCounts:
        """Count the spans of one sentence; two spans match if their boundaries and type are equal."""
        predicted_set, gold_set = set(predicted), set(gold)
        return cls(len(predicted_set & gold_set), len(predicted_set), len(gold_set))

    def __add__(self, other: SpanCounts) -> SpanCounts:
        return SpanCounts(self.matched + other.matched, self.predicted + other.predicted, self.gold + other.gold)

    @property
    def precision(self) -> float:
        return self.matched / self.predicted if self.predicted else 0.0

    @property
    def recall(self) -> float:
        return self.matched / self.gold if self.gold else 0.0

    @property
    def f1(self) -> float:
        return 2 * self.matched / (self.predicted + self.gold) if self.predicted + self.gold else 0.0


def concatenate_sentences(tag_ids: Int[Tensor, "batch words"]) -> Int[Tensor, " scored"]:
    """Concatenate the tag ids of sentences, with one negative id after each sentence as a gap."""
    ends_with_gap = pad(tag_ids, (0, 1), value=IGNORE_INDEX)
    return ends_with_gap[pad(tag_ids >= 0, (1, 0), value=True)]


@dataclass(frozen=True, slots=True)
class TaggedWords:
    """The words whose tag is not ``O``. Most words have no other tag, so counting starts by leaving them out.

    Args:
        positions: The position of each word among all words.
        tags: Its tag id.
        previous: The tag id of the word before it; 0 at the beginning of a sentence.
        following: The tag id of the word after it; 0 at the end of a sentence.
    """

    positions: Int[Tensor, " words"]
    tags: Int[Tensor, " words"]
    previous: Int[Tensor, " words"]
    following: Int[Tensor, " words"]

    @classmethod
    def of(cls, tag_ids: Int[Tensor, " words"]) -> TaggedWords:
        positions = (tag_ids > 0).nonzero().squeeze(1)
        tags = tag_ids[positions]
        touching = positions[1:] == positions[:-1] + 1
        nothing = tags.new_zeros(min(len(tags), 1))
        previous = torch.cat([nothing, tags[:-1] * touching])
        following = torch.cat([tags[1:] * touching, nothing])
        return cls(positions, tags, previous, following)


def count_matches(
    predicted: Int[Tensor, " words"],
    gold: Int[Tensor, " words"],
    predicted_tags: TagSet,
    gold_tags: TagSet,
) -> Int[Tensor, "readings types 3"]:
    """Count the matched, predicted and gold spans of every entity type, without a loop over words.

    Args:
        predicted: Tag ids in ``predicted_tags``; the sentences are concatenated, with a gap after each.
        gold: Tag ids in ``gold_tags``, concatenated in the same way.
        predicted_tags: The scheme and types of the predictions.
        gold_tags: The scheme and types of the annotation; its entity types begin with those of
            ``predicted_tags``, and types that cannot be predicted may follow.

    Returns:
        The counts for each of ``READINGS``.
    """
    num_types = len(gold_tags.entity_types)
    predicted_words, gold_words = TaggedWords.of(predicted), TaggedWords.of(gold)
    counts = []
    for reading in READINGS:
        found, found_types = _spans(predicted_words, predicted_tags, reading, len(gold), num_types)
        annotated, gold_types = _spans(gold_words, gold_tags, reading, len(gold), num_types)
        matched_types = found_types[torch.isin(found, annotated, assume_unique=True)]
        kinds = (matched_types, found_types, gold_types)
        counts.append(torch.stack([torch.bincount(kind, minlength=num_types) for kind in kinds], dim=1))
    return torch.stack(counts)


def count_ill_formed(tag_ids: Int[Tensor, " words"], tags: TagSet) -> int:
    """Return the number of sentences with a tag that the scheme does not allow at its position."""
    words = TaggedWords.of(tag_ids)
    allowed = tags.allowed.to(tag_ids.device)
    fits = allowed[words.previous, words.tags] & allowed[words.tags, words.following]
    sentences = (tag_ids < 0).cumsum(dim=0)
    return len(sentences[words.positions[~fits]].unique())


def _spans(
    words: TaggedWords, tags: TagSet, reading: Reading, num_words: int, num_types: int
) -> tuple[Int[Tensor, " spans"], Int[Tensor, " spans"]]:
    """Return one number per span, which is equal if and only if start, end and type are equal, and its type.

    Each word that does not continue a span starts a run of words that ends before the next such word. The run is a
    span if its first tag may begin one and its last tag may end one.
    """
    device = words.tags.device
    begins, continues = (table[reading].to(device) for table in (tags.begins, tags.continues))
    firsts = (~continues[words.previous, words.tags]).nonzero().squeeze(1)
    lasts = torch.cat([firsts[1:], firsts.new_tensor([len(words.tags)])])[: len(firsts)] - 1
    is_span = begins[words.previous[firsts], words.tags[firsts]] & tags.ends[reading].to(device)[words.tags[lasts]]
    firsts, lasts = firsts[is_span], lasts[is_span]
    types = tags.type_ids.to(device)[words.tags[firsts]]
    return (words.positions[firsts] * num_words + lasts - firsts) * num_types + types, types
