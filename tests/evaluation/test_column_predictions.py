"""Tests of predictions in columns: a word, its gold tag and its predicted tag per line."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.metrics import f1_score

from ner_lightning.__main__ import main
from ner_lightning.entities import EntitySpan
from ner_lightning.evaluation.column_predictions import read_any_predictions, read_column_predictions
from ner_lightning.evaluation.scores import score
from ner_lightning.predictions import PredictionsError, write_predictions

TAGS = st.sampled_from(["O", "B-PER", "I-PER", "B-LOC", "I-LOC"])
ROWS = st.lists(st.lists(st.tuples(TAGS, TAGS), min_size=1, max_size=6), min_size=1, max_size=6)


def lines_of(rows: list[list[tuple[str, str]]], separator: str) -> str:
    sentences = (
        "".join(separator.join((f"w{position}", *tags)) + "\n" for position, tags in enumerate(row)) for row in rows
    )
    return "\n".join(sentences)


@given(ROWS, st.sampled_from([" ", "\t"]))
def test_scores_equal_those_of_seqeval(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[tuple[str, str]]], separator: str
) -> None:
    path = tmp_path_factory.mktemp("columns") / "pred.txt"
    path.write_text(lines_of(rows, separator))
    gold = [[pair[0] for pair in row] for row in rows]
    predicted = [[pair[1] for pair in row] for row in rows]
    expected = f1_score(gold, predicted, zero_division=0)
    assert score(read_column_predictions(path)).overall.f1 == pytest.approx(expected)


def test_further_columns_documents_and_other_spellings_are_read(tmp_path: Path) -> None:
    path = tmp_path / "pred.conll"
    path.write_text(
        "-DOCSTART- (one) -X- O O\n\nBill NNP B_PER U-PER\nleft VBD O O\n\nNew NNP B_LOC B-LOC\nYork NNP I_LOC L-LOC\n"
    )
    first, second = read_column_predictions(path)
    assert (first.id, first.document_id, first.words) == ("3", "one", ("Bill", "left"))
    assert first.gold == first.predicted == (EntitySpan(0, 1, "PER"),)
    assert second.gold == second.predicted == (EntitySpan(0, 2, "LOC"),)
    assert second.predicted_tags == ("B-LOC", "E-LOC")


def test_predictions_on_unannotated_words_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "pred.txt"
    path.write_text("a O O\nb - B-PER\nc B-PER B-PER\n")
    (sentence,) = read_column_predictions(path)
    assert sentence.gold == sentence.predicted == (EntitySpan(2, 3, "PER"),)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            "a B-PER\n",
            "pred.txt:1: a line must have a word in column 0 .* got 2 columns: 'a B-PER'; a predictions file",
        ),
        ("a O O\nb O\n", "pred.txt:2: .* got 2 columns"),
        ("a O zz\n", "pred.txt:1: a tag must be O, .* got 'zz'; a predictions file is JSON Lines"),
        ("a O\x80 O\n", "pred.txt"),
    ],
)
def test_other_files_are_refused_in_one_line(
    tmp_path: Path, content: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "pred.txt"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(PredictionsError, match=message):
        read_any_predictions(path)
    assert main(["evaluate", str(path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_json_lines_are_recognized_by_their_content(tmp_path: Path) -> None:
    path = tmp_path / "columns.txt"
    path.write_text("a B-PER B-PER\n")
    sentences = read_any_predictions(path)
    write_predictions(tmp_path / "no_suffix", sentences)
    assert read_any_predictions(tmp_path / "no_suffix") == sentences
    (tmp_path / "pred.jsonl").write_text("a B-PER B-PER\n")
    with pytest.raises(PredictionsError, match="must be one complete JSON object"):
        read_any_predictions(tmp_path / "pred.jsonl")


def test_evaluate_writes_the_same_tables_as_for_json_lines(tmp_path: Path) -> None:
    path = tmp_path / "pred.txt"
    path.write_text("a B-LOC B-LOC\nb I-LOC I-LOC\nc O B-PER\n")
    write_predictions(tmp_path / "pred.jsonl", read_any_predictions(path))
    tables = []
    for name in ("pred.txt", "pred.jsonl"):
        assert main(["evaluate", str(tmp_path / name), "--json", str(tmp_path / "tables.json")]) == 0
        tables.append(json.loads((tmp_path / "tables.json").read_text()) | {"predictions": None})
    assert tables[0] == tables[1]
    assert tables[0]["strict"]["f1"] == pytest.approx(2 / 3)
