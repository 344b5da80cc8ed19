"""Tests of a comparison's page in a browser: it loads nothing, fits every window, and can be filtered."""

import html
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from ner_lightning.evaluation.comparison.comparing import compare_runs
from ner_lightning.evaluation.comparison.page import MAX_SENTENCES, comparison_page
from ner_lightning.evaluation.comparison.plots import seed_plot, type_plot
from ner_lightning.evaluation.comparison.scope import Scope
from ner_lightning.evaluation.comparison.tables import comparison_tables
from ner_lightning.runs.folders import read_run
from ner_lightning.schemes import BIO, BIOES
from support.browser import opened, overflow
from support.written_runs import BONN, DATE, FIRM, arm, tagged, write_run

ARMS = {"plain": (BONN,), "a rather long name of an arm, <b>": (FIRM,), "both": (BONN, FIRM)}
NUM_SENTENCES = MAX_SENTENCES + 30
TEXT_HEIGHT = """svg => Math.min(...[...svg.querySelectorAll("text")].map(
    text => parseFloat(getComputedStyle(text).fontSize) * svg.getScreenCTM().a))"""  # in pixels of the window


@pytest.fixture(scope="module")
def page_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of three arms: one finds the first of two entities, one finds the second, and one finds both."""
    folder = tmp_path_factory.mktemp("runs")
    sentences = {
        name: [tagged(number, (BONN, FIRM), found, num_words=60) for number in range(NUM_SENTENCES)]
        for name, found in ARMS.items()
    }
    arms = {
        name: [read_run(write_run(folder / str(index) / str(seed), seed, sentences[name])) for seed in range(3)]
        for index, name in enumerate(ARMS)
    }
    path = folder / "comparison.html"
    path.write_text(comparison_page(compare_runs(arms, Scope("test"), DATE)))
    return path


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_fits_the_window(browser: Browser, page_path: Path, width: int, scheme: str) -> None:
    with opened(browser, page_path, viewport={"width": width, "height": 900}, color_scheme=scheme) as page:
        assert overflow(page) == 0
        plots = page.locator("svg:visible")
        assert plots.count() == 3
        for index in range(3):
            box = plots.nth(index).bounding_box()
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= width
            assert page.evaluate(TEXT_HEIGHT, plots.nth(index).element_handle()) >= 9  # readable without zooming


def test_the_page_fits_on_paper(browser: Browser, page_path: Path) -> None:
    with opened(browser, page_path, viewport={"width": 794, "height": 1123}) as page:
        page.emulate_media(media="print")
        assert overflow(page) == 0


def test_a_sentence_shows_gold_and_all_arms(browser: Browser, page_path: Path) -> None:
    with opened(browser, page_path) as page:
        sentences = page.locator("#sentences .card")
        assert sentences.count() == MAX_SENTENCES
        assert f"{NUM_SENTENCES - MAX_SENTENCES} of them are only in disagreements.jsonl" in page.inner_text("main")
        first = sentences.first
        assert first.locator("dt").all_inner_texts() == ["gold", *ARMS]
        shown = [row.locator("mark b").all_inner_texts() for row in first.locator("dd").all()]
        assert shown == [["LOC", "ORG"], ["LOC"], ["ORG"], ["LOC", "ORG"]]


def test_every_pair_of_arms_has_a_verdict(browser: Browser, page_path: Path) -> None:
    with opened(browser, page_path) as page:
        verdicts = page.locator("header strong").all_inner_texts()
        assert len(verdicts) == 3
        assert "both − plain = +33.33 F1" in verdicts[1]


def test_the_page_names_runs_encoder_decoder_and_date(browser: Browser, page_path: Path) -> None:
    with opened(browser, page_path) as page:
        facts = page.locator("header .record")
        names, values = (facts.locator(part).all_inner_texts() for part in ("dt", "dd"))
        assert dict(zip(names, values, strict=True)) == {
            "arms": ", ".join(f"{name} (3 runs)" for name in ARMS),
            "encoder": "tiny-bert",
            "decoder": "argmax",
            "test set": f"test split, {NUM_SENTENCES} sentences",
            "date": DATE,
        }


def test_the_contents_lead_to_every_section(browser: Browser, page_path: Path) -> None:
    with opened(browser, page_path) as page:
        targets = [link.get_attribute("href") for link in page.locator("nav a").all()]
        assert targets == [f"#{section.get_attribute('id')}" for section in page.locator("main > section").all()]
        assert len(targets) == 5


def test_the_filter_keeps_the_rows_of_the_chosen_arms_and_type(browser: Browser, page_path: Path) -> None:
    """`plain` and `both` disagree on the ORG only, `plain` and the long-named arm also on the LOC."""
    plain, long_name, both = ARMS
    with opened(browser, page_path) as page:
        verdicts, cards = page.locator("header p[data-first]:visible"), page.locator("#sentences .card:visible")
        assert (verdicts.count(), cards.count()) == (3, MAX_SENTENCES)
        page.select_option("select[name=one]", label=both)
        assert [text.partition(" = ")[0] for text in verdicts.all_inner_texts()] == [
            f"{both} − {plain}", f"{both} − {long_name}",
        ]  # fmt: skip
        page.select_option("select[name=other]", label=plain)
        assert verdicts.count() == 1
        assert set(page.locator("#scores [data-arm]:visible").all_inner_texts()) == {plain, both}
        assert page.locator("#tests tbody tr:visible").count() == 4  # the verdict's test and three others
        page.select_option("select[name=type]", label="LOC")
        assert cards.count() == 0
        assert page.locator("#kinds th .type:visible").all_inner_texts() == ["LOC"]
        page.select_option("select[name=type]", label="ORG")
        assert cards.count() == MAX_SENTENCES
        assert page.locator("output").inner_text() == f"sentences shown: {MAX_SENTENCES} of {MAX_SENTENCES}"
        page.fill("input[name=words]", "test-17")
        assert cards.count() == len([n for n in range(MAX_SENTENCES) if str(n).startswith("17")])


def test_the_filter_keeps_the_first_arm_in_tables_of_differences_from_it(browser: Browser, page_path: Path) -> None:
    plain, _, both = ARMS
    with opened(browser, page_path) as page:
        page.select_option("select[name=one]", label=both)
        assert set(page.locator("#kinds [data-arm]:visible").all_inner_texts()) == {plain, both}
        assert set(page.locator("#origin [data-arm]:visible").all_inner_texts()) == {both}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_tables_say_that_they_scroll_if_the_window_is_narrow(browser: Browser, page_path: Path, scheme: str) -> None:
    with opened(browser, page_path, viewport={"width": 390, "height": 900}, color_scheme=scheme) as page:
        tables = page.locator("figure.table").all()
        scrolling = [table.evaluate("t => t.querySelector('.scroll').scrollWidth > t.clientWidth") for table in tables]
        hints = [
            table.evaluate("t => getComputedStyle(t.querySelector('figcaption'), '::after').content")
            for table in tables
        ]
        assert any(scrolling)
        assert [("scrolls sideways" in hint) for hint in hints] == scrolling


def test_many_arms_can_be_distinguished(tmp_path: Path) -> None:
    arms = {f"arm {index}": arm(tmp_path / str(index), 0.5, BIO(), num_seeds=1) for index in range(9)}
    found = compare_runs(arms, Scope("test"), DATE)
    assert len(found.differences) == 9 * 8 / 2
    assert len(type_plot(found).axes[0].get_legend().texts) == 8
    styles = [(line.get_color(), line.get_marker()) for line in seed_plot(found).axes[0].lines if line.get_alpha()]
    assert len(set(styles)) == len(styles) == 9


def test_a_single_arm_has_no_tests_and_no_disagreements(tmp_path: Path) -> None:
    found = compare_runs({"a": arm(tmp_path, 0.5, BIO())}, Scope("test"), DATE)
    page = comparison_page(found)
    assert "<h2>Tests</h2>" not in page
    assert "on which the arms disagree" not in page
    assert "Origin of the numbers" in page
    assert '<form class="filter' not in page
    titles = [table.title for table in comparison_tables(found)]
    assert titles[-1] == "F1 by surface in training"


def test_the_page_is_one_file(tmp_path: Path) -> None:
    arms = {"<bio>": arm(tmp_path, 0.5, BIO()), "bioes": arm(tmp_path, 0.8, BIOES())}
    comparison = compare_runs(arms, Scope("test"), DATE)
    page = comparison_page(comparison)
    assert "<title>&lt;bio&gt; or bioes</title>" in page
    assert comparison.differences[0].verdict() in html.unescape(page)
    assert page.count("<svg") == 6  # three plots, each for wide and for narrow windows
    assert "http" not in page.replace("http-equiv", "").replace("http://www.w3.org", "").replace(
        "https://www.w3.org", ""
    )
