"""Tests of the results that `predict` writes and the input that it refuses."""

import os
import re
import subprocess
import sys

import pytest

from ner_lightning.commands.predict import run as prediction_run
from ner_lightning.commands.predict.command import main
from ner_lightning.recognizer import EntityRecognizer
from support.predicted_rows import TEXTS, rows_of
from support.small_bundles import TAGS


def test_predict_reads_and_writes_pipes(in_folder, model, monkeypatch, capfdbinary):
    (in_folder / "in.txt").write_text("\n".join(TEXTS))
    assert main(["--model", model, "--input", "in.txt", "--output", "out.jsonl"]) == 0
    reading, writing = os.pipe()
    with open(writing, "w", encoding="utf-8") as file:
        file.write("\n".join(TEXTS))
    with open(reading) as pipe:
        monkeypatch.setattr(sys, "stdin", pipe)
        assert main(["--model", model, "--input", "-", "--output", "-"]) == 0
    captured = capfdbinary.readouterr()
    assert captured.out == (in_folder / "out.jsonl").read_bytes()
    assert captured.err == b""


def test_a_reader_that_closes_the_pipe_ends_the_run(in_folder, model, monkeypatch, capfd):
    (in_folder / "in.txt").write_text("Bill\n")
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "w") as nobody_reads:
        monkeypatch.setattr(sys, "stdout", nobody_reads)
        assert main(["--model", model, "--input", "in.txt", "--output", "-"]) == 141
    assert capfd.readouterr().err == ""


def test_the_size_of_a_chunk_is_also_limited_in_characters(in_folder, model, monkeypatch):
    (in_folder / "in.txt").write_text("\n".join(TEXTS))
    sizes = []
    recognize = EntityRecognizer.recognize

    def spy(self, sentences, *others):
        sizes.append(sum(len(sentence.text) for sentence in sentences))
        return recognize(self, sentences, *others)

    monkeypatch.setattr(prediction_run, "CHUNK_CHARACTERS", 120)
    monkeypatch.setattr(EntityRecognizer, "recognize", spy)
    assert main(["--model", model, "--input", "in.txt", "--output", "out.jsonl"]) == 0
    assert [row["text"] for row in rows_of(in_folder / "out.jsonl")] == TEXTS
    assert sum(sizes) == sum(map(len, TEXTS))
    assert all(size <= 120 or size == len(TEXTS[4]) for size in sizes)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "required: --model, --input, --output .see python -m ner_lightning predict --help"),
        (["--input", "in.txt", "--output", "o"], "required: --model"),
        (["--colour", "x"], "required|unrecognized"),
        (["--model", "MODEL", "--input", "in.txt", "--output", "o", "--format", "xml"], "'xml' .choose from"),
        (
            ["--model", "MODEL", "--input", "in.txt", "--output", "o", "--batch_subwords", "0"],
            "at least 1, got 0",
        ),
        (["--model", "MODEL", "--input", "in.txt", "--output", "o", "--batch_subwords", "x"], "invalid int"),
        (["--model", "MODEL", "--input", "in.txt", "--output", "o", "--mod", "x"], "unrecognized"),
        (
            ["--model", "MODEL", "--input", "in.pdf", "--output", "o"],
            "in.pdf: the name of the input must end in .txt, .jsonl",
        ),
        (
            ["--model", "MODEL", "--input", "none.txt", "--output", "o"],
            "none.txt: the input cannot be read: No such file",
        ),
        (["--model", "MODEL", "--input", "dir.txt", "--output", "o"], "dir.txt: .*[Dd]irectory"),
        (
            ["--model", "none", "--input", "in.txt", "--output", "o"],
            "none: a bundle must be a folder, found nothing",
        ),
        (
            ["--model", "dir.txt", "--input", "in.txt", "--output", "o"],
            "dir.txt is not a bundle: model.safetensors is missing",
        ),
        (
            ["--model", "none", "--input", "in.txt", "--output", "no/o"],
            "no/o: the folder of the output does not exist: no .see python",
        ),
        (
            ["--model", "MODEL", "--input", "in.txt", "--output", "o", "--comment", "# ", "--word_column", "1"],
            "--word_column, --comment can only be used with --format columns, got text",
        ),
        (
            ["--model", "MODEL", "--input", "in.txt", "--format", "columns", "--output", "o", "--comment", ""],
            "--comment must not be empty, since every line would be a comment",
        ),
        (
            ["--model", "MODEL", "--input", "in.txt", "--output", "in.txt"],
            "in.txt: the output already exists; remove it, or use --resume to continue it",
        ),
        (
            ["--model", "MODEL", "--input", "in.txt", "--output", "in.txt", "--resume"],
            "in.txt: the output must not be the input",
        ),
        (["--model", "MODEL", "--input", "in.txt", "--output", "dir.txt", "--resume"], "must be a file"),
        (
            ["--model", "MODEL", "--input", "none.txt", "--output", "in.txt", "--resume"],
            "in.txt:1: --resume can only continue a JSON output of predict, found b'a",
        ),
        (
            ["--model", "MODEL", "--input", "in.txt", "--output", "-", "--resume"],
            "--resume can only continue an output file of --style json",
        ),
        (["--model", "MODEL", "--input", "bad.txt", "--output", "o"], "bad.txt:1: must be UTF-8"),
    ],
)
def test_wrong_input_gives_one_line_and_status_2(in_folder, model, capsys, arguments, message):
    (in_folder / "in.txt").write_text("a\n")
    (in_folder / "bad.txt").write_bytes(b"\xff\n")
    (in_folder / "dir.txt").mkdir()
    assert main([model if argument == "MODEL" else argument for argument in arguments]) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    assert captured.err.startswith("error: ")
    assert re.search(message, captured.err)
    assert captured.out == ""
    assert sorted(path.name for path in in_folder.iterdir()) == ["bad.txt", "dir.txt", "in.txt"]
    assert (in_folder / "in.txt").read_text() == "a\n"


def test_empty_input_gives_an_empty_output(in_folder, model):
    (in_folder / "in.txt").touch()
    assert main(["--model", model, "--input", "in.txt", "--output", "out.jsonl"]) == 0
    assert (in_folder / "out.jsonl").read_bytes() == b""


@pytest.mark.parametrize("forced", [False, True])
def test_color_shows_entities_in_brackets(in_folder, model, recognizer, capsys, monkeypatch, forced):
    if forced:
        monkeypatch.setenv("FORCE_COLOR", "1")
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.delenv("NO_COLOR", raising=False)
    text = f"[bold]:smile: {TEXTS[0]} \x1b[31m {'Bill in Seattle ' * 20}"
    (in_folder / "in.txt").write_text(text + "\n\n")
    assert main(["--model", model, "--input", "in.txt", "--output", "-", "--style", "color"]) == 0
    shown = capsys.readouterr().out
    expected, end = "", 0
    for entity in recognizer(text):
        expected += f"{text[end : entity.start]}[{entity.text} {entity.type}]"
        end = entity.end
    expected = (expected + text[end:]).replace("\x1b", "\\x1b")
    assert expected.count("[") > 10
    assert ("\x1b[" in shown) == forced
    assert re.sub("\x1b\\[[0-9;]*m", "", shown) == expected + "\n\n"


def test_the_color_style_writes_no_colors_to_a_file(in_folder, model, capsys):
    (in_folder / "in.txt").write_text(TEXTS[0])
    arguments = ["--model", model, "--input", "in.txt", "--output", "out.txt", "--style", "color"]
    assert main(arguments) == 0
    shown = (in_folder / "out.txt").read_text()
    assert "\x1b" not in shown
    assert any(f" {kind}]" in shown for kind in TAGS.entity_types)
    assert main([*arguments, "--resume"]) == 2
    assert "--resume can only continue an output file of --style json" in capsys.readouterr().err


def test_help_gives_examples_and_does_not_import_torch():
    code = """
import sys
from ner_lightning.commands.predict.command import main
try:
    main(["--help"])
finally:
    print("torch" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("False\n")
    assert done.stdout.count("--model runs/demo/seed-0/model") == 2
    for option in ("--format", "--style", "--resume", "--batch_subwords", "--device"):
        assert option in done.stdout
