"""The part of their predictions that runs are compared on."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from ner_lightning.corpora.reader import SplitName
from ner_lightning.entities import EntitySpan
from ner_lightning.predictions import PredictedSentence
from ner_lightning.runs.folders import FinishedRun

NOT_IN_NAMES: Final = re.compile(r"[^\w.+-]")
MAX_NAME: Final = 80  # characters that a file name spends on entity types


@dataclass(frozen=True, slots=True)
class Scope:
    """The part of their predictions that runs are compared on.

    Args:
        split: The split that was predicted.
        decoder: The decoder whose predictions are compared; None for the one that each run used itself.
        entity_types: The entity types that count, gold or predicted; None for all.
    """

    split: SplitName
    decoder: str | None = None
    entity_types: tuple[str, ...] | None = None

    @property
    def file_suffix(self) -> str:
        """The part of a file name that keeps comparisons of the same runs apart; empty for the usual scope."""
        split = "" if self.split == "test" else f".{self.split}"
        decoder = "" if self.decoder is None else f".{self.decoder}"
        types = "" if self.entity_types is None else f".{'+'.join(self.entity_types)}"
        return split + decoder + NOT_IN_NAMES.sub("_", types)[:MAX_NAME]

    def require_known_types(self, runs: Iterable[FinishedRun]) -> None:
        """Check that each entity type is known to at least one run.

        Raises:
            ValueError: If an entity type is unknown to all runs.
        """
        known = {name for run in runs for name in run.record["tags"]["entity_types"]}
        unknown = [name for name in self.entity_types or () if name not in known]
        if unknown:
            raise ValueError(f"entity types to compare must be among {sorted(known)}, got {unknown[0]!r}")

    def counted(self, sentences: Sequence[PredictedSentence]) -> Sequence[PredictedSentence]:
        """Return the sentences with only those entities that count."""
        types = self.entity_types
        if types is None:
            return sentences

        def kept(entities: Iterable[EntitySpan]) -> tuple[EntitySpan, ...]:
            return tuple(entity for entity in entities if entity.entity_type in types)

        return [replace(each, gold=kept(each.gold), predicted=kept(each.predicted)) for each in sentences]
