"""Tests of the progress display, which appears on a terminal after a moment."""

import re
import sys

import pytest

from ner_lightning.commands.predict import progress
from ner_lightning.commands.predict.command import main
from ner_lightning.commands.predict.input import read_records
from ner_lightning.corpora.column_files import ColumnLayout
from support.terminals import open_terminal

TEXTS = "Bill lives in Seattle.\n" * 12
ARGUMENTS = ["--input", "in.txt", "--output", "out.jsonl", "--batch_subwords", "40"]


@pytest.fixture
def usual_terminal(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("usual_terminal", "small_chunks")
@pytest.mark.parametrize(("patience", "is_shown"), [(0.0, True), (60.0, False)])
def test_a_terminal_shows_the_number_of_texts_of_a_long_run(in_folder, model, monkeypatch, patience, is_shown):
    (in_folder / "in.txt").write_text(TEXTS)
    monkeypatch.setattr(progress, "PATIENCE", patience)
    with open_terminal() as terminal:
        monkeypatch.setattr(sys, "stderr", terminal.stream)
        assert main(["--model", model, *ARGUMENTS]) == 0
        shown = terminal.text()
    assert (re.search(r"100% 12 texts, [\d,]+ texts/s", shown) is not None) == is_shown
    assert is_shown or not shown


def test_input_from_a_pipe_shows_texts_per_second_and_no_time_left():
    shown = progress.PredictionProgress(None, is_shown=False)
    shown.begin_chunk(10, 50, 4)
    shown.advance(4)
    task = shown.display.tasks[0]
    assert (task.total, task.fields["texts"]) == (None, 4)
    assert task.time_remaining is None


def test_texts_within_a_chunk_are_assumed_to_have_the_mean_length():
    shown = progress.PredictionProgress(100, is_shown=False)
    shown.begin_chunk(10, 50, 4)
    shown.advance(1)
    assert shown.display.tasks[0].completed == 20
    shown.advance(3)
    assert shown.display.tasks[0].completed == 50


@pytest.mark.usefixtures("usual_terminal")
def test_nothing_is_shown_if_results_go_to_the_same_terminal(in_folder, model, monkeypatch):
    (in_folder / "in.txt").write_text(TEXTS)
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    with open_terminal() as terminal:
        monkeypatch.setattr(sys, "stdout", terminal.stream)
        monkeypatch.setattr(sys, "stderr", terminal.stream)
        assert main(["--model", model, "--input", "in.txt", "--output", "-"]) == 0
        shown = terminal.raw()
    assert shown.count("\n") == 12
    assert "texts/s" not in shown


@pytest.mark.parametrize(
    ("input_format", "blocks", "ends"),
    [
        ("text", [[b"ab", b""], [b"c"]], [3, 4, 6]),
        ("jsonl", [[b'{"text": "a"}', b"", b'{"text": "b"}']], [14, 29]),
        ("columns", [[b"a O", b"b O", b"", b"c O"]], [9, 14]),
    ],
)
def test_a_record_knows_how_far_in_the_input_it_ends(input_format, blocks, ends):
    records = read_records(blocks, "in", input_format, ColumnLayout(0, -1, "auto", None))
    assert [record.end for record in records if record is not None] == ends
