"""A comparison as one page: verdicts, plots, tables, and the sentences on which arms disagree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Final

from ner_lightning.evaluation.comparison.arms import Comparison
from ner_lightning.evaluation.comparison.disagreements import Disagreement
from ner_lightning.evaluation.comparison.plots import length_plot, seed_plot, type_plot
from ner_lightning.evaluation.comparison.sliced_counts import AXES, TYPE
from ner_lightning.evaluation.comparison.tables import (
    arm_table,
    decoder_table,
    method_table,
    run_table,
    seed_table,
    settings_table,
    slice_table,
    slices_of,
)
from ner_lightning.evaluation.pages.html import render
from ner_lightning.evaluation.pages.plots import plot_for_any_window
from ner_lightning.evaluation.pages.sentence_rows import Highlight, Row, sentence_rows
from ner_lightning.evaluation.pages.tables import TypeLabel, type_labels

MAX_SENTENCES: Final = 200


def comparison_page(comparison: Comparison) -> str:
    """Return the page as HTML."""
    all_found = comparison.disagreements or ()
    shown = all_found[:MAX_SENTENCES]
    labels = type_labels(_entity_types(comparison, shown))
    num_runs = {arm.name: len(arm.runs) for arm in comparison.arms}
    return render(
        "comparison.html",
        " or ".join(comparison.arm_names),
        {
            "comparison": comparison,
            "arms": arm_table(comparison),
            "decoders": decoder_table(comparison),
            "seeds": seed_table(comparison),
            "seed_plot": plot_for_any_window(lambda width: seed_plot(comparison, width)),
            "type_plot": plot_for_any_window(lambda width: type_plot(comparison, width)) if len(num_runs) > 1 else "",
            "length_plot": plot_for_any_window(lambda width: length_plot(comparison, width)),
            "slices": [slice_table(comparison, axis) for axis in AXES],
            "methods": method_table(comparison),
            "settings": settings_table(comparison.arm_names, comparison.settings),
            "runs": run_table(comparison),
            "entity_types": list(labels),
            "sentences": [
                {
                    "id": item.sentence.id,
                    "rows": side_by_side(item, labels, num_runs),
                    "differences": differing_types(item, comparison.arm_names, list(labels)),
                    "text": f"{item.sentence.id}\n{' '.join(item.sentence.words)}",
                }
                for item in shown
            ],
            "num_left_out": len(all_found) - len(shown),
        },
        script="comparison.js",
    )


def _entity_types(comparison: Comparison, shown: Sequence[Disagreement]) -> set[str]:
    found = [span for item in shown for spans in (item.sentence.gold, *item.found.values()) for span in spans]
    return {span.entity_type for span in found} | {part.value for part in slices_of(comparison, TYPE)}


def side_by_side(disagreement: Disagreement, labels: Mapping[str, TypeLabel], num_runs: Mapping[str, int]) -> list[Row]:
    """Return the sentence with its gold entities and, below, with those of each arm; wrong ones are marked."""
    gold = disagreement.sentence.gold
    sides = {"gold": [Highlight(entity, labels[entity.entity_type]) for entity in gold]}
    for name, found in disagreement.found.items():
        sides[name] = [
            Highlight(entity, labels[entity.entity_type], _runs(entity.score, num_runs[name]), entity not in gold)
            for entity in found
        ]
    return sentence_rows(disagreement.sentence.words, sides)


def differing_types(disagreement: Disagreement, arm_names: Sequence[str], entity_types: Sequence[str]) -> list[str]:
    """Return a key for every pair of arms and every type of the entities on which these two disagree.

    Keys hold the numbers of the first arm, of the second arm and of the type. The page's filter reads them.

    >>> from ner_lightning.entities import EntitySpan
    >>> from ner_lightning.predictions import PredictedSentence
    >>> sentence = PredictedSentence("1", None, ("Bonn", "won"), (), (), None)
    >>> found = {"a": (EntitySpan(0, 1, "LOC"),), "b": (EntitySpan(0, 1, "ORG"),), "c": (EntitySpan(0, 1, "ORG"),)}
    >>> differing_types(Disagreement(sentence, found, 1.0), ["a", "b", "c"], ["LOC", "ORG"])
    ['0:1:0', '0:1:1', '0:2:0', '0:2:1']
    """
    keys = []
    for (first, one), (second, other) in combinations(enumerate(arm_names), 2):
        differing = set(disagreement.found[one]) ^ set(disagreement.found[other])
        numbers = sorted({entity_types.index(span.entity_type) for span in differing})
        keys += [f"{first}:{second}:{number}" for number in numbers]
    return keys


def _runs(share: float | None, num_runs: int) -> str:
    count = round((share or 0.0) * num_runs)
    return "" if count == num_runs else f"{count} of {num_runs} runs"
