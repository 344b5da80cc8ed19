"""What kind of error every entity is: gold entities paired with predicted ones, and the counts that follow."""

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
    """A gold entity and the predicted one it is compared with; None stands for no counterpart."""

    gold: EntitySpan | None
    predicted: EntitySpan | None

    def __post_init__(self) -> None:
        if self.gold is None and self.predicted is None:
            raise ValueError("a pair needs a gold or a predicted entity, got neither")

    @property
    def kind(self) -> ErrorKind:
        """What the pair is; *wrong boundary* has the gold type, *wrong type* the gold boundaries."""
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
        """How the predicted entity lies to the gold one: too long holds all of it, too short is a part of it."""
        if self.gold is None or self.predicted is None:
            return None
        starts_earlier, ends_later = self.predicted.start - self.gold.start, self.gold.end - self.predicted.end
        if starts_earlier == ends_later == 0:
            return "equal"
        if starts_earlier <= 0 and ends_later <= 0:
            return "too long"
        return "too short" if starts_earlier >= 0 and ends_later >= 0 else "shifted"


def pair_entities(gold: Iterable[EntitySpan], predicted: Iterable[EntitySpan]) -> list[EntityPair]:
    """Pair the entities of one sentence, each with at most one of the other side that shares words with it.

    The pairs with the best overlap (shared words over all words of both) are made first; of equal overlaps that of
    equal types, then the leftmost. So an exact match is always a pair, and of several predicted entities within one
    gold entity the best is compared with it and the rest is spurious.

    Returns:
        Every entity once, as a set holds it, in the order of the sentence.

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


def count_kinds(pairs: Iterable[EntityPair], side: Side) -> dict[str, Counter[ErrorKind]]:
    """How many entities of every type are of each kind.

    Args:
        pairs: The pairs of any number of sentences.
        side: Whose entities are counted, under whose type. The counts of a type add up to its gold entities, none of
            which is spurious, or to its predicted ones, none of which is missed. Pairs count on either side.
    """
    counts: dict[str, Counter[ErrorKind]] = {}
    for pair in pairs:
        entity = pair.gold if side == "gold" else pair.predicted
        if entity is not None:
            counts.setdefault(entity.entity_type, Counter())[pair.kind] += 1
    return dict(sorted(counts.items()))


@dataclass(frozen=True, slots=True)
class SemEvalCounts:
    """The counts of one measure of SemEval-2013 task 9 (Segura-Bedmar et al. 2013), and its scores.

    Scores follow from counts that are summed over all sentences; a partial match is worth a half.
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
    """SemEval's counts from the pairs of any number of sentences.

    *Strict* wants boundaries and type, *exact* the boundaries, *type* the type and any overlap; *partial* asks for no
    type, and takes other boundaries as partly correct.
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
