"""Tests of the content of the page of an error analysis."""

from datetime import date

import pytest
import yaml

from ner_lightning.evaluation.errors.analysis import analyse
from ner_lightning.evaluation.errors.page import (
    MAX_CHARACTERS,
    facts_about,
    headline,
    most_confused,
    shortened_table,
    write_report,
)
from ner_lightning.evaluation.errors.prediction_analysis import PredictionAnalysis
from ner_lightning.evaluation.errors.tables import MAX_ROWS, confusion_matrix, error_tables
from ner_lightning.evaluation.pages.tables import Frequencies, Percent, Table
from support.sentences_with_errors import SENTENCES, sentence


def test_an_undefined_score_in_the_headline_is_not_shown_as_0():
    assert {name: str(share) for name, share in headline(analyse([sentence("a b", [(0, 1, "X")], [])])).items()} == {
        "F1, %": "0.00",
        "precision, %": "–",
        "recall, %": "0.00",
    }
    assert set(map(str, headline(analyse(SENTENCES[5:])).values())) == {"–"}


def test_the_matrix_keeps_the_types_that_are_confused_most():
    """A is taken for D twice and B for A once; C is never confused, however often it occurs."""
    matrix = Table("m", ("gold", *"ABCD"), (("A", 0, 0, 0, 2), ("B", 1, 5, 0, 0), ("C", 0, 0, 9, 0), ("D", 0, 0, 0, 0)))
    kept = most_confused(matrix, 3)
    assert kept.header == ("gold", "A", "B", "D")
    assert kept.rows == (("A", 0, 0, 2), ("B", 1, 5, 0), ("D", 0, 0, 0))
    assert kept.note.strip() == "The 3 most confused types of 4 are shown."
    assert most_confused(matrix, 4) is matrix


def test_a_matrix_of_many_types_is_cut():
    many = [sentence("w", [(0, 1, f"T{i:02}")], [(0, 1, f"T{(i + 1) % 66:02}")]) for i in range(66)]
    kept = most_confused(confusion_matrix(analyse(many)), MAX_ROWS)
    assert (
        [str(row[0]) for row in kept.rows] == list(map(str, kept.header[1:])) == [f"T{i:02}" for i in range(MAX_ROWS)]
    )


def test_long_texts_in_a_table_are_cut():
    text, long = "w" * MAX_CHARACTERS, "v" * (MAX_CHARACTERS + 1)
    table = shortened_table(
        Table("t", ("surface", "share"), ((text, Percent(0.5)), (long, 3), (Frequencies({long: 2}), 3)))
    )
    assert table.rows == ((text, Percent(0.5)), *[("v" * MAX_CHARACTERS + " …", 3)] * 2)


@pytest.mark.parametrize("error_every", [10, 1000], ids=["many errors", "few errors"])
def test_a_page_of_long_documents_stays_below_a_megabyte(tmp_path, error_every):
    """Documents of 2,000 words with 200 entities each take 1.2 MB if all is shown."""
    words = " ".join(f"word{i}" for i in range(2000))
    gold = [(i, i + 1, "PER") for i in range(0, 2000, 10)]
    predicted = [(i, i + (2 if i % error_every == 0 else 1), "PER", 0.95) for i in range(0, 2000, 10)]
    documents = [sentence(words, gold, predicted, str(i)) for i in range(20)]
    analysis = analyse(documents)
    write_report(
        tmp_path / "report.html", PredictionAnalysis(tmp_path / "test.jsonl", analysis, None), error_tables(analysis)
    )
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert 200_000 < len(page.encode()) < 1_000_000
    assert "20 sentences have errors" in page


def test_a_page_names_run_encoder_and_date(tmp_path):
    path, day = tmp_path / "predictions" / "test.jsonl", date(2026, 11, 29)
    assert facts_about(path, day) == {"predictions": "test.jsonl", "date": "2026-11-29"}
    encoder = {"class_path": "PretrainedEncoder", "init_args": {"name_or_path": "bert-base-cased"}}
    config = tmp_path / "config.yaml"
    config.write_text(yaml.safe_dump({"run_dir": "runs/mine/seed-0", "model": {"encoder": encoder}}))
    facts = {"run": "runs/mine/seed-0", "encoder": "bert-base-cased", "predictions": "test.jsonl", "date": "2026-11-29"}
    assert facts_about(path, day) == facts
    analysis = PredictionAnalysis(path, analyse(SENTENCES), None)
    write_report(tmp_path / "page.html", analysis, error_tables(analysis.analysis))
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert all(f"<dd>{facts[name]}</dd>" in page for name in ("run", "encoder", "predictions"))
    config.write_text("[]")
    assert set(facts_about(path, day)) == {"predictions", "date"}
