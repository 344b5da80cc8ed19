"""Pages of one file: HTML with style and script inside, which loads nothing.

A page is a template beside ``templates/page.html`` that extends it::

    {% extends "page.html" %}
    {% from "parts.html" import table, sentence %}
    {% block content %}{{ table(scores) }}{{ sentence(rows) }}{{ plot }}{% endblock %}

and is written by :func:`render`. ``parts.html`` draws a :class:`~ner_lightning.evaluation.tables.Table`, and the
:func:`sentence_rows` of a sentence; :func:`svg_of` draws a plot.
"""

from __future__ import annotations

import hashlib
import io
import re
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from matplotlib import rc_context
from matplotlib.figure import Figure

from ner_lightning.entities import EntitySpan
from ner_lightning.evaluation.tables import TypeLabel

CONTEXT = 12  # words kept on either side of an entity, where a sentence is long
BARE_SVG = {"Date": None, "Creator": None, "Format": None, "Type": None}


def render(template: str, title: str, values: Mapping[str, Any], script: str = "") -> str:
    """The page of a template.

    The page's Content-Security-Policy lets it load nothing and run only its own script.

    Args:
        template: The template's file name; it extends ``page.html``.
        title: The title of the page.
        values: What the template shows, by name; all text is escaped.
        script: The file name of the page's JavaScript, if it has any.
    """
    source = _source(script) if script else ""
    digest = b64encode(hashlib.sha256(source.encode()).digest()).decode()
    fixed = {
        "title": title,
        "style": Markup(_source("page.css")),  # ours, not the user's, as the script is
        "script": Markup(source),
        "script_source": Markup("'sha256-{}'").format(digest) if script else Markup("'none'"),
    }
    return _environment().get_template(template).render({**values, **fixed})


def svg_of(figure: Figure) -> Markup:
    """A plot as part of a page: as wide as its place, black drawn in the colour of the text.

    Build the figure by ``Figure(figsize=...)`` and ``figure.subplots()``, without pyplot, which keeps state; a legend
    has no frame (``frameon=False``), which would be white on a dark page.
    """
    buffer = io.StringIO()
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "ner_lightning"}):  # text stays text, ids do not change
        figure.savefig(buffer, format="svg", metadata=BARE_SVG, transparent=True, bbox_inches="tight")
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :].replace("#000000", "currentColor")
    svg = re.sub(r' (?:width|height)="[\d.]+pt"', "", svg, count=2)
    svg = re.sub(r' id="[A-Za-z][\w.]*_\d+"', "", svg)  # figure_1 and its like, which several plots would share
    return Markup('<div class="plot">{}</div>').format(Markup(svg))


@dataclass(frozen=True, slots=True)
class Highlight:
    """An entity to be shown in its sentence.

    Args:
        entity: Where it stands.
        label: Its type.
        note: What is said of it beside its type, such as a score or the kind of error.
        wrong: Whether it is set apart as an error.
    """

    entity: EntitySpan
    label: TypeLabel
    note: str = ""
    wrong: bool = False


@dataclass(frozen=True, slots=True)
class Piece:
    """Words in a row that are an entity, or none, of a :class:`Row`."""

    text: str
    highlight: Highlight | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """A sentence with the entities that one side (gold, predicted, an arm) sees in it."""

    name: str
    pieces: tuple[Piece, ...]


def sentence_rows(words: Sequence[str], sides: Mapping[str, Iterable[Highlight]]) -> list[Row]:
    """The sentence once for every side, one below the other.

    Entities of one side that overlap stand in further rows of that side. Words far from the entities of all sides
    are shortened to ``…``, in all rows alike.

    Args:
        words: The words of the sentence.
        sides: The entities to show, by the name of the side.
    """
    highlights = {name: sorted(entities, key=lambda shown: shown.entity) for name, entities in sides.items()}
    spans = [shown.entity for entities in highlights.values() for shown in entities]
    near = {i for span in spans for i in range(span.start - CONTEXT, span.end + CONTEXT)} or set(range(2 * CONTEXT))
    return [
        Row(name, tuple(_pieces(words, layer, near)))
        for name, entities in highlights.items()
        for layer in _layers(entities)
    ]


def _layers(highlights: Iterable[Highlight]) -> list[list[Highlight]]:
    """Entities in order, each in the first row where it overlaps no other; one row at least."""
    layers: list[list[Highlight]] = [[]]
    for shown in highlights:
        free = (layer for layer in layers if not layer or layer[-1].entity.end <= shown.entity.start)
        layer = next(free, None)
        if layer is None:
            layers.append(layer := [])
        layer.append(shown)
    return layers


def _pieces(words: Sequence[str], highlights: Sequence[Highlight], near: set[int]) -> Iterable[Piece]:
    position = 0
    for shown in highlights:
        yield from _plain(words, range(position, shown.entity.start), near)
        yield Piece(shown.entity.surface(words), shown)
        position = shown.entity.end
    yield from _plain(words, range(position, len(words)), near)


def _plain(words: Sequence[str], positions: range, near: set[int]) -> Iterable[Piece]:
    runs = groupby(positions, near.__contains__)
    shown = [" ".join(words[i] for i in run) if is_near else "…" for is_near, run in runs]
    if shown:
        yield Piece(" ".join(shown))


def _source(name: str) -> str:
    loader = _environment().loader
    assert loader is not None
    return loader.get_source(_environment(), name)[0]


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("ner_lightning.evaluation"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
