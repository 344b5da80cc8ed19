"""The files and lines that a comparison leaves."""

import json
from pathlib import Path

import pytest

from ner_lightning.commands.compare.report import report
from ner_lightning.entities import EntitySpan
from ner_lightning.evaluation.comparison.page import MAX_SENTENCES
from ner_lightning.evaluation.comparison.scope import Scope
from ner_lightning.predictions import PredictedSentence
from ner_lightning.runs.folders import FinishedRun, read_run
from ner_lightning.schemes import BIO, TagSet
from support.terminals import hidden_characters
from support.written_runs import tagged, write_run

BONN = EntitySpan(0, 1, "LOC")
NUM_SENTENCES = MAX_SENTENCES + 5


@pytest.fixture
def arms(tmp_path: Path) -> dict[str, list[FinishedRun]]:
    """One arm finds all entities, the other none."""
    return {
        name: [
            read_run(
                write_run(tmp_path / name / str(seed), seed, [tagged(n, [BONN], found) for n in range(NUM_SENTENCES)])
            )
            for seed in (0, 1)
        ]
        for name, found in (("all", [BONN]), ("none", []))
    }


def test_all_sentences_on_which_arms_differ_are_kept(arms: dict[str, list[FinishedRun]], tmp_path: Path) -> None:
    output = tmp_path / "compared"
    report(arms, output, Scope("test"))
    assert {path.name for path in output.iterdir()} == {"comparison.json", "comparison.html", "disagreements.jsonl"}
    lines = [json.loads(line) for line in (output / "disagreements.jsonl").read_text().splitlines()]
    assert len(lines) == NUM_SENTENCES
    assert {json.dumps(line["found"]) for line in lines} == {'{"all": [[0, 1, "LOC", 1.0]], "none": []}'}
    assert "disagreements.jsonl" in (output / "comparison.html").read_text()


def test_equal_runs_leave_equal_files(
    arms: dict[str, list[FinishedRun]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    contents = []
    for name in ("first", "second"):
        report(arms, tmp_path / name, Scope("test"))
        contents.append({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()})
    assert contents[0] == contents[1]
    assert capsys.readouterr().out.count("none − all = −100.00 F1") == 2


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
