"""Scores of a predictions file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from ner_lightning.entities import EntitySpan
from ner_lightning.evaluation.tables import Percent, Table, type_labels
from ner_lightning.metrics.span_counts import SpanCounts
from ner_lightning.predictions import PredictedSentence

SCORE_COLUMNS: Final = ("precision", "recall", "F1", "gold", "predicted")
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
    """Count the matches of predicted and gold entities."""
    by_type = score_by(sentences, lambda _, entity: entity.entity_type)
    return Scores(dict(sorted(by_type.items())))


def score_by(
    sentences: Iterable[PredictedSentence], group_of: Callable[[PredictedSentence, EntitySpan], Group]
) -> dict[Group, SpanCounts]:
    """Count the matches apart for groups of entities.

    Args:
        sentences: The sentences of a predictions file.
        group_of: The group of an entity, gold or predicted, by its sentence, boundaries and type; so those that match
            are of one group.
    """
    matched, predicted, gold = Counter[Group](), Counter[Group](), Counter[Group]()
    for sentence in sentences:
        golds, predictions = set(sentence.gold), set(sentence.predicted)
        sides = ((matched, golds & predictions), (predicted, predictions), (gold, golds))
        for counts, entities in sides:
            counts.update(group_of(sentence, entity) for entity in entities)
    return {group: SpanCounts(matched[group], predicted[group], gold[group]) for group in gold | predicted}


def scores_table(scores: Scores, title: str, note: str = "") -> Table:
    """Precision, recall and F1 of every type, in per cent."""
    labels = type_labels(scores.by_type)
    rows = [(labels[name], *score_cells(counts)) for name, counts in scores.by_type.items()]
    rows.append(("overall", *score_cells(scores.overall)))
    return Table(title, ("type", *SCORE_COLUMNS), tuple(rows), note=note, has_total=True)


def decoders_table(scores: Mapping[str, Mapping[str, float]]) -> Table:
    """The scores of one model by decoder."""
    rows = tuple(
        (name, *(Percent(of_decoder[measure]) for measure in ("f1", "f1_strict", "ill_formed")))
        for name, of_decoder in scores.items()
    )
    return Table("The same model by decoder, per cent", ("decoder", "F1", "strict F1", "ill-formed sentences"), rows)


def score_cells(counts: SpanCounts) -> tuple[Any, ...]:
    """The cells of ``SCORE_COLUMNS``; a score of nothing is no zero."""
    return (
        Percent(counts.precision if counts.predicted else None),
        Percent(counts.recall if counts.gold else None),
        Percent(counts.f1 if counts.predicted or counts.gold else None),
        counts.gold,
        counts.predicted,
    )
