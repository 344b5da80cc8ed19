import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ner_lightning.commands.convert import main
from ner_lightning.corpora.column_files import ColumnFiles
from ner_lightning.corpora.json_lines import JsonLines
from support.disks import fill_disk
from support.terminals import hidden_characters

DATA = Path(__file__).parents[1] / "data"
CONLL = str(DATA / "conll2003.conll")
FROM_COLUMNS = ["--from", "ColumnFiles", "--from.train", CONLL]


def test_column_files_become_json_lines(tmp_path, capsys):
    output = tmp_path / "new" / "json"
    assert main([*FROM_COLUMNS, "--from.test", CONLL, "--to", "JsonLines", "--output", str(output)]) == 0
    read = JsonLines(train=str(output / "train.jsonl"), test=str(output / "test.jsonl")).read()
    assert read.splits == ColumnFiles(train=CONLL, test=CONLL).read().splits
    printed = capsys.readouterr().out
    assert "train is tagged in IOB1" in printed
    assert f"Wrote {output / 'test.jsonl'}, {output / 'train.jsonl'}" in printed


def test_the_scheme_of_the_output_can_be_chosen(tmp_path):
    options = ["--to=ColumnFiles", "--to.scheme", "BIOES", "--output", str(tmp_path)]
    assert main(["--from=ColumnFiles", f"--from.train={CONLL}", *options]) == 0
    written = (tmp_path / "train.conll").read_text()
    assert "Peter\tB-PER\nBlackburn\tE-PER\n" in written
    assert "Paris\tS-LOC\nLondon\tS-LOC\n" in written


def test_a_reader_can_be_named_by_its_import_path(tmp_path):
    path = "ner_lightning.corpora.column_files.ColumnFiles"
    assert main(["--from", path, "--from.train", CONLL, "--to", "JsonLines", "--output", str(tmp_path)]) == 0
    assert (tmp_path / "train.jsonl").is_file()


def test_repairs_and_losses_are_reported(tmp_path, capsys):
    nasty = str(DATA / "nasty.conll")
    options = ["--to", "ColumnFiles", "--to.scheme", "IO", "--output", str(tmp_path)]
    assert main(["--from", "ColumnFiles", "--from.train", nasty, *options]) == 0
    printed = capsys.readouterr().out
    assert "1 x ill-formed tag:\n" in printed
    assert f"  {nasty}:15: I-PER between O and O" in printed
    assert "This format cannot hold: 1 empty words" in printed


def test_ten_notes_of_each_kind_are_listed_and_the_others_counted(tmp_path, capsys):
    path = tmp_path / "many.jsonl"
    spans = '[{"start": 0, "end": 50, "type": "P"}, {"start": 0, "end": 4, "type": "P"}]'
    path.write_text(f'{{"text": "Bill left", "entities": {spans}}}\n' * 17)
    output = str(tmp_path / "out")
    assert main(["--from", "JsonLines", "--from.train", str(path), "--to", "JsonLines", "--output", output]) == 0
    printed = capsys.readouterr().out
    assert "17 x span outside text:\n" in printed
    assert f"{path}:10: P 0-50" in printed
    assert f"{path}:11: P 0-50" not in printed
    assert "  … and 7 more\n" in printed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "--from READER, --to WRITER and --output DIR must be given"),
        (["--from"], "expected one argument"),
        (["--from", "Nope", "--to", "JsonLines"], "--from must be one of ColumnFiles, .* got 'Nope'"),
        (["--from", "no.such.Reader", "--to", "JsonLines"], "got 'no.such.Reader': No module"),
        (["--from", "pathlib.Path", "--to", "JsonLines"], "but 'pathlib.Path' is not one"),
        (["--from", "ner_lightning.corpora.reader.CorpusReader", "--to", "JsonLines"], "is not one"),
        ([*FROM_COLUMNS, "--to", "ExampleCorpus"], "--to must be one of ColumnFiles, JsonLines, HubDatasets, "),
        ([*FROM_COLUMNS, "--to", "JsonLines"], "required: output"),
        (
            [*FROM_COLUMNS, "--from.word_column", "x", "--to", "JsonLines", "--output", "o"],
            "from.word_column.*int",
        ),
        (
            [*FROM_COLUMNS, "--from.colour", "x", "--to", "JsonLines", "--output", "o"],
            "unrecognized .*--from.colour",
        ),
        ([*FROM_COLUMNS, "--to", "ColumnFiles", "--to.scheme", "X", "--output", "o"], "to.scheme.*X"),
        (
            [*FROM_COLUMNS, "--from.scheme", "X", "--to", "JsonLines", "--output", "o"],
            r"from.scheme must be one of IO, IOB1, BIO, .*, BMEWO or null, got X \(see",
        ),
        (
            ["--from", "ExampleCorpus", "--from.num_train=null", "--to", "JsonLines", "--output", "o"],
            "from.num_train.*int",
        ),
        (
            ["--from", "ColumnFiles", "--to", "JsonLines", "--output", "o"],
            "at least one of train, validation, test must name a file",
        ),
        (
            ["--from", "ColumnFiles", "--from.train", "none", "--to", "JsonLines", "--output", "o"],
            "none: file not found",
        ),
        ([*FROM_COLUMNS, "--to", "JsonLines", "--output", str(DATA)], "must be empty, but contains"),
        ([*FROM_COLUMNS, "--to", "JsonLines", "--output", CONLL], "is a file, but the output must be a folder"),
    ],
)
def test_wrong_input_gives_one_line_and_status_2(tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    assert captured.err.startswith("error: ")
    assert re.search(message, captured.err)
    assert captured.out == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("writer", ["JsonLines", "ColumnFiles"])
def test_a_corpus_that_cannot_be_written_does_not_block_the_corrected_command(tmp_path, monkeypatch, capsys, writer):
    output = tmp_path / "out"
    command = [*FROM_COLUMNS, "--from.test", CONLL, "--to", writer, "--output", str(output)]
    with monkeypatch.context() as patch:
        fill_disk(patch, "test")
        assert main(command) == 2
    assert re.fullmatch(r"error: .*No space left on device: '.*/out/test\.\w+'\n", capsys.readouterr().err)
    assert list(output.iterdir()) == []
    assert main(command) == 0


def test_names_that_the_system_refuses_give_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("loop").symlink_to("loop")
    for options in (["--output", "x" * 256], ["--output", "loop"], ["--output", "loop/out"]):
        assert main([*FROM_COLUMNS, "--to", "JsonLines", *options]) == 2
    for path in ("loop", "x" * 256):
        assert main(["--from", "ColumnFiles", "--from.train", path, "--to", "JsonLines", "--output", "out"]) == 2
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 5
    assert all(error.startswith("error: ") for error in errors)
    assert os.listdir() == ["loop"]


def test_hidden_characters_are_escaped_on_the_terminal_and_kept_in_files(tmp_path, capsys):
    kind, word = "PER\x1b[31m\u202e", "Bill\x9b\u200b"
    row = {"words": [word, "left"], "entities": [[0, 1, kind], [0, 9, kind]], "id": "s\x1b"}
    source = tmp_path / "in\x1b.jsonl"
    source.write_text(json.dumps(row) + "\n")
    command = ["--from", "JsonLines", "--from.train", str(source), "--to", "JsonLines"]
    assert main([*command, "--output", str(tmp_path / "out\x1b")]) == 0
    printed = capsys.readouterr()
    assert not hidden_characters(printed.out + printed.err)
    assert "out\\x1b" in printed.out
    (written,) = (tmp_path / "out\x1b").iterdir()
    assert json.loads(written.read_text()) == row | {"entities": [[0, 1, kind]]}


def test_help_lists_the_options_of_the_named_formats(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["--from", "ColumnFiles", "--to", "ColumnFiles", "--help"])
    assert stopped.value.code == 0
    printed = capsys.readouterr().out
    assert "--from.word_column" in printed
    assert "--to.scheme" in printed
    assert "HubDatasets" in printed


def test_general_help_does_not_import_torch():
    code = """
import sys
from ner_lightning.commands.convert import main
try:
    main(["--help"])
finally:
    print("torch" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("False\n")
    assert "--from READER" in done.stdout
