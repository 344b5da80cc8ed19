"""Scores of a predictions file: counts of exact matches, overall and by group."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from ner_lightning.entities import EntitySpan
from ner_lightning.metrics.span_counts import SpanCounts
from ner_lightning.predictions import PredictedSentence

Group = TypeVar("Group", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Scores:
    """Counts of exact matches over the sentences of a predictions file.

    Args:
        by_type: The counts of every entity type that is annotated or predicted.
    """

    by_type: dict[str, SpanCounts]

    @property
    def overall(self) -> SpanCounts:
        return sum(self.by_type.values(), SpanCounts())


def score(sentences: Iterable[PredictedSentence]) -> Scores:
    """Count the matches of predicted and gold entities, by entity type."""
    by_type = score_by(sentences, lambda _, entity: entity.entity_type)
    return Scores(dict(sorted(by_type.items())))


def score_by(
    sentences: Iterable[PredictedSentence], group_of: Callable[[PredictedSentence, EntitySpan], Group]
) -> dict[Group, SpanCounts]:
    """Count the matches separately for groups of entities.

    Args:
        sentences: The sentences of a predictions file.
        group_of: Returns the group of a gold or predicted entity. It may depend on the sentence, the boundaries and
            the type only, so that entities that match are in the same group.
    """
    matched, predicted, gold = Counter[Group](), Counter[Group](), Counter[Group]()
    for sentence in sentences:
        golds, predictions = set(sentence.gold), set(sentence.predicted)
        sides = ((matched, golds & predictions), (predicted, predictions), (gold, golds))
        for counts, entities in sides:
            counts.update(group_of(sentence, entity) for entity in entities)
    return {group: SpanCounts(matched[group], predicted[group], gold[group]) for group in gold | predicted}
