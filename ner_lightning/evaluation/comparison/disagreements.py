"""The sentences on which arms disagree."""

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
    """A sentence on which arms disagree.

    Args:
        sentence: The sentence, with its gold entities.
        found: By arm, the entities that more than half of its runs predict. The score of an entity is the share of
            these runs. Such entities cannot overlap.
        gap: The largest difference between the shares of two arms, summed over all entities.
    """

    sentence: PredictedSentence
    found: Mapping[str, tuple[EntitySpan, ...]]
    gap: float

    def to_plain(self) -> dict[str, Any]:
        """Return plain data for JSON: entities as in a predictions file, with the share of runs as score."""
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

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Disagreement:
        """Rebuild a disagreement from plain data.

        Raises:
            KeyError, TypeError, ValueError: If a value is missing or wrong.
        """
        gold = tuple(EntitySpan(*entity) for entity in plain["gold"])
        sentence = PredictedSentence(plain["id"], plain["document_id"], tuple(plain["words"]), gold, (), None)
        found = {name: tuple(EntitySpan(*entity) for entity in entities) for name, entities in plain["found"].items()}
        return cls(sentence, found, float(plain["gap"]))


def find_disagreements(runs_by_arm: Mapping[str, RunsOfArm]) -> list[Disagreement]:
    """Find the sentences on which any two arms disagree, those with the largest gap first.

    Args:
        runs_by_arm: The predictions of every run of every arm, for the same sentences in the same order.
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
    """Return the share of the runs that predict each entity."""
    counts = Counter(span for sentence in of_runs for span in set(sentence.predicted))
    return {span: count / len(of_runs) for span, count in counts.items()}
