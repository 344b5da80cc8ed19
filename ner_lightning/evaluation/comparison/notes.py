"""Warnings about differences between runs that a comparison does not intend."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Final

from ner_lightning.evaluation.comparison.scope import Scope
from ner_lightning.runs.folders import DECODERS, FinishedRun

CIRCUMSTANCES: Final = ("precision", "device", "ranks", "threads")
SHARED: Final = ("corpus_checksum", "commit", "versions", *CIRCUMSTANCES)  # facts that should not differ between runs


def decoder_notes(runs_by_arm: Mapping[str, Sequence[FinishedRun]], scope: Scope) -> list[str]:
    """Warn if arms are scored with different decoders, or another decoder could be shown for some runs only."""
    lines = []
    decoders = {name: sorted({run.decoder for run in runs}) for name, runs in runs_by_arm.items()}
    if scope.decoder is None and len(set(map(tuple, decoders.values()))) > 1:
        shown = ", ".join(f"{name} with {' and '.join(of_arm)}" for name, of_arm in decoders.items())
        lines.append(
            f"The arms were scored with different decoders ({shown}), so their differences are partly those of the "
            f"decoders. Use --decoder {' or '.join(DECODERS)} to score all of them in the same way."
        )
    runs = list(chain.from_iterable(runs_by_arm.values()))
    for decoder in DECODERS:
        lacking = [run for run in runs if not run.predictions_path(scope.split, decoder).is_file()]
        if 0 < len(lacking) < len(runs):
            lines.append(
                f"There is no verdict under {decoder}, since {len(lacking)} of {len(runs)} runs have no "
                f"{scope.split} predictions with it, such as {lacking[0].path}."
            )
    return lines


def circumstance_notes(runs: Sequence[FinishedRun]) -> list[str]:
    """Describe every circumstance that differs between runs, in one line each."""
    lines = []
    for name in SHARED:
        values = Counter(str(run.record.get(name)) for run in runs)
        if len(values) > 1:
            shown = ", ".join(
                f"{value} ({count} {'run' if count == 1 else 'runs'})" for value, count in values.most_common()
            )
            lines.append(f"The runs differ in {name.replace('_', ' ')}: {shown}.")
    return lines
