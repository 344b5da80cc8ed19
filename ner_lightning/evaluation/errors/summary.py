"""The summary of an error analysis, short enough for a screen: scores by type, and the number of errors by kind."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from typing import Final

from ner_lightning.evaluation.errors.analysis import ErrorAnalysis, describe
from ner_lightning.evaluation.pages.tables import Frequencies, Table
from ner_lightning.metrics.error_types import ERROR_KINDS

MAX_TYPES: Final = 8  # leaves room for the other table on a screen of 40 lines
MAX_EXAMPLES: Final = 2
MAX_CHARACTERS: Final = 90  # of all examples together, about two lines


def shortened_scores(table: Table, analysis: ErrorAnalysis) -> Table:
    """Return the table of scores with only the types that have the most gold entities, and the overall scores."""
    by_type = analysis.scores.by_type
    if len(by_type) <= MAX_TYPES:
        return table
    by_name = dict(zip(by_type, table.rows, strict=False))  # the last row is the total
    most = sorted(by_type, key=lambda name: -by_type[name].gold)[:MAX_TYPES]
    note = f"The {MAX_TYPES} types with the most gold entities are shown, out of {len(by_type):,}."
    return replace(table, rows=(*(by_name[name] for name in most), table.rows[-1]), note=note)


def errors_table(analysis: ErrorAnalysis) -> Table:
    """Return the number of errors of each kind, with the most frequent ones as examples."""
    found: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for _, pair in analysis.errors():
        found[pair.kind][describe(pair)] += 1
    num_gold = analysis.scores.overall.gold
    return Table(
        "Errors",
        ("kind", "most often", "times"),
        tuple((kind, _examples(found[kind]), found[kind].total()) for kind in ERROR_KINDS if found[kind]),
        text_columns=2,
        note=f"Number of gold entities: {num_gold:,}; of sentences: {len(analysis.sentences):,}.",
    )


def _examples(counts: Counter[str]) -> str:
    examples = str(Frequencies(counts, MAX_EXAMPLES))
    return examples if len(examples) <= MAX_CHARACTERS else str(Frequencies(counts, 1))
