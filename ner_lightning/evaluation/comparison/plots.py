"""The plots of a comparison."""

from __future__ import annotations

from statistics import mean, stdev
from textwrap import fill
from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ner_lightning.evaluation.comparison.arms import Comparison
from ner_lightning.evaluation.comparison.sliced_counts import LENGTH, TYPE
from ner_lightning.evaluation.comparison.tables import slices_of
from ner_lightning.evaluation.pages.plots import (
    CHARACTERS_PER_INCH,
    COLORS,
    GRAY,
    WIDE,
    name_rows,
    plot_text,
    row_figure,
)

MARKERS: Final = "osD^vPX"  # one more than colors, so that repeated colors have another marker


def seed_plot(comparison: Comparison, width: float = WIDE) -> Figure:
    """Plot F1 of every run, with mean and standard deviation of every arm.

    Args:
        comparison: The comparison.
        width: The width of the figure in inches.
    """
    figure, axes = row_figure(len(comparison.arms), width)
    for row, arm in enumerate(comparison.arms):
        scores = [100 * score for score in arm.f1()]
        axes.plot(scores, [row] * len(scores), linestyle="", alpha=0.55, **_style(row))
        deviation = stdev(scores) if len(scores) > 1 else 0.0
        axes.errorbar(
            mean(scores),
            row + 0.25,
            xerr=deviation,
            color=COLORS[row % len(COLORS)],
            marker="|",
            markersize=11,
            capsize=3,
        )
    name_rows(axes, comparison.arm_names, width)
    axes.set_xlabel(_broken("F1 (%) of every run, and below it mean ± standard deviation", width))
    return figure


def type_plot(comparison: Comparison, width: float = WIDE) -> Figure:
    """Plot how each further arm differs from the first by entity type, with 95 % intervals; see :func:`seed_plot`."""
    parts = slices_of(comparison, TYPE)
    figure, axes = row_figure(len(parts), width)
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
    axes.axvline(0, color=GRAY, linewidth=0.8)
    name_rows(axes, [part.value for part in parts], width)
    axes.set_xlabel(
        _broken(f"F1 minus that of {plot_text(comparison.arms[0].name)}, in points, with 95 % interval", width)
    )
    _legend(axes, len(others), width)
    return figure


def length_plot(comparison: Comparison, width: float = WIDE) -> Figure:
    """Plot mean F1 by the length of entities, with the standard deviation over seeds; see :func:`seed_plot`."""
    parts = slices_of(comparison, LENGTH)
    figure, axes = row_figure(6, width)
    for index, arm in enumerate(comparison.arms):
        scores = [[100 * score for score in arm.f1(part)] for part in parts]
        deviations = [stdev(of_part) if len(of_part) > 1 else 0.0 for of_part in scores]
        places = [place + 0.06 * (index - len(comparison.arms) / 2) for place in range(len(parts))]
        axes.errorbar(
            places, list(map(mean, scores)), yerr=deviations, capsize=3, label=plot_text(arm.name), **_style(index)
        )
    labels = [fill(part.value, 8 if width < WIDE else 20) for part in parts]
    golds = [f"{label}\n{comparison.arms[0].gold[part]:,} gold" for label, part in zip(labels, parts, strict=True)]
    axes.set_xticks(range(len(parts)), golds, fontsize="small" if width < WIDE else None)
    axes.set_ylabel("F1 (%)")
    axes.set_ylim(bottom=0)
    _legend(axes, len(comparison.arms), width)
    return figure


def _style(index: int) -> dict[str, Any]:
    return {"color": COLORS[index % len(COLORS)], "marker": MARKERS[index % len(MARKERS)]}


def _broken(label: str, width: float) -> str:
    return fill(label, round(2.4 * CHARACTERS_PER_INCH * width))


def _legend(axes: Axes, num_arms: int, width: float) -> None:
    if num_arms > 1:  # above the plot, where no data is
        axes.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=max(1, round(width / 2.8)))
