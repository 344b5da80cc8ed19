import re
from xml.etree import ElementTree

import pytest
from matplotlib.figure import Figure

from ner_lightning.evaluation.pages.plots import NARROW, WIDE, plot_for_any_window, plot_text, svg_of


@pytest.fixture
def figure() -> Figure:
    figure = Figure(figsize=(4, 3))
    axes = figure.subplots()
    axes.plot([1, 2], [3, 4], marker="o", label="BIO <1>")
    axes.set_title("F1 & more")
    axes.legend()
    return figure


def test_a_plot_has_no_fixed_size_keeps_its_text_and_is_reproducible(figure):
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


def test_names_with_dollar_signs_or_letters_without_a_glyph_are_plain_text(figure):
    figure.axes[0].set_xlabel(plot_text("$\\notmath$ 東京 \x1b"))  # a warning would fail the test
    assert r"$\notmath$ 東京 \x1b" in svg_of(figure)


def test_a_plot_is_drawn_for_wide_and_for_narrow_windows(figure):
    widths = []

    def draw(width: float) -> Figure:
        widths.append(width)
        return figure

    html = plot_for_any_window(draw)
    assert widths == [WIDE, NARROW]
    assert html.count("<svg") == 2
    assert html.startswith('<div class="wide">')
    assert '<div class="narrow">' in html
