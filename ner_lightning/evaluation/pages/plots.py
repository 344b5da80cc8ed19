"""Plots as parts of a page."""

from __future__ import annotations

import io
import re
import warnings

from markupsafe import Markup
from matplotlib import rc_context
from matplotlib.figure import Figure

from ner_lightning.console import printable

BARE_SVG = {"Date": None, "Creator": None, "Format": None, "Type": None}


def plot_text(name: str) -> str:
    r"""Return a name as a plot shows it: hidden characters are escaped, and a dollar begins no formula.

    >>> print(plot_text("\x1b $PER$"))
    \x1b \$PER\$
    """
    return printable(name).replace("$", r"\$")


def svg_of(figure: Figure) -> Markup:
    """A plot as part of a page: as wide as its place, black drawn in the colour of the text.

    Build the figure by ``Figure(figsize=...)`` and ``figure.subplots()``, without pyplot, which keeps state; a legend
    has no frame (``frameon=False``), which would be white on a dark page.
    """
    buffer = io.StringIO()
    with (  # text stays text, and ids do not change
        rc_context({"svg.fonttype": "none", "svg.hashsalt": "ner_lightning"}),
        warnings.catch_warnings(),
    ):
        warnings.filterwarnings("ignore", "Glyph .* missing from font")  # the reader's browser draws the text
        figure.savefig(buffer, format="svg", metadata=BARE_SVG, transparent=True, bbox_inches="tight")
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :].replace("#000000", "currentColor")
    svg = re.sub(r' (?:width|height)="[\d.]+pt"', "", svg, count=2)
    svg = re.sub(r' id="[A-Za-z][\w.]*_\d+"', "", svg)  # figure_1 and its like, which several plots would share
    return Markup('<div class="plot">{}</div>').format(Markup(svg))
