"""Tests of pages as text; `test_page_in_browser.py` and `test_page.py` open pages in a browser."""

import re
import subprocess
import sys

from ner_lightning.entities import EntitySpan
from ner_lightning.evaluation.pages import html as page
from ner_lightning.evaluation.pages.html import render
from ner_lightning.evaluation.pages.sentence_rows import Highlight, sentence_rows
from ner_lightning.evaluation.pages.tables import TypeLabel


def test_a_page_escapes_text_from_the_corpus_and_loads_nothing(monkeypatch):
    from jinja2 import ChoiceLoader, DictLoader

    template = (
        '{% extends "page.html" %}{% from "parts.html" import sentence %}'
        "{% block content %}{{ sentence(rows) }}{% endblock %}"
    )
    environment = page._environment()
    added = ChoiceLoader([DictLoader({"t.html": template, "t.js": "1 < 2 && 3"}), environment.loader])
    monkeypatch.setattr(environment, "loader", added)
    rows = sentence_rows(["<script>", "Bill"], {"gold": [Highlight(EntitySpan(1, 2, "PER"), TypeLabel("PER", 0))]})
    html = render("t.html", "A & B", {"rows": rows}, script="t.js")
    assert "&lt;script&gt;" in html
    assert "<title>A &amp; B</title>" in html
    assert "1 < 2 && 3</script>" in html
    assert html.count("<script>") == 1
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', html)
    assert policy is not None
    assert "default-src 'none'" in policy[1]
    assert re.search(r"script-src 'sha256-[\w+/]{43}='", policy[1])


def test_a_page_without_plots_does_not_import_matplotlib():
    """Importing it takes a second."""
    code = "import sys, ner_lightning.evaluation.errors.page; print('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
