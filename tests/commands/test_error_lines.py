"""Tests that errors quote wrong input unchanged."""

import pytest

from ner_lightning.__main__ import main
from ner_lightning.commands.error_lines import fail, without_noise


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
