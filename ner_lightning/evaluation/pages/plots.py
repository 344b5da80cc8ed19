"""Plots as parts of a page."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable, Sequence
from textwrap import fill
from typing import Final

from markupsafe import Markup
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ner_lightning.console import printable

BARE_SVG: Final = {"Date": None, "Creator": None, "Format": None, "Type": None}
WIDE: Final = 8.4  # inches
NARROW: Final = 4.0  # inches; text has a readable size on a phone
COLORS: Final = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")  # Okabe and Ito 2008
GRAY: Final = "#7d8590"
CHARACTERS_PER_INCH: Final = 4  # of a label beside the plot, so that it leaves room for the data


def plot_for_any_window(draw: Callable[[float], Figure]) -> Markup:
    """Draw a plot for wide and for narrow windows; the style of the page shows the one that fits.

    Args:
        draw: Draws the plot with a given width in inches.
    """
    plots = Markup('<div class="wide">{}</div><div class="narrow">{}</div>')
    return plots.format(svg_of(draw(WIDE)), svg_of(draw(NARROW)))


def plot_text(name: str) -> str:
    r"""Return a name as a plot shows it: control characters are escaped, and a dollar sign starts no formula.

    >>> print(plot_text("\x1b $PER$"))
    \x1b \$PER\$
    """
    return printable(name).replace("$", r"\$")


def row_figure(num_rows: int, width: float) -> tuple[Figure, Axes]:
    """Return a figure with a given width in inches, which is high enough for a number of rows."""
    figure = Figure(figsize=(width, 0.9 + 0.42 * num_rows), layout="constrained")
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="x", color=GRAY, alpha=0.25, linewidth=0.6)
    return figure, axes


def name_rows(axes: Axes, names: Sequence[str], width: float) -> None:
    """Name the rows of a plot with a given width in inches; the first row is at the top."""
    axes.set_yticks(range(len(names)), [fill(plot_text(name), round(CHARACTERS_PER_INCH * width)) for name in names])
    axes.set_ylim(len(names) - 0.4, -0.6)


def svg_of(figure: Figure) -> Markup:
    """Return a plot as part of a page. It fills the width of its container, and black has the color of the text.

    Build the figure with ``Figure(figsize=...)`` and ``figure.subplots()``, since pyplot would keep it in memory. Give
    a legend no frame (``frameon=False``), which would be white on a dark page.
    """
    buffer = io.StringIO()
    with warnings.catch_warnings(), rc_context({"svg.fonttype": "none", "svg.hashsalt": "ner_lightning"}):
        warnings.filterwarnings("ignore", "Glyph .* missing from")  # text stays text, which the browser's fonts show
        figure.savefig(buffer, format="svg", metadata=BARE_SVG, transparent=True, bbox_inches="tight")
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :].replace("#000000", "currentColor")
    svg = re.sub(r' (?:width|height)="[\d.]+pt"', "", svg, count=2)
    svg = re.sub(r' id="[A-Za-z][\w.]*_\d+"', "", svg)  # such as figure_1, which several plots would have in common
    return Markup('<div class="plot">{}</div>').format(Markup(svg))
