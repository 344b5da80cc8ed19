"""Tests of the files and lines that a comparison writes."""

import json
import re
from pathlib import Path

import pytest

from ner_lightning.__main__ import main
from ner_lightning.commands.compare.report import report
from ner_lightning.entities import EntitySpan
from ner_lightning.evaluation.comparison.page import MAX_SENTENCES
from ner_lightning.evaluation.comparison.scope import Scope
from ner_lightning.predictions import PredictedSentence, write_predictions
from ner_lightning.runs.folders import FinishedRun, read_run
from ner_lightning.schemes import BIO, TagSet
from support.terminals import hidden_characters
from support.written_runs import tagged, write_run

BONN = EntitySpan(0, 1, "LOC")
NUM_SENTENCES = MAX_SENTENCES + 5


@pytest.fixture
def arms(tmp_path: Path) -> dict[str, list[FinishedRun]]:
    """Two arms: one finds all entities, the other finds none."""
    return {
        name: [
            read_run(
                write_run(tmp_path / name / str(seed), seed, [tagged(n, [BONN], found) for n in range(NUM_SENTENCES)])
            )
            for seed in range(3)
        ]
        for name, found in (("all", [BONN]), ("none", []))
    }


def test_all_sentences_on_which_arms_disagree_are_written(arms: dict[str, list[FinishedRun]], tmp_path: Path) -> None:
    output = tmp_path / "compared"
    report(arms, output, Scope("test"))
    assert {path.name for path in output.iterdir()} == {"comparison.json", "comparison.html", "disagreements.jsonl"}
    lines = [json.loads(line) for line in (output / "disagreements.jsonl").read_text().splitlines()]
    assert len(lines) == NUM_SENTENCES
    assert {json.dumps(line["found"]) for line in lines} == {'{"all": [[0, 1, "LOC", 1.0]], "none": []}'}
    assert "disagreements.jsonl" in (output / "comparison.html").read_text()


def test_the_same_runs_give_the_same_files(
    arms: dict[str, list[FinishedRun]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    contents = []
    for name in ("first", "second"):
        report(arms, tmp_path / name, Scope("test"))
        contents.append({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()})
    assert contents[0] == contents[1]
    assert capsys.readouterr().out.count("none − all = −100.00 F1") == 2


def test_a_comparison_under_another_decoder_is_written_beside_the_first(
    arms: dict[str, list[FinishedRun]], tmp_path: Path
) -> None:
    for run in (run for of_arm in arms.values() for run in of_arm):
        write_predictions(run.predictions_path("test", "viterbi"), run.predictions("test"))
    output = tmp_path / "compared"
    report(arms, output, Scope("test"))
    first = {path.name: path.read_bytes() for path in output.iterdir()}
    report(arms, output, Scope("test", "viterbi"))
    report(arms, output, Scope("test", "viterbi", ("LOC", "PER")))
    written = {path.name: path.read_bytes() for path in output.iterdir()}
    assert written.items() >= first.items()
    assert set(written) == {
        f"{kind}{suffix}.{ending}"
        for kind, ending in (("comparison", "json"), ("comparison", "html"), ("disagreements", "jsonl"))
        for suffix in ("", ".viterbi", ".viterbi.LOC+PER")
    }
    assert b"Decoder viterbi<" in written["comparison.viterbi.html"]


@pytest.mark.parametrize("output", [None, "pages/mine.html"])
def test_the_page_is_drawn_again_from_the_json_file(
    arms: dict[str, list[FinishedRun]], tmp_path: Path, output: str | None
) -> None:
    report(arms, tmp_path / "compared", Scope("test"))
    path = tmp_path / "compared" / "comparison.json"
    page = path.with_suffix(".html").read_bytes()
    path.with_suffix(".html").unlink()
    drawn = path.with_suffix(".html") if output is None else tmp_path / output
    options = [] if output is None else ["--output", str(drawn)]
    assert main(["compare", "--page", str(path), *options]) == 0
    assert drawn.read_bytes() == page


def test_without_the_disagreements_the_page_says_so(arms: dict[str, list[FinishedRun]], tmp_path: Path) -> None:
    report(arms, tmp_path, Scope("test"))
    (tmp_path / "disagreements.jsonl").unlink()
    assert main(["compare", "--page", str(tmp_path / "comparison.json")]) == 0
    page = (tmp_path / "comparison.html").read_text()
    assert "<code>disagreements.jsonl</code> was not beside <code>comparison.json</code>" in page
    assert "none − all = −100.00 F1" in page


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("comparison.json", None, "No such file"),
        ("comparison.json", "{torn", "is not a comparison.json written by compare: Expecting"),
        ("comparison.json", "[]", "is not a comparison.json written by compare: "),
        ("comparison.json", '{"arms": {}}', "there must be at least one arm, got none"),
        ("comparison.json", '{"arms": {"a": {"runs": []}}}', "the key 'decoder' is missing"),
        ("comparison.json", '{"num_units": NaN}', "numbers must be finite, got NaN"),
        ("comparison.json", "[" * 100_000, "is not a comparison.json written by compare: "),
        ("disagreements.jsonl", "{}", "does not contain the disagreements of .*: the key 'gold' is missing"),
        ("disagreements.jsonl", '{"id": "1", "document_id": null, "words": [], "gold": [], "found": {}, "gap": 0}',
         r"line 1 is on the arms \[\], not on \['all', 'none'\]"),
    ],
)  # fmt: skip
def test_a_damaged_file_ends_in_one_line(
    arms: dict[str, list[FinishedRun]],
    tmp_path: Path,
    name: str,
    content: str | None,
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    report(arms, tmp_path, Scope("test"))
    (tmp_path / "comparison.html").unlink()
    (tmp_path / name).unlink()
    if content is not None:
        (tmp_path / name).write_text(content)
    capsys.readouterr()
    assert main(["compare", "--page", str(tmp_path / "comparison.json")]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert re.match(rf"error: .*{message}", error)
    assert not (tmp_path / "comparison.html").exists()


def test_hidden_characters_of_names_are_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kind, name = "$PER\x1b[31m\u202e", "bio\x1b[2J\u200b"
    entity = EntitySpan(0, 1, kind)
    tags = TagSet(BIO(), (kind,)).to_plain()

    def run(seed: int, found: tuple[EntitySpan, ...]) -> FinishedRun:
        predicted_tags = (f"B-{kind}" if found else "O", "O")
        words = ("Bill\x9b", "left")
        sentences = [PredictedSentence(str(i), None, words, (entity,), found, predicted_tags) for i in range(9)]
        return read_run(write_run(tmp_path / f"{len(found)}-{seed}", seed, sentences, tags=tags))

    arms = {arm: [run(seed, found) for seed in (0, 1)] for arm, found in ((name, (entity,)), ("other", ()))}
    report(arms, tmp_path / "compared\x1b", Scope("test"))
    printed = capsys.readouterr()
    assert not hidden_characters(printed.out + printed.err)
    assert "$PER\\x1b[31m\\u202e" in printed.out
    assert "bio\\x1b[2J\\u200b" in printed.out
    assert "compared\\x1b" in printed.err
    compared = json.loads((tmp_path / "compared\x1b" / "comparison.json").read_text())
    assert json.dumps(name) in json.dumps(compared)
