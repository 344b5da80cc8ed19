"""Entity types that are much rarer than others in the training split."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ner_lightning.corpora.checks.counts import SplitStatistics

MAX_RARE_SHARE: Final = 0.5  # of the most frequent type: on WNUT-17, the four types on which class weights helped


def find_rare_types(train: SplitStatistics) -> Iterator[str]:
    """Yield a note on types with less than half as many entities as the most frequent type; see docs/choosing.md."""
    if not train.entities_by_type:
        return
    frequent, most = max(train.entities_by_type.items(), key=lambda item: item[1])
    rare = sorted((n, kind) for kind, n in train.entities_by_type.items() if n < MAX_RARE_SHARE * most)
    if rare:
        counts = ", ".join(f"{kind} {n:,}" for n, kind in rare[:5]) + (", …" if len(rare) > 5 else "")
        yield (
            f"train: rare entity types: {len(rare)} ({counts}), compared with {frequent} {most:,}; if they matter, add "
            f"configs/loss/weighted.yaml, or to keep the loss, configs/sampling/repeat_factors.yaml (docs/choosing.md)"
        )
