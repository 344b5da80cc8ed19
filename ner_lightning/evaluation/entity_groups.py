"""Ways to split entities into groups that are scored separately."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise

from ner_lightning.entities import EntitySpan
from ner_lightning.evaluation.scores import score_by
from ner_lightning.metrics.span_counts import SpanCounts
from ner_lightning.predictions import PredictedSentence
from ner_lightning.runs.training_entities import TrainingEntities


@dataclass(frozen=True, slots=True)
class Grouping:
    """A way to split entities into groups.

    The group of an entity, gold or predicted, follows from the entity and its sentence only. So each group has
    precision, recall and F1, and the counts of all groups add up to those of the whole.

    Args:
        title: The property that entities are grouped by.
        groups: The names of the groups, in order.
        group_of: Returns the name of an entity's group.
        note: An explanation for the reader of a table.
    """

    title: str
    groups: tuple[str, ...]
    group_of: Callable[[PredictedSentence, EntitySpan], str]
    note: str = ""

    def scores(self, sentences: Iterable[PredictedSentence]) -> dict[str, SpanCounts]:
        """Count the matches in every group, including empty ones."""
        counts = score_by(sentences, self.group_of)
        return {name: counts.get(name, SpanCounts()) for name in self.groups}


def by_entity_length() -> Grouping:
    """Group entities by their number of words."""
    return _by_range("entity length", (1, 2, 3, 4, 5), "words", lambda _, entity: len(entity))


def by_sentence_length() -> Grouping:
    """Group entities by the number of words in their sentence."""
    return _by_range("sentence length", (1, 10, 20, 30, 50), "words", lambda sentence, _: len(sentence.words))


def by_familiarity(training: TrainingEntities) -> Grouping:
    """Group entities by whether their surface was annotated in training, with the same type or another."""
    names = seen, seen_otherwise, unseen = ("seen", "seen as another type", "unseen")

    def familiarity(sentence: PredictedSentence, entity: EntitySpan) -> str:
        types = training.get(entity.surface(sentence.words), {})
        return seen if entity.entity_type in types else seen_otherwise if types else unseen

    note = (
        "Seen: the same surface, including its case, was annotated in training with the same type. A predicted entity "
        "whose type differs from gold may therefore count in another row than the gold entity."
    )
    return Grouping("surface in training", names, familiarity, note)


def by_frequency(training: TrainingEntities) -> Grouping:
    """Group entities by how often their surface was annotated in training, with any type."""

    def frequency(sentence: PredictedSentence, entity: EntitySpan) -> int:
        return sum(training.get(entity.surface(sentence.words), {}).values())

    return _by_range("frequency in training", (0, 1, 2, 5, 20), "times", frequency)


def _by_range(
    title: str, starts: tuple[int, ...], unit: str, value_of: Callable[[PredictedSentence, EntitySpan], int]
) -> Grouping:
    """Group entities by a number: each group begins at a start and ends before the next one; the last is open."""
    ranges = [str(start) if end == start + 1 else f"{start}–{end - 1}" for start, end in pairwise(starts)]
    closed = [f"{numbers} {unit.removesuffix('s') if numbers == '1' else unit}" for numbers in ranges]
    names = (*closed, f"{starts[-1]} {unit} or more")
    return Grouping(title, names, lambda sentence, entity: names[bisect_right(starts, value_of(sentence, entity)) - 1])
