"""Tests of the page of a corpus report, as text and in a browser."""

import re

import pytest
from playwright.sync_api import Browser

from ner_lightning.corpora.checks.report import describe_corpus
from ner_lightning.corpora.reader import Corpus, ReadingNote
from ner_lightning.evaluation.corpus.page import MAX_LINES, corpus_page
from support.browser import opened, overflow
from support.checked_corpora import checked_corpus, letters, sentence, sound_split


@pytest.fixture(scope="module")
def page() -> str:
    checked = checked_corpus()
    odd = sentence("<script>alert(1)</script> " + "W" * 200 + " it\u202e rained", (0, 2, "<b>"), id="<i>")
    many = tuple(ReadingNote("train", "type_renamed", f"row {n}", "f.conll", n) for n in range(1, MAX_LINES + 3))
    splits = {**checked.splits, "train": (*checked.splits["train"], odd, *sound_split("t")), "test": ()}
    return corpus_page(describe_corpus(Corpus(splits, (*checked.notes, *many), {"train": "BIO: seen"}), letters, 3))


def test_findings_are_listed_with_the_most_serious_first(page: str):
    findings = re.search(r'<dl class="record findings">(.*?)</dl>', page, flags=re.DOTALL)
    assert findings is not None
    severities = re.findall("<dt>(.*?)</dt>", findings[1])
    assert severities == ["error", *["warning"] * severities.count("warning"), *["note"] * severities.count("note")]
    assert severities.count("warning") > 3
    assert severities.count("note") == 1
    assert "such as train.conll:7: I-PER at first</dd>" in findings[1]


def test_the_page_has_plots_and_tables_and_names_what_it_leaves_out(page: str):
    titles = ["Entities by type", "Words per sentence", "Subwords per sentence", "Subwords per word"]
    for title in ["Splits", *titles, "Ill-formed tag (2)", f"Type renamed ({MAX_LINES + 2})"]:
        assert f">{title}<" in page
    assert page.count(">\u2003also in train<") == 2
    assert page.count("<svg") == 2 * len(titles)  # for wide and for narrow windows
    assert f"The first {MAX_LINES} are shown" in page


def test_text_of_the_corpus_is_escaped(page: str):
    assert "<script>alert" not in page
    assert "&lt;b&gt;" in page
    assert "\u202e" not in page


def test_a_corpus_without_findings_has_a_page():
    sound = describe_corpus(Corpus({"train": sound_split("train"), "validation": sound_split("validation")}))
    assert "No errors, warnings or notes." in corpus_page(sound)
    assert "no split" in corpus_page(describe_corpus(Corpus({})))


def test_the_page_fits_narrow_windows(page: str, browser: Browser, tmp_path):
    path = tmp_path / "page.html"
    path.write_text(page, encoding="utf-8")
    with opened(browser, path, viewport={"width": 360, "height": 700}) as shown:
        assert overflow(shown) <= 0
