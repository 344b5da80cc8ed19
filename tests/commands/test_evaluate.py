import json
import os
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from ner_lightning.__main__ import main
from ner_lightning.entities import EntitySpan
from ner_lightning.predictions import PredictedSentence, write_predictions
from ner_lightning.runs.folders import FINISHED
from support.sentences_with_errors import SENTENCES, TRAINING
from support.terminals import hidden_characters


@pytest.fixture
def predictions(tmp_path: Path) -> Path:
    path = tmp_path / "run" / "predictions" / "test.jsonl"
    write_predictions(path, SENTENCES)
    return path


def test_tables_fit_eighty_columns_even_in_a_pipe(predictions: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(predictions)]) == 0
    printed = capsys.readouterr()
    assert max(map(len, printed.out.splitlines())) <= 80
    assert "│ overall │     28.57 │  28.57 │  28.57 │    7 │         7 │" in printed.out
    assert "No strict scores: not every sentence has predicted tags." in printed.out
    assert "surface in training" not in printed.out
    assert printed.err == ""


def test_all_requested_files_are_written(predictions: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page, tables, suspects = (tmp_path / name for name in ("out/page.html", "tables.json", "suspects.jsonl"))
    options = ["--report", page, "--json", tables, "--suspects", suspects, "--min_score", "0.7"]
    assert main(["evaluate", str(predictions), *map(str, options)]) == 0
    assert "<title>Errors in test predictions</title>" in page.read_text()
    assert "3 entities were predicted with a score of at least 0.7 but are not gold" in page.read_text()
    content = json.loads(tables.read_text())
    assert content["sentences"] == 6
    assert content["strict"] is None
    assert content["confusion"] == [
        {"gold": "LOC", "predicted": "PER", "most_often": {"Paris": 2}, "times": 2, "share_of_gold": 2 / 3}
    ]
    assert [json.loads(line)["score"] for line in suspects.read_text().splitlines()] == [0.95, 0.92, 0.7]
    assert f"3 suspected annotation errors: {suspects}" in capsys.readouterr().err


def test_the_scheme_and_the_training_entities_are_read_from_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tagged = replace(SENTENCES[4], predicted_tags=("B-PER", "O", "O"))
    path = tmp_path / "predictions" / "test.jsonl"
    write_predictions(path, [tagged])
    (tmp_path / "run.json").write_text(json.dumps({"tags": {"scheme": "BIOES", "entity_types": ["PER"]}}))
    (tmp_path / FINISHED).write_text(json.dumps(TRAINING))
    assert main(["evaluate", str(path)]) == 0
    assert "(label scheme BIOES); ill-formed sentences 100.00 %." in capsys.readouterr().out.replace("\n", " ")
    tables = tmp_path / "tables.json"
    assert main(["evaluate", str(path), "--scheme", "BIO", "--json", str(tables)]) == 0
    assert "(label scheme BIO); ill-formed sentences 0.00 %." in capsys.readouterr().out.replace("\n", " ")
    assert json.loads(tables.read_text())["familiarity"]


def test_training_entities_can_be_given(predictions: Path, tmp_path: Path) -> None:
    (tmp_path / "seen.json").write_text(json.dumps(TRAINING))
    tables = tmp_path / "tables.json"
    given = ["--training_entities", str(tmp_path / "seen.json"), "--json", str(tables)]
    assert main(["evaluate", str(predictions), *given]) == 0
    surfaces = json.loads(tables.read_text())["surfaces"]
    assert {"LOC": 3, "PER": 1} in [row["in_training"] for row in surfaces]


@pytest.mark.parametrize("name", ["B-PERSON_NAME", "PERSON_NAME_OF_A_CHARACTER_IN_A_WORK"])
def test_the_summary_of_many_long_types_fits_a_screen(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kinds = [f"{name}_{number}" for number in range(40)]
    words = tuple("abcdefgh")

    def sentence(number: int) -> PredictedSentence:
        ours, others = kinds[number % 40], kinds[(number + 1) % 40]
        gold = (EntitySpan(0, 1, ours), EntitySpan(2, 3, ours), EntitySpan(4, 5, ours), EntitySpan(6, 7, ours))
        found = (EntitySpan(0, 1, others, 0.5), EntitySpan(2, 4, ours, 0.5), EntitySpan(4, 6, others, 0.5))
        return PredictedSentence(str(number), None, words, gold, (*found, EntitySpan(7, 8, ours, 0.5)), None)

    write_predictions(tmp_path / "test.jsonl", map(sentence, range(80)))
    assert main(["evaluate", str(tmp_path / "test.jsonl")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) < 40
    assert max(map(len, lines)) <= 80
    assert len(set(re.findall(name + r"_\d+", "\n".join(lines)))) >= 8
    assert set(re.findall(name[:4] + r"[-\w]*", "\n".join(lines))) <= set(kinds)
    assert "The 8 types with the most gold entities are shown, out of 40." in lines
    for kind in ("wrong type", "wrong boundary", "wrong both", "missed", "spurious"):
        assert any(line.startswith(f"│ {kind} ") and line.endswith(" 80 │") for line in lines)


def test_the_page_with_all_tables_is_named(predictions: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def last_line(*options: str) -> str:
        assert main(["evaluate", str(predictions), *options]) == 0
        return " ".join(capsys.readouterr().out.split()).partition("sentences with errors")[2]

    run_dir = predictions.parents[1]
    assert last_line() == ": --report FILE writes them as a page, --json FILE as JSON."
    page = run_dir / "report.html"
    page.touch()
    assert last_line() == f" are on the page {page}"
    assert last_line("--report", str(run_dir / "mine.html")) == f" are on the page {run_dir / 'mine.html'}"
    predictions.rename(predictions.with_name("validation.jsonl"))
    write_predictions(predictions, SENTENCES[:1])
    assert main(["evaluate", str(predictions.with_name("validation.jsonl"))]) == 0  # the page is about the test split
    assert str(page) not in capsys.readouterr().out


def test_hidden_characters_are_shown_escaped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kind = "PER\x1b[31m\u202e"
    spans = (EntitySpan(0, 1, kind, 0.95),), (EntitySpan(0, 1, f"{kind}\x9b"),)
    bad = PredictedSentence("s\x1b[2J", None, ("Bill\x1b",), spans[1], spans[0], None)
    names = ("p\x1b[1m.jsonl", "tables\x1b.json", "suspects\u202e.jsonl")
    path, tables, suspects = (tmp_path / name for name in names)
    write_predictions(path, [bad])
    options = ["--json", str(tables), "--suspects", str(suspects), "--report", str(tmp_path / "page\x1b.html")]
    assert main(["evaluate", str(path), *options]) == 0
    printed = capsys.readouterr()
    assert not hidden_characters(printed.out + printed.err)
    assert "PER\\x1b[31m\\u202e\\x9b as" in printed.out
    assert "tables\\x1b.json" in printed.err
    assert json.loads(suspects.read_text())["predicted"]["type"] == kind
    assert json.loads(tables.read_text())["scores"][0]["type"] == kind
    assert "\u202e" not in suspects.read_text() + tables.read_text()


def test_tables_can_be_written_to_pipes_and_through_links(predictions: Path, tmp_path: Path) -> None:
    pipe, link = tmp_path / "pipe", tmp_path / "link"
    os.mkfifo(pipe)
    link.symlink_to("suspects.jsonl")
    with ThreadPoolExecutor() as pool:
        read = pool.submit(pipe.read_text)
        options = ["--json", str(pipe), "--suspects", str(link), "--report", "/dev/null"]
        assert main(["evaluate", str(predictions), *options]) == 0
        assert json.loads(read.result(timeout=60))["sentences"] == 6
    assert pipe.is_fifo()
    assert link.is_symlink()
    assert (tmp_path / "suspects.jsonl").is_file()


def test_wrong_input_does_not_block_the_corrected_command(predictions: Path, tmp_path: Path) -> None:
    options = ["--report", str(tmp_path / "page.html"), "--json", str(tmp_path / "tables.json")]
    assert main(["evaluate", str(tmp_path / "none.jsonl"), *options]) == 2
    assert not (tmp_path / "page.html").exists()
    assert main(["evaluate", str(predictions), *options]) == 0


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        ("", [], "there must be at least one sentence to analyze"),
        ("{}", [], "test.jsonl:1: a line must have the keys"),
        (None, ["--min_score", "90"], "--min_score must be from 0 to 1, got 90.0"),
        (None, ["--min_score", "high"], "--min_score"),
        (None, ["--scheme", "IOB1"], "--scheme"),
        (None, ["--training_entities", "none.json"], "none.json: training entities must be JSON"),
        (
            None,
            ["--report", "same", "--json", "same"],
            "every output must be a separate file, got the same file twice or an input",
        ),
        (None, ["--repport", "x"], "--repport"),
        (None, ["--json", "x" * 256], "File name too long"),
        (None, ["--json", "LOOP"], "Too many levels of symbolic links"),
        (None, ["--json", "LOOP/tables.json"], "Too many levels of symbolic links"),
        (None, ["--training_entities", "LOOP"], "Too many levels of symbolic links"),
        (None, ["--training_entities", "x" * 256], "File name too long"),
        (None, ["--json", "/dev/full"], "No space left on device: '/dev/full'"),
    ],
)
def test_wrong_input_ends_in_one_line(
    predictions: Path, content: str | None, options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if content is not None:
        predictions.write_text(content)
    loop = predictions.with_name("loop")
    loop.symlink_to(loop)
    assert main(["evaluate", str(predictions), *(option.replace("LOOP", str(loop)) for option in options)]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert message in error


@pytest.mark.parametrize("name", ["predictions/test.jsonl", "run.json", FINISHED])
def test_input_files_are_never_replaced(predictions: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = predictions.parents[1] / name
    before = path.read_bytes() if path.exists() else None
    assert main(["evaluate", str(predictions), "--json", str(path)]) == 2
    assert "got the same file twice or an input" in capsys.readouterr().err
    assert (path.read_bytes() if path.exists() else None) == before


def test_the_run_is_found_from_any_folder(
    predictions: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (predictions.parents[1] / FINISHED).write_text(json.dumps(TRAINING))
    printed = []
    for folder, path in ((predictions.parents[2], predictions), (predictions.parent, Path("test.jsonl"))):
        monkeypatch.chdir(folder)
        assert main(["evaluate", str(path)]) == 0
        assert main(["evaluate", str(path), "--json", str(predictions.parents[2] / "tables.json")]) == 0
        tables = json.loads((predictions.parents[2] / "tables.json").read_text())
        printed.append((capsys.readouterr().out, tables["familiarity"]))
    assert printed[0] == printed[1]


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ('{"tags": {}}', "must record the scheme and the entity types of its tags, got {}"),
        ('{"tags": null}', "must record the scheme and the entity types of its tags, got None"),
        ("[" * 100_000, "must be JSON, got"),
        ("[]", "must contain the record of a run, got []"),
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
    assert f"run.json {message}" in error


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
