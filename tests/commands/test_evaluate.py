import json
from dataclasses import replace
from pathlib import Path

import pytest
from sentences_with_errors import SENTENCES, TRAINING

from ner_lightning.__main__ import main
from ner_lightning.evaluation.run_folders import FINISHED
from ner_lightning.predictions import write_predictions


@pytest.fixture
def predictions(tmp_path: Path) -> Path:
    path = tmp_path / "run" / "predictions" / "test.jsonl"
    write_predictions(path, SENTENCES)
    return path


def test_tables_fit_eighty_columns_also_in_a_pipe(predictions: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(predictions)]) == 0
    printed = capsys.readouterr()
    assert max(map(len, printed.out.splitlines())) <= 80
    assert "│ overall │     28.57 │  28.57 │ 28.57 │    7 │         7 │" in printed.out
    assert "No strict scores: not every sentence has predicted tags." in printed.out
    assert "surface in training" not in printed.out
    assert printed.err == ""


def test_everything_is_written_that_was_asked_for(
    predictions: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page, tables, suspects = (tmp_path / name for name in ("out/page.html", "tables.json", "suspects.jsonl"))
    options = ["--report", page, "--json", tables, "--suspects", suspects, "--min_score", "0.7"]
    assert main(["evaluate", str(predictions), *map(str, options)]) == 0
    assert "<title>Errors in test predictions</title>" in page.read_text()
    assert "a score of at least 0.7, and yet not gold: 3" in page.read_text()
    content = json.loads(tables.read_text())
    assert content["sentences"] == 6
    assert content["strict"] is None
    assert content["confusion"] == [
        {"gold": "LOC", "predicted": "PER", "most_often": {"Paris": 2}, "times": 2, "share_of_gold": 2 / 3}
    ]
    assert [json.loads(line)["score"] for line in suspects.read_text().splitlines()] == [0.95, 0.92, 0.7]
    assert f"3 suspected annotation errors: {suspects}" in capsys.readouterr().err


def test_the_run_tells_its_scheme_and_what_training_showed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tagged = replace(SENTENCES[4], predicted_tags=("B-PER", "O", "O"))
    path = tmp_path / "predictions" / "test.jsonl"
    write_predictions(path, [tagged])
    (tmp_path / "run.json").write_text(json.dumps({"tags": {"scheme": "BIOES", "entity_types": ["PER"]}}))
    (tmp_path / FINISHED).write_text(json.dumps(TRAINING))
    assert main(["evaluate", str(path)]) == 0
    printed = capsys.readouterr().out
    assert "only what BIOES can write; ill-formed sentences 100.00 %." in printed
    assert "│ seen " in printed
    assert main(["evaluate", str(path), "--scheme", "BIO"]) == 0
    assert "only what BIO can write; ill-formed sentences 0.00 %." in capsys.readouterr().out


def test_training_entities_can_be_given(predictions: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "seen.json").write_text(json.dumps(TRAINING))
    assert main(["evaluate", str(predictions), "--training_entities", str(tmp_path / "seen.json")]) == 0
    assert "│ LOC (3), PER │" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        ("", [], "there must be a sentence to analyse"),
        ("{}", [], "test.jsonl:1: id is missing"),
        (None, ["--min_score", "90"], "--min_score must be from 0 to 1, got 90.0"),
        (None, ["--min_score", "high"], "--min_score"),
        (None, ["--scheme", "IOB1"], "--scheme"),
        (None, ["--training_entities", "none.json"], "none.json: training entities must be JSON"),
        (None, ["--report", "same", "--json", "same"], "every output must be a file of its own"),
        (None, ["--repport", "x"], "--repport"),
    ],
)
def test_wrong_input_ends_in_one_line(
    predictions: Path, content: str | None, options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if content is not None:
        predictions.write_text(content)
    assert main(["evaluate", str(predictions), *options]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert message in error


@pytest.mark.parametrize("name", ["predictions/test.jsonl", "run.json", FINISHED])
def test_what_is_read_is_never_replaced(predictions: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = predictions.parents[1] / name
    before = path.read_bytes() if path.exists() else None
    assert main(["evaluate", str(predictions), "--json", str(path)]) == 2
    assert "got one twice, or an input" in capsys.readouterr().err
    assert (path.read_bytes() if path.exists() else None) == before


def test_the_run_is_found_from_any_folder(
    predictions: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (predictions.parents[1] / FINISHED).write_text(json.dumps(TRAINING))
    printed = []
    for folder, path in ((predictions.parents[2], predictions), (predictions.parent, Path("test.jsonl"))):
        monkeypatch.chdir(folder)
        assert main(["evaluate", str(path)]) == 0
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1]
    assert "surface in training" in printed[0]


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ('{"tags": {}}', ": tags.scheme is missing"),
        ('{"tags": null}', ": tags must be an object, got None"),
        ("[" * 100_000, ": must be JSON that can be read, got"),
        ("[]", ": the content must be an object, got []"),
    ],
)
def test_a_damaged_record_is_named(
    predictions: Path, record: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (predictions.parents[1] / "run.json").write_text(record)
    assert main(["evaluate", str(predictions)]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert f"run.json{message}" in error


@pytest.mark.parametrize(
    ("tags", "message"),
    [(("B-PER", "O", "what"), "a tag must be O"), (("S-PER", "O", "O"), "a tag of BIO must be O or begin with B, I")],
)
def test_tags_that_cannot_be_read_are_named_with_the_file(
    tmp_path: Path, tags: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "predictions" / "test.jsonl"
    write_predictions(path, [replace(SENTENCES[4], predicted_tags=tags)])
    (tmp_path / "run.json").write_text(json.dumps({"tags": {"scheme": "BIO", "entity_types": ["PER"]}}))
    assert main(["evaluate", str(path)]) == 2
    error = capsys.readouterr().err
    assert "test.jsonl" in error
    assert message in error
