"""The sentences on which arms differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ner_lightning.entities import EntitySpan
from ner_lightning.predictions import PredictedSentence

RunsOfArm = Sequence[Sequence[PredictedSentence]]


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A sentence on which arms differ.

    Args:
        sentence: The sentence, with its gold entities.
        found: What more than half of the runs of each arm predict; the score of an entity is their share. Such entities
            cannot overlap.
        gap: By how much the shares of two arms differ at most, summed over all entities.
    """

    sentence: PredictedSentence
    found: Mapping[str, tuple[EntitySpan, ...]]
    gap: float

    def to_plain(self) -> dict[str, Any]:
        """What is kept as JSON: entities as in a predictions file, those found with the share of runs."""
        return {
            "id": self.sentence.id,
            "document_id": self.sentence.document_id,
            "words": self.sentence.words,
            "gold": [(entity.start, entity.end, entity.entity_type) for entity in self.sentence.gold],
            "found": {
                name: [(entity.start, entity.end, entity.entity_type, entity.score) for entity in entities]
                for name, entities in self.found.items()
            },
            "gap": self.gap,
        }


def find_disagreements(runs_by_arm: Mapping[str, RunsOfArm]) -> list[Disagreement]:
    """The sentences on which any two arms differ, those that they differ most on first.

    Args:
        runs_by_arm: The predictions of every run of every arm, of the same sentences in the same order.
    """
    disagreements = []
    for by_arm in zip(*(zip(*runs, strict=True) for runs in runs_by_arm.values()), strict=True):
        shares = [_shares(of_runs) for of_runs in by_arm]
        found = [{span: share for span, share in of_arm.items() if share > 0.5} for of_arm in shares]
        if any(of_arm.keys() != found[0].keys() for of_arm in found):
            spans = {span for of_arm in shares for span in of_arm}
            gap = sum(max(s.get(span, 0.0) for s in shares) - min(s.get(span, 0.0) for s in shares) for span in spans)
            entities = [tuple(replace(span, score=of_arm[span]) for span in sorted(of_arm)) for of_arm in found]
            disagreements.append(Disagreement(by_arm[0][0], dict(zip(runs_by_arm, entities, strict=True)), gap))
    return sorted(disagreements, key=lambda disagreement: -disagreement.gap)


def _shares(of_runs: Sequence[PredictedSentence]) -> dict[EntitySpan, float]:
    """In which share of the runs each entity was predicted."""
    counts = Counter(span for sentence in of_runs for span in set(sentence.predicted))
    return {span: count / len(of_runs) for span, count in counts.items()}
