"""Tests that errors in the input of a command are printed as one line that shows names and values unchanged."""

from argparse import ArgumentError

import pytest

from ner_lightning.__main__ import main
from ner_lightning.commands.error_lines import exit_status, fail, without_noise


def test_an_error_quotes_files_and_values_unchanged(capsys: pytest.CaptureFixture[str]) -> None:
    assert fail("\n  a  b\u00a0c.conll:100: must hold\n    - '[x]  \x1b[2J'") == 2
    assert capsys.readouterr().err == "error: a  b\u00a0c.conll:100: must hold - '[x]  \\x1b[2J'\n"


@pytest.mark.parametrize(
    ("command", "arguments", "missing"),
    [
        ("fit", [], "encoder"),
        ("fit", ["--model.encoder", "SmallBert"], "corpus"),
        ("check", [], "corpus"),  # a corpus can be checked without an encoder
    ],
)
def test_missing_settings_are_named(
    command: str, arguments: list[str], missing: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, *arguments]) == 2
    expected = f"error: no {missing} is configured; give --config FILE (see python -m ner_lightning {command} --help)\n"
    assert capsys.readouterr().err == expected


def test_the_relevant_lines_of_an_error_are_joined() -> None:
    message = 'Parser key "a":\n  - Expected a <class \'NoneType\'>\n  - Expected a path but "x  y"'
    assert without_noise(message) == 'Parser key "a": Expected a path but "x  y"'


@pytest.mark.parametrize("status", [0, 1, 130])
def test_a_command_without_an_error_keeps_its_status(status: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_status("program", lambda: status) == status
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ArgumentError(None, "--seeds is missing"), "--seeds is missing (see program --help)"),
        (ValueError("the file is empty"), "the file is empty"),
        (FileNotFoundError(2, "No such file or directory", "none"), "[Errno 2] No such file or directory: 'none'"),
    ],
)
def test_errors_in_the_input_of_a_command_are_one_line_with_status_2(
    error: Exception, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def work() -> int:
        raise error

    assert exit_status("program", work) == 2
    assert capsys.readouterr().err == f"error: {line}\n"


def test_errors_of_the_program_are_not_hidden() -> None:
    with pytest.raises(KeyError):
        exit_status("program", lambda: {}["missing"])
