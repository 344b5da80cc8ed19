"""What commands say of wrong input names it as it is."""

import pytest

from ner_lightning.__main__ import main
from ner_lightning.commands.error_lines import fail, without_noise


def test_an_error_names_files_and_values_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert fail("\n  a  b\u00a0c.conll:100: must hold\n    - '[x]  \x1b[2J'") == 2
    assert capsys.readouterr().err == "error: a  b\u00a0c.conll:100: must hold - '[x]  \\x1b[2J'\n"


@pytest.mark.parametrize(
    ("command", "arguments", "missing"),
    [
        ("fit", [], "encoder"),
        ("fit", ["--model.encoder", "SmallBert"], "corpus"),
        ("check", [], "corpus"),  # a corpus is checked without an encoder, too
    ],
)
def test_what_is_not_configured_is_named(
    command: str, arguments: list[str], missing: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, *arguments]) == 2
    expected = f"error: no {missing} is configured; give --config FILE (see python -m ner_lightning {command} --help)\n"
    assert capsys.readouterr().err == expected


def test_lines_that_matter_are_joined() -> None:
    message = 'Parser key "a":\n  - Expected a <class \'NoneType\'>\n  - Expected a path but "x  y"'
    assert without_noise(message) == 'Parser key "a": Expected a path but "x  y"'
