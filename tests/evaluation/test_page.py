"""Pages as text; `test_report_page.py` looks at one in a browser."""

import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from matplotlib.figure import Figure

from ner_lightning.entities import EntitySpan
from ner_lightning.evaluation import page
from ner_lightning.evaluation.page import CONTEXT, Highlight, render, sentence_rows, svg_of
from ner_lightning.evaluation.tables import TypeLabel
from strategies import flat_entities


def shown(*spans: tuple[int, int]) -> list[Highlight]:
    return [Highlight(EntitySpan(start, end, "PER"), TypeLabel("PER", 0)) for start, end in spans]


def text_of(row: page.Row) -> str:
    return " ".join(piece.text for piece in row.pieces)


@given(flat_entities(), flat_entities())
def test_every_side_shows_the_whole_of_a_short_sentence(gold, predicted):
    entities, num_words = max(gold, predicted, key=lambda drawn: drawn[1])
    words = [f"w{i}" for i in range(num_words)]
    rows = sentence_rows(words, {"gold": shown(*((e.start, e.end) for e in entities)), "predicted": []})
    assert [row.name for row in rows] == ["gold", "predicted"]
    assert [text_of(row) for row in rows] == [" ".join(words)] * 2
    highlighted = [piece.text for piece in rows[0].pieces if piece.highlight]
    assert highlighted == [" ".join(words[e.start : e.end]) for e in entities]


def test_words_far_from_all_entities_are_left_out_of_all_rows_alike():
    words = [f"w{i}" for i in range(200)]
    gold, predicted = sentence_rows(words, {"gold": shown((0, 1)), "predicted": shown((100, 102))})
    kept = [*words[: CONTEXT + 1], "…", *words[100 - CONTEXT : 102 + CONTEXT], "…"]
    assert text_of(gold) == text_of(predicted) == " ".join(kept)


def test_a_long_sentence_without_entities_shows_its_begin():
    words = [f"w{i}" for i in range(200)]
    assert text_of(sentence_rows(words, {"gold": []})[0]) == " ".join([*words[: 2 * CONTEXT], "…"])


def test_an_ellipsis_of_the_corpus_stays():
    assert text_of(sentence_rows(["…", "…", "Bill"], {"gold": shown((2, 3))})[0]) == "… … Bill"


def test_entities_that_overlap_stand_in_further_rows_of_their_side():
    rows = sentence_rows(["a", "b", "c"], {"gold": shown((0, 2), (1, 3), (2, 3)), "predicted": []})
    marked = [[p.text for p in row.pieces if p.highlight] for row in rows]
    assert [row.name for row in rows] == ["gold", "gold", "predicted"]
    assert marked == [["a b", "c"], ["b c"], []]


@pytest.fixture
def figure() -> Figure:
    figure = Figure(figsize=(4, 3))
    axes = figure.subplots()
    axes.plot([1, 2], [3, 4], marker="o", label="BIO <1>")
    axes.set_title("F1 & more")
    axes.legend()
    return figure


def test_a_plot_is_text_of_no_size_that_is_the_same_each_time(figure):
    svg = str(svg_of(figure))
    assert svg == str(svg_of(figure))
    root = ElementTree.fromstring(svg)[0]
    assert "width" not in root.attrib
    assert "viewBox" in root.attrib
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"F1 & more", "BIO <1>"} <= set(texts)
    assert "#000000" not in svg
    assert "currentColor" in svg
    ids = re.findall(r' id="([^"]+)"', svg)
    assert not [name for name in ids if re.fullmatch(r"[a-z]\w*_\d+", name)]
    assert all(f'id="{name}"' in svg for name in re.findall(r"#([a-z][0-9a-f]{8,})", svg))


def test_a_page_escapes_the_corpus_and_loads_nothing(monkeypatch):
    from jinja2 import ChoiceLoader, DictLoader

    template = (
        '{% extends "page.html" %}{% from "parts.html" import sentence %}'
        "{% block content %}{{ sentence(rows) }}{% endblock %}"
    )
    environment = page._environment()
    added = ChoiceLoader([DictLoader({"t.html": template, "t.js": "1 < 2 && 3"}), environment.loader])
    monkeypatch.setattr(environment, "loader", added)
    rows = sentence_rows(["<script>", "Bill"], {"gold": shown((1, 2))})
    html = render("t.html", "A & B", {"rows": rows}, script="t.js")
    assert "&lt;script&gt;" in html
    assert "<title>A &amp; B</title>" in html
    assert "<script>1 < 2 && 3</script>" in html
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', html)
    assert policy is not None
    assert "default-src 'none'" in policy[1]
    assert re.search(r"script-src 'sha256-[\w+/]{43}='", policy[1])
    assert "script-src 'none'" in render("t.html", "", {"rows": rows})
