"""Counts of matched spans, and the scores that follow from them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor

from ner_lightning.entities import EntitySpan
from ner_lightning.schemes import Reading, TagSet

READINGS: tuple[Reading, ...] = ("lenient", "strict")
STRICT = READINGS.index("strict")


@dataclass(frozen=True, slots=True)
class SpanCounts:
    """Spans matched, predicted and annotated; counts add up, scores are derived."""

    matched: int = 0
    predicted: int = 0
    gold: int = 0

    @classmethod
    def of(cls, predicted: Iterable[EntitySpan], gold: Iterable[EntitySpan]) -> SpanCounts:
        """Count one sentence; a span matches when boundaries and type are equal."""
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


@dataclass(frozen=True, slots=True)
class SpanTally:
    """What is counted in a batch of sentences.

    Args:
        counts: Matched, predicted and gold spans of every entity type, for each of ``READINGS``.
        ill_formed: Sentences with a predicted tag that stands in no strict span.
    """

    counts: Int[Tensor, "readings types 3"]
    ill_formed: int


@dataclass(frozen=True, slots=True)
class PairTables:
    """What two tags in a row say of spans, for predictions and, behind them, for annotation.

    Args:
        flags: For each of ``READINGS``, whether the second tag continues a span, begins one, may end one.
        types: The entity type of every tag.
        num_tags: How many tags either side has room for.
        first_rows: Where the rows of either side begin.
    """

    flags: Bool[np.ndarray, "6 pairs"]
    types: Int[np.ndarray, " tags"]
    num_tags: int
    first_rows: Int[np.ndarray, "2 1"]

    @classmethod
    @lru_cache(maxsize=16)
    def of(cls, predicted_tags: TagSet, gold_tags: TagSet) -> PairTables:
        sides = (predicted_tags, gold_tags)
        num_tags = max(len(side.tags) for side in sides)
        flags = np.zeros((3, 2, 2, num_tags, num_tags), dtype=bool)
        types = np.zeros((2, num_tags), dtype=np.int64)
        for number, side in enumerate(sides):
            num = len(side.tags)
            for row, reading in enumerate(READINGS):
                tables = (side.continues[reading], side.begins[reading], side.ends[reading])
                for kind, table in enumerate(tables):
                    flags[kind, row, number, :num, :num] = table.numpy()
            types[number, 1:num] = [side.entity_types.index(tag.entity_type) for tag in side.parsed_tags[1:]]
        return cls(flags.reshape(6, -1), types.ravel(), num_tags, np.array([[0], [num_tags]]))


@dataclass(frozen=True, slots=True)
class TaggedWords:
    """The words of a batch that have a tag on either side; row 0 is predicted, row 1 is gold.

    Args:
        tags: Their tag ids.
        previous: The tag ids of the words before them; ``O`` at the begin of a sentence.
        sentences: The row of the batch that each stands in.
    """

    tags: Int[np.ndarray, "2 words"]
    previous: Int[np.ndarray, "2 words"]
    sentences: Int[np.ndarray, " words"]

    @classmethod
    def of(cls, predicted: Int[np.ndarray, "batch words"], gold: Int[np.ndarray, "batch words"]) -> TaggedWords:
        sides = (predicted.ravel(), gold.ravel())
        positions = np.flatnonzero((sides[0] | sides[1]) > 0)
        sentences = positions // max(predicted.shape[1], 1)
        tags = np.stack([side.take(positions) for side in sides])
        previous = np.zeros_like(tags)
        neighbours = (positions[1:] - positions[:-1] == 1) & (sentences[1:] == sentences[:-1])
        np.multiply(tags[:, :-1], neighbours, out=previous[:, 1:])
        return cls(tags, previous, sentences)


def count_spans(
    predicted: Int[Tensor, "batch words"],
    gold: Int[Tensor, "batch words"],
    predicted_tags: TagSet,
    gold_tags: TagSet,
) -> SpanTally:
    """Count the spans of a batch in both readings, without a loop over words.

    Words without a tag are left out first. In numpy: on so few numbers a tensor operation costs many times
    its arithmetic.

    Args:
        predicted: Tag ids in ``predicted_tags``; rows are sentences, negative ids their padding.
        gold: Tag ids in ``gold_tags``, padded alike.
        predicted_tags: The scheme and types of the predictions.
        gold_tags: The scheme and types of the annotation; its entity types begin with those of
            ``predicted_tags``, and may go on with types that cannot be predicted.

    Raises:
        ValueError: If the two are not padded alike.
    """
    predicted_ids, gold_ids = predicted.cpu().numpy(), gold.cpu().numpy()
    if predicted_ids.shape != gold_ids.shape or ((predicted_ids ^ gold_ids) < 0).any():
        raise ValueError("predicted and gold tags must be of the same sentences, got other lengths")
    tables = PairTables.of(predicted_tags, gold_tags)
    words = TaggedWords.of(predicted_ids, gold_ids)
    starts, is_last, is_span = _segments(words, tables)
    types = tables.types.take(words.tags + tables.first_rows)

    both = is_span[:, 0] & is_span[:, 1] & (types[0] == types[1])
    matched = both & (starts[:, 1] - starts[:, 0] == words.sentences.size)
    found = np.stack([matched, is_span[:, 0], is_span[:, 1]], axis=1)
    num_types, num_rows = len(gold_tags.entity_types), 3 * len(READINGS)
    first_cells = num_types * np.arange(num_rows).reshape(-1, 3, 1)
    cells = (types[[0, 0, 1]] + first_cells)[found]
    counts = np.bincount(cells, minlength=num_rows * num_types).reshape(-1, 3, num_types)

    in_no_span = is_last[STRICT, 0] & (words.tags[0] > 0) & ~is_span[STRICT, 0]
    ill_formed = int(np.count_nonzero(np.bincount(words.sentences[in_no_span])))
    return SpanTally(torch.from_numpy(counts.transpose(0, 2, 1)), ill_formed)


def _segments(
    words: TaggedWords, tables: PairTables
) -> tuple[
    Int[np.ndarray, "readings 2 words"],
    Bool[np.ndarray, "readings 2 words"],
    Bool[np.ndarray, "readings 2 words"],
]:
    """Where the segment of every word starts, whether the word is its last, and whether the last of a span.

    A segment begins wherever a tag does not continue a span. It is a span where its first tag begins one and
    its last tag may end one. Readings and sides are laid end to end, each begins with a segment, and starts
    are counted from the begin of all.
    """
    pairs = (words.previous + tables.first_rows) * tables.num_tags + words.tags
    continues, begins, can_end = tables.flags.take(pairs.ravel(), axis=1).reshape(3, -1)
    is_first = ~continues
    starts = np.maximum.accumulate(np.arange(is_first.size) * is_first)
    is_last = np.ones_like(is_first)
    is_last[:-1] = is_first[1:]
    is_span = is_last & can_end & begins.take(starts)
    shape = (len(READINGS), *words.tags.shape)
    return starts.reshape(shape), is_last.reshape(shape), is_span.reshape(shape)


def count_matches(
    predicted: Int[Tensor, "batch words"],
    gold: Int[Tensor, "batch words"],
    predicted_tags: TagSet,
    gold_tags: TagSet,
    reading: Reading,
) -> Int[Tensor, "types 3"]:
    """Matched, predicted and gold spans of every entity type in one reading; see :func:`count_spans`."""
    return count_spans(predicted, gold, predicted_tags, gold_tags).counts[READINGS.index(reading)]


def count_ill_formed(tag_ids: Int[Tensor, "batch words"], tags: TagSet) -> int:
    """How many sentences hold a tag that the scheme does not allow where it stands."""
    return count_spans(tag_ids, tag_ids, tags, tags).ill_formed
