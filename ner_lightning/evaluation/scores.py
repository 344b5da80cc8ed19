"""Scores of a predictions file, and seqeval as their referee."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from seqeval.metrics import classification_report

from ner_lightning.entities import EntitySpan
from ner_lightning.evaluation.tables import Percent, Table, type_labels
from ner_lightning.metrics.span_counts import SpanCounts
from ner_lightning.predictions import PredictedSentence
from ner_lightning.schemes import BIO, TagSet

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


def seqeval_scores(sentences: Sequence[PredictedSentence]) -> dict[str, float]:
    """What seqeval itself says of a predictions file: ``f1``, ``precision``, ``recall``, ``f1/<type>``.

    Gold entities are written as BIO, which loses none; predicted tags are given as they are.

    Raises:
        ValueError: If the file holds no predicted tags.
    """
    tagged = [(sentence, sentence.predicted_tags) for sentence in sentences]
    types = tuple(sorted({entity.entity_type for sentence in sentences for entity in sentence.gold}))
    tags = TagSet(BIO(), types)
    gold = [[tags.tags[i] for i in tags.write(s.gold, len(s.words))] for s in sentences]
    predicted = [list(given) for _, given in tagged if given is not None]
    if len(predicted) != len(gold):
        raise ValueError("seqeval reads predicted tags, got a predictions file without them")
    if not any(tag != "O" for row in (*gold, *predicted) for tag in row):
        return {"f1": 0.0, "precision": 0.0, "recall": 0.0}  # seqeval's report needs an entity
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a score without predictions is 0
        report = classification_report(gold, predicted, output_dict=True, zero_division=0)
    averages = {"micro avg", "macro avg", "weighted avg"}
    overall = report["micro avg"]
    return {
        "f1": float(overall["f1-score"]),
        "precision": float(overall["precision"]),
        "recall": float(overall["recall"]),
        **{f"f1/{kind}": float(row["f1-score"]) for kind, row in report.items() if kind not in averages},
    }


def disagreements(ours: dict[str, float], seqeval: dict[str, float], tolerance: float = 1e-12) -> list[str]:
    """The scores in which we and seqeval differ, a line each."""
    return [
        f"{name}: {ours.get(name)} here, {value} by seqeval"
        for name, value in seqeval.items()
        if abs(ours.get(name, 0.0) - value) > tolerance
    ]


def scores_table(scores: Scores, title: str, note: str = "") -> Table:
    """Precision, recall and F1 of every type, in per cent."""
    labels = type_labels(scores.by_type)
    rows = [(labels[name], *score_cells(counts)) for name, counts in scores.by_type.items()]
    rows.append(("overall", *score_cells(scores.overall)))
    return Table(title, ("type", *SCORE_COLUMNS), tuple(rows), note=note, has_total=True)


def score_cells(counts: SpanCounts) -> tuple[Any, ...]:
    """The cells of ``SCORE_COLUMNS``; a score of nothing is no zero."""
    return (
        Percent(counts.precision if counts.predicted else None),
        Percent(counts.recall if counts.gold else None),
        Percent(counts.f1 if counts.predicted or counts.gold else None),
        counts.gold,
        counts.predicted,
    )
