"""The page of a comparison in a browser: it loads nothing, fits every window, and shows both arms side by side."""

import html
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser

from ner_lightning.evaluation.comparison.arms import compare_runs
from ner_lightning.evaluation.comparison.page import MAX_SENTENCES, comparison_page, seed_plot, type_plot
from ner_lightning.evaluation.comparison.scope import Scope
from ner_lightning.evaluation.comparison.tables import comparison_tables
from ner_lightning.runs.folders import read_run
from ner_lightning.schemes import BIO, BIOES
from support.browser import opened, overflow
from support.written_runs import BONN, FIRM, arm, tagged, write_run

ARMS = {"plain": (BONN,), "a rather long name of an arm, <b>": (FIRM,), "both": (BONN, FIRM)}
NUM_SENTENCES = MAX_SENTENCES + 30


@pytest.fixture(scope="module")
def page_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Arms that find one entity of two, the other one, and both."""
    folder = tmp_path_factory.mktemp("runs")
    sentences = {
        name: [tagged(number, (BONN, FIRM), found, num_words=60) for number in range(NUM_SENTENCES)]
        for name, found in ARMS.items()
    }
    arms = {
        name: [read_run(write_run(folder / str(index) / str(seed), seed, sentences[name])) for seed in (0, 1)]
        for index, name in enumerate(ARMS)
    }
    path = folder / "comparison.html"
    path.write_text(comparison_page(compare_runs(arms, Scope("test"), np.random.default_rng(0)), "Three arms"))
    return path


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_fits_the_window(browser: Browser, page_path: Path, width: int, scheme: str) -> None:
    with opened(browser, page_path, viewport={"width": width, "height": 900}, color_scheme=scheme) as page:
        assert overflow(page) == 0
        assert page.locator("svg").count() == 3
        assert all(page.locator("svg").nth(index).is_visible() for index in range(3))


def test_the_page_fits_on_paper(browser: Browser, page_path: Path) -> None:
    with opened(browser, page_path, viewport={"width": 794, "height": 1123}) as page:
        page.emulate_media(media="print")
        assert overflow(page) == 0


def test_arms_stand_side_by_side_below_gold(browser: Browser, page_path: Path) -> None:
    with opened(browser, page_path) as page:
        sentences = page.locator("section")
        assert sentences.count() == MAX_SENTENCES
        assert f"{NUM_SENTENCES - MAX_SENTENCES} of them are left out" in page.inner_text("main")
        first = sentences.first
        assert first.locator("dt").all_inner_texts() == ["gold", *ARMS]
        shown = [row.locator("mark b").all_inner_texts() for row in first.locator("dd").all()]
        assert shown == [["LOC", "ORG"], ["LOC"], ["ORG"], ["LOC", "ORG"]]


def test_every_two_arms_have_a_verdict(browser: Browser, page_path: Path) -> None:
    with opened(browser, page_path) as page:
        verdicts = page.locator("header strong").all_inner_texts()
        assert len(verdicts) == 3
        assert "both − plain = +33.33 F1" in verdicts[1]


def test_many_arms_are_told_apart(tmp_path: Path) -> None:
    arms = {f"arm {index}": arm(tmp_path / str(index), 0.5, BIO(), num_seeds=1) for index in range(9)}
    told = compare_runs(arms, Scope("test"), np.random.default_rng(0))
    assert len(told.differences) == 9 * 8 / 2
    assert len(type_plot(told).axes[0].get_legend().texts) == 8
    styles = [(line.get_color(), line.get_marker()) for line in seed_plot(told).axes[0].lines if line.get_alpha()]
    assert len(set(styles)) == len(styles) == 9


def test_one_arm_is_told_without_what_takes_two(tmp_path: Path) -> None:
    told = compare_runs({"a": arm(tmp_path, 0.5, BIO())}, Scope("test"), np.random.default_rng(0))
    page = comparison_page(told, "One arm")
    assert "How sure" not in page
    assert "on which the arms differ" not in page
    assert "Where the numbers come from" in page
    titles = [table.title for table in comparison_tables(told)]
    assert titles[-1] == "F1 by surface in training"


def test_the_page_is_one_file(tmp_path: Path) -> None:
    arms = {"bio": arm(tmp_path, 0.5, BIO()), "bioes": arm(tmp_path, 0.8, BIOES(), num_seeds=2)}
    comparison = compare_runs(arms, Scope("test"), np.random.default_rng(0))
    page = comparison_page(comparison, "BIO <or> BIOES")
    assert "BIO &lt;or&gt; BIOES" in page
    assert comparison.differences[0].verdict() in html.unescape(page)
    assert page.count("<svg") == 3
    assert "http" not in page.replace("http-equiv", "").replace("http://www.w3.org", "").replace(
        "https://www.w3.org", ""
    )
