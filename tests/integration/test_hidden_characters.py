"""Tests that hidden characters in words, entity types and paths never reach the terminal."""

import re
from pathlib import Path

import pytest

from ner_lightning.__main__ import main
from ner_lightning.predictions import read_predictions
from support.terminals import hidden_characters

ODD, LONG = "PER\x1b[5m\u202e", "PERSON_NAME_OF_A_CHARACTER_IN_A_NOVEL"
LINES = f"Bill\x1b[31m\tB-{ODD}\nin\x9b2J\tO\nthe\u200b\tO\nBonn\u202e\tB-{LONG}\nli\x07ves\tI-{ODD}\n\n"
TINY = ["--model.encoder=SmallBert", "--model.encoder.hidden_size=16", "--model.encoder.num_heads=2"]


@pytest.fixture
def corpus(tmp_path: Path) -> list[str]:
    path = tmp_path / "train\x1b[1m.conll"
    path.write_text(LINES * 12)
    splits = [f"--data.corpus.{split}={path}" for split in ("train", "validation", "test")]
    return ["--data.corpus=ColumnFiles", *splits]


def printed(capsys: pytest.CaptureFixture[str]) -> str:
    shown = capsys.readouterr()
    text = shown.out + shown.err
    assert not hidden_characters(text)
    assert "PER\\x1b[5m\\u202e" in text
    names = re.findall(r"PERSON_\w+", text)
    assert names
    assert set(names) == {LONG}
    return text


def test_the_report_on_a_corpus_has_no_hidden_characters(corpus: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", *corpus, *TINY]) in {0, 1}
    assert "train\\x1b[1m.conll:5" in printed(capsys)


def test_training_and_evaluation_print_no_hidden_characters(
    corpus: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_dir = tmp_path / "run\x1b[2J"
    assert main(["fit", *corpus, *TINY, "--trainer.max_epochs=1", f"--run_dir={run_dir}"]) == 0
    assert "run\\x1b[2J" in printed(capsys)
    predictions = run_dir / "predictions" / "test.jsonl"
    assert read_predictions(predictions)[0].gold[0].entity_type == ODD
    assert main(["evaluate", str(predictions)]) == 0
    assert "run\\x1b[2J" in printed(capsys)


@pytest.mark.parametrize(
    "arguments",
    [
        ["fit", "--config", "c\x1b[1m\u202e.yaml"],
        ["fit", *TINY, "--data.corpus=ColumnFiles", "--data.corpus.train=c\x1b[1m\u202e"],
        ["fit", *TINY, "--data.corpus=C\x1b[1m\u202e"],
        ["check", "--trainer.max_epochs=\x1b[1m\u202e"],
        ["compare", "--arm", "c\x1b[1m\u202e=", "--output", "o"],
        ["compare", "--runs", "c\x1b[1m\u202e", "--output", "o"],
        ["convert", "--from", "C\x1b[1m\u202e", "--to", "JsonLines", "--output", "o"],
        ["predict", "--model", "m\x1b[1m\u202e", "--input", "-", "--output", "o"],
        ["evaluate", "p\x1b[1m\u202e"],
        ["c\x1b[1m\u202e"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_errors_name_wrong_input_without_hidden_characters(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert not hidden_characters(error)
    assert re.search(r"\\x1b\[1m\\u202e|#x001b", error)
