"""Tests of predict's output: no device, pipe, link or other file is replaced, and a failed start leaves nothing."""

import json
import os
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ner_lightning.__main__ import main as run_command
from ner_lightning.commands.predict.command import main
from ner_lightning.recognizer import EntityRecognizer
from ner_lightning.schemes import BIO, TagSet
from support.predicted_rows import TEXTS, rows_of
from support.small_bundles import TAGS, random_bundle
from support.terminals import hidden_characters


@pytest.fixture
def arguments(in_folder, model):
    (in_folder / "in.txt").write_text("\n".join(TEXTS[:3]))
    return ["--model", model, "--input", "in.txt"]


def test_devices_pipes_and_links_are_not_replaced(in_folder, arguments):
    os.mkfifo("pipe")
    Path("link").symlink_to("target.jsonl")
    Path("null").symlink_to("/dev/null")
    with ThreadPoolExecutor() as pool:
        read = pool.submit(Path("pipe").read_text)
        assert main([*arguments, "--output", "pipe"]) == 0
        lines = read.result(timeout=60)
    assert main([*arguments, "--output", "link"]) == 0
    assert main([*arguments, "--output", "null"]) == 0
    assert Path("pipe").is_fifo()
    assert Path("link").is_symlink()
    assert Path("null").is_char_device()
    assert Path("target.jsonl").read_text() == lines
    assert [row["text"] for row in rows_of(in_folder / "target.jsonl")] == TEXTS[:3]


def test_the_standard_output_may_be_named(arguments, capfdbinary):
    assert main([*arguments, "--output", "/dev/stdout"]) == 0
    printed = capfdbinary.readouterr().out.decode()
    assert [json.loads(line)["text"] for line in printed.split("\n")[:-1]] == TEXTS[:3]


def test_closed_streams_give_one_line(in_folder, arguments, monkeypatch, capsys):
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", None)
        assert run_command(["predict", *arguments, "--output", "-"]) == 2
    monkeypatch.setattr(sys, "stdin", None)
    (in_folder / "in.txt").unlink()
    assert main([*arguments[:2], "--input", "-", "--output", "out.jsonl"]) == 2
    assert capsys.readouterr().err.splitlines() == [
        "error: [Errno 9] Bad file descriptor: 'standard output'",
        "error: the standard input is closed; use --input FILE, or pipe the input into the command",
    ]
    assert os.listdir() == []


def test_a_run_that_wrote_nothing_leaves_no_output(arguments, monkeypatch, capsys):
    def stop(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(EntityRecognizer, "recognize", stop)
        assert main([*arguments, "--output", "out.jsonl"]) == 130
    assert sorted(os.listdir()) == ["in.txt"]
    assert "--resume" not in capsys.readouterr().err
    assert main([*arguments, "--output", "out.jsonl"]) == 0


@pytest.mark.usefixtures("small_chunks")
def test_a_run_that_wrote_something_can_be_resumed(in_folder, model, monkeypatch, capsys):
    (in_folder / "in.txt").write_text("\n".join(TEXTS))
    arguments = ["--model", model, "--input", "in.txt", "--output", "out.jsonl"]
    recognize, calls = EntityRecognizer.recognize, iter(range(9))

    def stop_second(*given):
        if next(calls):
            raise KeyboardInterrupt
        return recognize(*given)

    with monkeypatch.context() as patch:
        patch.setattr(EntityRecognizer, "recognize", stop_second)
        assert main(arguments) == 130
    assert capsys.readouterr().err == "error: stopped; repeat the command with --resume to continue\n"
    assert main([*arguments, "--resume"]) == 0
    assert [row["text"] for row in rows_of(in_folder / "out.jsonl")] == TEXTS


@pytest.mark.parametrize(
    ("option", "path", "message"),
    [
        ("--output", "x" * 256, "File name too long: 'x{256}'"),
        ("--output", "loop", "Too many levels of symbolic links: 'loop'"),
        ("--output", "loop/out", "Too many levels of symbolic links: 'loop/out'"),
        ("--output", "/dev/full", "No space left on device: '/dev/full'"),
        ("--input", "x" * 252 + ".txt", "x{252}.txt: the input cannot be read: File name too long"),
        ("--input", "loop.txt", "loop.txt: the input cannot be read: Too many levels"),
        ("--model", "x" * 256, "File name too long"),
        ("--model", "loop", "a bundle must be a folder"),
    ],
)
def test_names_that_the_system_refuses_give_one_line(arguments, capsys, option, path, message):
    Path("loop").symlink_to("loop")
    Path("loop.txt").symlink_to("loop.txt")
    given = [*arguments, "--output", "out.jsonl", option, path]
    assert main(given) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert re.search(message, error)
    assert sorted(os.listdir()) == ["in.txt", "loop", "loop.txt"]


def test_hidden_characters_are_shown_in_color_and_escaped_in_json(tmp_path, capsys):
    kinds = tuple(f"{kind}\x1b[31m\u202e" for kind in TAGS.entity_types)
    model = str(random_bundle(tmp_path / "model", TagSet(BIO(), kinds)))
    text = "Bill\x1b[2J\x9b\u202e in\tSeattle\u200b " * 5
    (tmp_path / "in.txt").write_text(text)
    given = ["--model", model, "--input", str(tmp_path / "in.txt"), "--output"]
    assert main([*given, "-", "--style", "color"]) == 0
    shown = capsys.readouterr().out
    assert not hidden_characters(shown)
    assert "Bill\\x1b[2J\\x9b\\u202e" in re.sub(r"\[(?!2J)|\s\S+\\u202e\]", "", shown)
    assert main([*given, str(tmp_path / "out.jsonl")]) == 0
    line = (tmp_path / "out.jsonl").read_text()
    assert not hidden_characters(line)
    row = json.loads(line)
    assert row["text"] == text
    assert {entity["type"] for entity in row["entities"]} <= set(kinds)
    assert row["entities"]
