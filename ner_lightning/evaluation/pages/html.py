"""Pages as single HTML files, which contain their style and script and load nothing.

A page is a template beside ``templates/page.html`` that extends it::

    {% extends "page.html" %}
    {% from "parts.html" import table, sentence %}
    {% block content %}{{ table(scores) }}{{ sentence(rows) }}{{ plot }}{% endblock %}

and is rendered by :func:`render`. ``parts.html`` draws a :class:`~ner_lightning.evaluation.pages.tables.Table` and the
:mod:`~ner_lightning.evaluation.pages.sentence_rows`; :mod:`~ner_lightning.evaluation.pages.plots` draws a plot.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Mapping
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup


def render(template: str, title: str, values: Mapping[str, Any], script: str = "") -> str:
    """Render the page of a template.

    The page's Content-Security-Policy allows it to load nothing and to run nothing but its script, which begins with
    ``page.js``.

    Args:
        template: The template's file name; it extends ``page.html``.
        title: The title of the page.
        values: The values that the template shows, by name; all text is escaped.
        script: The file name of additional JavaScript, if the page has any.
    """
    source = "\n".join(map(_source, filter(None, ("page.js", script))))
    digest = b64encode(hashlib.sha256(source.encode()).digest()).decode()
    fixed = {
        "title": title,
        "style": Markup(
            _source("page.css")
        ),  # from this package and not from the user, so it needs no escaping; the same for the script
        "script": Markup(source),
        "script_source": Markup("'sha256-{}'").format(digest),
    }
    return _environment().get_template(template).render({**values, **fixed})


def _source(name: str) -> str:
    loader = _environment().loader
    assert loader is not None
    return loader.get_source(_environment(), name)[0]


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("ner_lightning.evaluation.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
