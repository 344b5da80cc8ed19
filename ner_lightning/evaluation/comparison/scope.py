"""What runs are compared on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from ner_lightning.entities import EntitySpan
from ner_lightning.predictions import PredictedSentence
from ner_lightning.runs.folders import FinishedRun


@dataclass(frozen=True, slots=True)
class Scope:
    """The part of what runs predicted that they are compared on.

    Args:
        split: The split that was predicted.
        decoder: The decoder whose predictions count; None takes each run's own.
        entity_types: The entity types that count, gold or predicted; None takes all.
    """

    split: str
    decoder: str | None = None
    entity_types: tuple[str, ...] | None = None

    def __str__(self) -> str:
        decoder = [] if self.decoder is None else [f"decoder {self.decoder}"]
        types = [] if self.entity_types is None else [f"only {', '.join(self.entity_types)}"]
        return "; ".join([self.split, *decoder, *types])

    def require_known_types(self, runs: Iterable[FinishedRun]) -> None:
        """Check that some run knows each entity type.

        Raises:
            ValueError: If none does.
        """
        known = {name for run in runs for name in run.record["tags"]["entity_types"]}
        unknown = [name for name in self.entity_types or () if name not in known]
        if unknown:
            raise ValueError(f"entity types to compare on must be among {sorted(known)}, got {unknown[0]!r}")

    def predictions(self, run: FinishedRun) -> list[PredictedSentence]:
        """What a run predicted of the split, entities of all types.

        Raises:
            PredictionsError: If the file is missing or damaged.
        """
        return run.predictions(self.split, self.decoder)

    def counted(self, sentences: Sequence[PredictedSentence]) -> Sequence[PredictedSentence]:
        """The sentences with the entities that count."""
        types = self.entity_types
        if types is None:
            return sentences

        def kept(entities: Iterable[EntitySpan]) -> tuple[EntitySpan, ...]:
            return tuple(entity for entity in entities if entity.entity_type in types)

        return [replace(each, gold=kept(each.gold), predicted=kept(each.predicted)) for each in sentences]
