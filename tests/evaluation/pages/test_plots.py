import re
from xml.etree import ElementTree

import pytest
from matplotlib.figure import Figure

from ner_lightning.evaluation.pages.plots import plot_text, svg_of


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


def test_names_are_shown_as_they_are_without_a_word_about_fonts(recwarn):
    names = ["PER\x1b\u202e", "$\\no such formula$", "東京\U0001f642"]
    figure = Figure(figsize=(4, 3))
    figure.subplots().set_yticks(range(3), list(map(plot_text, names)))
    svg = str(svg_of(figure))
    assert "PER\\x1b\\u202e" in svg
    assert "$\\no such formula$" in svg
    assert "東京" in svg
    assert not recwarn
