"""Tables of scores, for the terminal and for pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ner_lightning.evaluation.pages.tables import Percent, Table, type_labels
from ner_lightning.evaluation.scores import Scores
from ner_lightning.metrics.span_counts import SpanCounts

F1: Final = "F1\u00a0(%)"  # with a space at which headers are not broken
SCORE_COLUMNS: Final = ("precision (%)", "recall (%)", F1, "gold", "predicted")


def scores_table(scores: Scores, title: str, note: str = "") -> Table:
    """Return precision, recall and F1 of every entity type, and overall."""
    labels = type_labels(scores.by_type)
    rows = [(labels[name], *score_cells(counts)) for name, counts in scores.by_type.items()]
    rows.append(("overall", *score_cells(scores.overall)))
    return Table(title, ("type", *SCORE_COLUMNS), tuple(rows), note=note, has_total=True)


def decoders_table(scores: Mapping[str, Mapping[str, float]]) -> Table:
    """Return the scores of one model under several decoders."""
    rows = tuple(
        (name, *(Percent(of_decoder[measure]) for measure in ("f1", "f1_strict", "ill_formed")))
        for name, of_decoder in scores.items()
    )
    return Table("The same model by decoder", ("decoder", F1, f"strict {F1}", "ill-formed sentences\u00a0(%)"), rows)


def score_cells(counts: SpanCounts) -> tuple[Any, ...]:
    """Return the cells of ``SCORE_COLUMNS``. A score is undefined, and not zero, if nothing was counted."""
    return (
        Percent(counts.precision if counts.predicted else None),
        Percent(counts.recall if counts.gold else None),
        Percent(counts.f1 if counts.predicted or counts.gold else None),
        counts.gold,
        counts.predicted,
    )
