"""A comparison as one page: verdicts, plots, tables, and the sentences on which arms differ."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import mean, stdev
from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ner_lightning.evaluation.comparison.arms import Comparison
from ner_lightning.evaluation.comparison.disagreements import Disagreement
from ner_lightning.evaluation.comparison.sliced_counts import AXES, LENGTH, TYPE
from ner_lightning.evaluation.comparison.tables import (
    arm_table,
    method_table,
    run_table,
    seed_table,
    settings_table,
    slice_table,
    slices_of,
)
from ner_lightning.evaluation.pages.html import render
from ner_lightning.evaluation.pages.plots import plot_text, svg_of
from ner_lightning.evaluation.pages.sentence_rows import Highlight, Row, sentence_rows
from ner_lightning.evaluation.pages.tables import TypeLabel, type_labels

MAX_SENTENCES: Final = 200
WIDTH: Final = 8.4  # inches
COLOURS: Final = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")  # Okabe and Ito 2008
MARKERS: Final = "osD^vPX"  # one more than colours, so that these repeat with another marker


def comparison_page(comparison: Comparison, title: str) -> str:
    """The page as HTML."""
    kinds = {span.entity_type for shown in comparison.disagreements for span in shown.sentence.gold}
    kinds |= {
        span.entity_type for shown in comparison.disagreements for found in shown.found.values() for span in found
    }
    labels, num_runs = type_labels(kinds), {arm.name: len(arm.runs) for arm in comparison.arms}
    shown = comparison.disagreements[:MAX_SENTENCES]
    tables = [slice_table(comparison, axis) for axis in AXES]
    return render(
        "comparison.html",
        title,
        {
            "comparison": comparison,
            "arms": arm_table(comparison),
            "seeds": seed_table(comparison),
            "seed_plot": svg_of(seed_plot(comparison)),
            "type_plot": svg_of(type_plot(comparison)) if len(comparison.arms) > 1 else "",
            "length_plot": svg_of(length_plot(comparison)),
            "slices": tables,
            "methods": method_table(comparison),
            "settings": settings_table(comparison.arm_names, comparison.settings),
            "runs": run_table(comparison),
            "sentences": [(item.sentence.id, side_by_side(item, labels, num_runs)) for item in shown],
            "num_left_out": len(comparison.disagreements) - len(shown),
        },
    )


def side_by_side(disagreement: Disagreement, labels: dict[str, TypeLabel], num_runs: dict[str, int]) -> list[Row]:
    """The sentence with its gold entities, and below with those of each arm; what is not gold is set apart."""
    gold = disagreement.sentence.gold
    sides = {"gold": [Highlight(entity, labels[entity.entity_type]) for entity in gold]}
    for name, found in disagreement.found.items():
        sides[name] = [
            Highlight(entity, labels[entity.entity_type], _runs(entity.score, num_runs[name]), entity not in gold)
            for entity in found
        ]
    return sentence_rows(disagreement.sentence.words, sides)


def seed_plot(comparison: Comparison) -> Figure:
    """F1 of every run, with mean and standard deviation of every arm."""
    figure, axes = _figure(rows=len(comparison.arms))
    for row, arm in enumerate(comparison.arms):
        scores = [100 * score for score in arm.f1()]
        axes.plot(scores, [row] * len(scores), linestyle="", alpha=0.55, **_style(row))
        deviation = stdev(scores) if len(scores) > 1 else 0.0
        axes.errorbar(
            mean(scores),
            row + 0.25,
            xerr=deviation,
            color=COLOURS[row % len(COLOURS)],
            marker="|",
            markersize=11,
            capsize=3,
        )
    _name_rows(axes, comparison.arm_names)
    axes.set_xlabel("F1, per cent: every run, and below it mean ± standard deviation")
    return figure


def type_plot(comparison: Comparison) -> Figure:
    """How each further arm differs from the first by entity type, with 95 % intervals."""
    parts = slices_of(comparison, TYPE)
    figure, axes = _figure(rows=len(parts))
    others = comparison.arms[1:]
    for index, arm in enumerate(others):
        for row, part in enumerate(parts):
            difference = comparison.by_slice[part][index]
            low, high = difference.interval or (difference.difference,) * 2
            points = 100 * difference.difference
            spread = [[points - 100 * low], [100 * high - points]]
            place = row + 0.5 * ((index + 0.5) / len(others) - 0.5)
            axes.errorbar(
                points,
                place,
                xerr=spread,
                capsize=3,
                label=plot_text(arm.name) if not row else None,
                **_style(index + 1),
            )
    axes.axvline(0, color="#7d8590", linewidth=0.8)
    _name_rows(axes, [part.value for part in parts])
    axes.set_xlabel(f"F1 minus that of {plot_text(comparison.arms[0].name)}, points, with 95 % interval")
    _legend(axes, len(others))
    return figure


def length_plot(comparison: Comparison) -> Figure:
    """Mean F1 by the length of entities, with the standard deviation over seeds."""
    parts = slices_of(comparison, LENGTH)
    figure, axes = _figure(rows=6)
    for index, arm in enumerate(comparison.arms):
        scores = [[100 * score for score in arm.f1(part)] for part in parts]
        deviations = [stdev(of_part) if len(of_part) > 1 else 0.0 for of_part in scores]
        places = [place + 0.06 * (index - len(comparison.arms) / 2) for place in range(len(parts))]
        axes.errorbar(
            places, list(map(mean, scores)), yerr=deviations, capsize=3, label=plot_text(arm.name), **_style(index)
        )
    axes.set_xticks(range(len(parts)), [f"{part.value}\n{comparison.arms[0].gold(part):,} gold" for part in parts])
    axes.set_ylabel("F1, per cent")
    axes.set_ylim(bottom=0)
    _legend(axes, len(comparison.arms))
    return figure


def _figure(rows: int) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(WIDTH, 0.9 + 0.42 * rows), layout="constrained")
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="x", color="#7d8590", alpha=0.25, linewidth=0.6)
    return figure, axes


def _style(index: int) -> dict[str, Any]:
    return {"color": COLOURS[index % len(COLOURS)], "marker": MARKERS[index % len(MARKERS)]}


def _name_rows(axes: Axes, names: Sequence[str]) -> None:
    axes.set_yticks(range(len(names)), list(map(plot_text, names)))
    axes.set_ylim(len(names) - 0.4, -0.6)  # the first on top


def _legend(axes: Axes, num_arms: int) -> None:
    if num_arms > 1:
        axes.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=3)  # above, where no data is


def _runs(share: float | None, num_runs: int) -> str:
    count = round((share or 0.0) * num_runs)
    return "" if count == num_runs else f"{count} of {num_runs} runs"
