"""Types of errors: gold entities are paired with predicted ones, and the pairs are counted by kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal, get_args

from ner_lightning.entities import EntitySpan

ErrorKind = Literal["correct", "wrong type", "wrong boundary", "wrong both", "missed", "spurious"]
Boundary = Literal["equal", "too long", "too short", "shifted"]
Side = Literal["gold", "predicted"]
Measure = Literal["strict", "exact", "partial", "type"]

ERROR_KINDS: Final[tuple[ErrorKind, ...]] = get_args(ErrorKind)
MEASURES: Final[tuple[Measure, ...]] = get_args(Measure)


@dataclass(frozen=True, slots=True)
class EntityPair:
    """A gold entity and the predicted entity that it is compared with; None if there is no counterpart."""

    gold: EntitySpan | None
    predicted: EntitySpan | None

    def __post_init__(self) -> None:
        if self.gold is None and self.predicted is None:
            raise ValueError("a pair needs a gold or a predicted entity, got neither")

    @property
    def kind(self) -> ErrorKind:
        """The kind of error; for *wrong boundary* the type is right, for *wrong type* the boundaries are."""
        if self.predicted is None:
            return "missed"
        if self.gold is None:
            return "spurious"
        equal_type = self.gold.entity_type == self.predicted.entity_type
        if self.boundary == "equal":
            return "correct" if equal_type else "wrong type"
        return "wrong boundary" if equal_type else "wrong both"

    @property
    def boundary(self) -> Boundary | None:
        """The predicted boundaries relative to gold: *too long* contains the gold entity, *too short* is part of it."""
        if self.gold is None or self.predicted is None:
            return None
        starts_earlier, ends_later = self.predicted.start - self.gold.start, self.gold.end - self.predicted.end
        if starts_earlier == ends_later == 0:
            return "equal"
        if starts_earlier <= 0 and ends_later <= 0:
            return "too long"
        return "too short" if starts_earlier >= 0 and ends_later >= 0 else "shifted"


def pair_entities(gold: Iterable[EntitySpan], predicted: Iterable[EntitySpan]) -> list[EntityPair]:
    """Pair the entities of one sentence: each gold entity with at most one predicted entity that overlaps it.

    Pairs with the largest overlap (shared words divided by all words of both) are formed first. Ties go to pairs of
    equal types, then to the leftmost. An exact match is therefore always a pair. If several predicted entities lie
    within one gold entity, it is paired with the best of them, and the others count as spurious.

    Returns:
        Pairs in the order of the sentence; each distinct entity occurs once.

    >>> gold, predicted = [EntitySpan(0, 3, "PER")], [EntitySpan(0, 1, "PER"), EntitySpan(1, 3, "LOC")]
    >>> [pair.kind for pair in pair_entities(gold, predicted)]
    ['spurious', 'wrong both']
    """
    golds, predictions = sorted(set(gold)), sorted(set(predicted))
    overlapping = [(g, p) for g in golds for p in predictions if g.start < p.end and p.start < g.end]
    overlapping.sort(key=lambda pair: (-_overlap(*pair), pair[0].entity_type != pair[1].entity_type, *pair))
    partner_by_gold: dict[EntitySpan, EntitySpan] = {}
    taken: set[EntitySpan] = set()
    for g, p in overlapping:
        if g not in partner_by_gold and p not in taken:
            partner_by_gold[g] = p
            taken.add(p)
    pairs = [EntityPair(g, partner_by_gold.get(g)) for g in golds]
    pairs += [EntityPair(None, p) for p in predictions if p not in taken]
    return sorted(pairs, key=lambda pair: min(e for e in (pair.gold, pair.predicted) if e is not None))


def _overlap(first: EntitySpan, second: EntitySpan) -> float:
    shared = min(first.end, second.end) - max(first.start, second.start)
    return shared / (len(first) + len(second) - shared)


def confused_types(pair: EntityPair) -> list[tuple[str | None, str | None]]:
    """Return the gold and predicted type of each span of a pair; None if one side has no entity with these boundaries.

    So types are confused with each other only where the boundaries agree.

    >>> confused_types(EntityPair(EntitySpan(0, 2, "PER"), EntitySpan(0, 2, "LOC")))
    [('PER', 'LOC')]
    >>> confused_types(EntityPair(EntitySpan(0, 2, "PER"), EntitySpan(0, 1, "LOC")))
    [('PER', None), (None, 'LOC')]
    """
    gold = None if pair.gold is None else pair.gold.entity_type
    predicted = None if pair.predicted is None else pair.predicted.entity_type
    if pair.boundary == "equal":
        return [(gold, predicted)]
    return [types for types in ((gold, None), (None, predicted)) if types != (None, None)]


def count_kinds(pairs: Iterable[EntityPair], side: Side) -> dict[str, Counter[ErrorKind]]:
    """Count the entities of every type by kind of error.

    Args:
        pairs: The pairs of any number of sentences.
        side: The side whose entities are counted, under their own type. Counts for *gold* add up to the gold entities
            of a type (never spurious), counts for *predicted* to the predicted entities (never missed).

    Returns:
        Counts by entity type, sorted by type.
    """
    counts: dict[str, Counter[ErrorKind]] = {}
    for pair in pairs:
        entity = pair.gold if side == "gold" else pair.predicted
        if entity is not None:
            counts.setdefault(entity.entity_type, Counter())[pair.kind] += 1
    return dict(sorted(counts.items()))


@dataclass(frozen=True, slots=True)
class SemEvalCounts:
    """The counts and scores of one measure of SemEval-2013 task 9 (Segura-Bedmar et al. 2013).

    Scores are computed from counts summed over all sentences; a partial match counts one half.
    """

    correct: int = 0
    incorrect: int = 0
    partial: int = 0
    missed: int = 0
    spurious: int = 0

    @property
    def possible(self) -> int:
        return self.correct + self.incorrect + self.partial + self.missed

    @property
    def actual(self) -> int:
        return self.correct + self.incorrect + self.partial + self.spurious

    @property
    def precision(self) -> float:
        return (self.correct + self.partial / 2) / self.actual if self.actual else 0.0

    @property
    def recall(self) -> float:
        return (self.correct + self.partial / 2) / self.possible if self.possible else 0.0

    @property
    def f1(self) -> float:
        total = self.actual + self.possible
        return 2 * (self.correct + self.partial / 2) / total if total else 0.0


def count_semeval(pairs: Iterable[EntityPair]) -> dict[Measure, SemEvalCounts]:
    """Return SemEval's counts for the pairs of any number of sentences.

    *Strict* requires the right boundaries and type, *exact* the right boundaries, and *type* the right type and some
    overlap. *Partial* ignores the type and counts wrong boundaries as partly correct.
    """
    kinds = Counter(pair.kind for pair in pairs)
    correct, typ, boundary, both = (kinds[kind] for kind in ("correct", "wrong type", "wrong boundary", "wrong both"))
    rest = {"missed": kinds["missed"], "spurious": kinds["spurious"]}
    return {
        "strict": SemEvalCounts(correct, typ + boundary + both, **rest),
        "exact": SemEvalCounts(correct + typ, boundary + both, **rest),
        "partial": SemEvalCounts(correct + typ, partial=boundary + both, **rest),
        "type": SemEvalCounts(correct + boundary, typ + both, **rest),
    }
