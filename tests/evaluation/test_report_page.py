"""The page of an error analysis in a browser."""

from dataclasses import replace
from pathlib import Path

import pytest
from browser import opened, overflow
from playwright.sync_api import Browser, Page
from sentences_with_errors import SENTENCES, TRAINING, sentence

from ner_lightning.evaluation.analysed_files import AnalysedFile
from ner_lightning.evaluation.error_analysis import analyse
from ner_lightning.evaluation.report import MOST_SENTENCES, error_keys, write_report
from ner_lightning.metrics.error_types import ERROR_KINDS, pair_entities

NASTY = [
    sentence("<script>alert(1)</script> " + "word " * 300 + "W" * 200, [(0, 1, "<b>")], [(100, 280, "a type")], "&lt;"),
    sentence("“ ” \u200b ' \"", [(0, 3, "PER"), (1, 2, "LOC")], [(2, 3, "PER")], "overlap"),
]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pages") / "report.html"
    record = {"seed": 0, "commit": "0" * 40, "corpus_checksum": "f" * 64, "versions": {"python": "3.11"}}
    write_report(path, AnalysedFile(Path("test.jsonl"), analyse([*SENTENCES, *NASTY], TRAINING), record))
    return path


def visible_cards(page: Page) -> list[str]:
    titles = page.locator("#sentences .card:visible h3").all_inner_texts()
    return [title.split(" · ")[0] for title in titles]


def cards_with(kind: str | None, entity_type: str | None) -> list[str]:
    return [
        each.id
        for each in (*SENTENCES, *NASTY)
        for keys in [error_keys(pair_entities(each.gold, each.predicted))]
        if any(kind in (None, key[0]) and entity_type in (None, key[1]) for key in keys)
    ]


def test_the_filter_shows_the_sentences_that_have_such_an_error(browser: Browser, report: Path) -> None:
    with opened(browser, report) as page:
        everything = cards_with(None, None)
        assert visible_cards(page) == everything
        assert len(everything) == 6
        kinds, types = page.locator("select[name=kind]"), page.locator("select[name=type]")
        for kind in (None, *ERROR_KINDS[1:]):
            for entity_type in (None, "<b>", "LOC", "ORG", "PER", "a type"):
                kinds.select_option(index=0 if kind is None else ERROR_KINDS.index(kind))
                types.select_option(label=entity_type or "all")
                expected = cards_with(kind, entity_type)
                assert visible_cards(page) == expected
                assert page.locator("output").inner_text() == f"{len(expected)} of 6 shown"
        assert page.locator("select[name=kind] option").nth(1).inner_text() == "wrong type (2)"


def test_words_are_sought_in_any_casing(browser: Browser, report: Path) -> None:
    with opened(browser, report) as page:
        page.locator("input[name=words]").fill("paris")
        assert visible_cards(page) == ["2", "5"]
        page.locator("input[name=words]").press("Enter")
        assert visible_cards(page) == ["2", "5"]
        page.locator("select[name=kind]").select_option(label="wrong both (1)")
        assert visible_cards(page) == ["2"]


def test_a_number_leads_to_its_sentences(browser: Browser, report: Path) -> None:
    """In the table by predicted type, that of LOC's wrong both; in the total, whatever type."""
    with opened(browser, report) as page:
        page.locator("input[name=words]").fill("nothing like it")
        table = page.locator("#kinds table").nth(1)
        table.locator("tr", has_text="LOC").get_by_role("button").first.click()
        assert visible_cards(page) == cards_with("wrong both", "LOC")
        assert page.locator("#sentences h2").is_visible()
        table.locator("tr").last.get_by_role("button").first.click()
        assert visible_cards(page) == cards_with("wrong type", None)


def test_without_javascript_every_sentence_is_there_and_no_filter(browser: Browser, report: Path) -> None:
    with opened(browser, report, java_script_enabled=False) as page:
        assert visible_cards(page) == cards_with(None, None)
        assert not page.locator(".filter").is_visible()


@pytest.mark.parametrize(("width", "media"), [(1200, "screen"), (390, "screen"), (700, "print")])
def test_nothing_is_wider_than_the_window(browser: Browser, report: Path, width: int, media: str) -> None:
    with opened(browser, report, viewport={"width": width, "height": 800}) as page:
        page.emulate_media(media="print" if media == "print" else "screen")
        assert overflow(page) == 0
        assert page.locator(".filter").is_visible() == (media == "screen")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_in_light_and_dark(browser: Browser, report: Path, scheme: str) -> None:
    with opened(browser, report, color_scheme=scheme) as page:
        ink, paper = (
            sum(page.evaluate(f"getComputedStyle(document.body).{part}.match(/\\d+/g).slice(0, 3).map(Number)")) / 3
            for part in ("color", "backgroundColor")
        )
        assert (paper > 200 > 60 > ink) if scheme == "light" else (ink > 200 > 60 > paper)


def test_types_are_told_by_name_too(browser: Browser, report: Path) -> None:
    with opened(browser, report) as page:
        marks = page.locator("mark")
        assert marks.count() > 10
        assert page.locator("mark b").count() == marks.count()
        assert page.locator("mark", has_text="<script>alert(1)</script>").count() == 1


def test_what_a_large_file_leaves_out_is_said(browser: Browser, tmp_path: Path) -> None:
    many = [replace(each, id=f"{copy}-{each.id}") for copy in range(200) for each in SENTENCES]
    write_report(tmp_path / "report.html", AnalysedFile(Path("test.jsonl"), analyse(many), None))
    with opened(browser, tmp_path / "report.html") as page:
        assert len(visible_cards(page)) == MOST_SENTENCES
        said = page.locator("#sentences > .note").inner_text()
        assert said.startswith("800 sentences have errors; the 300 that stand here")
        assert said.endswith("500 are left out.")


@pytest.mark.parametrize("sentences", [SENTENCES[:1], SENTENCES[5:]], ids=["no error", "no entity"])
def test_there_may_be_no_errors(browser: Browser, tmp_path: Path, sentences: list) -> None:
    write_report(tmp_path / "report.html", AnalysedFile(Path("test.jsonl"), analyse(sentences, {}), {}))
    with opened(browser, tmp_path / "report.html", viewport={"width": 390, "height": 800}) as page:
        assert visible_cards(page) == []
        assert overflow(page) == 0
        assert "0 sentences have errors" in page.locator("#sentences > .note").inner_text()
