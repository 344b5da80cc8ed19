"""Lines for people hold what the input holds."""

from io import StringIO

import pytest
from rich.console import Console

from ner_lightning.console import say


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("l100.conll:100: a tag", None),
        ("[bold]a[/x] \\[b] :smile:", None),
        ("  'a  b\u00a0 c.conll' " + "long " * 60, None),
        ("naïve 東京 🙂\u200b", None),
        ("a:\n    b\r\n\n\tc\rd\n", "a: b c d"),
        ("\x1b[31m\x07\x00\x9b\u2028 a\tb", r"\x1b[31m\x07\x00\x9b\u2028 a\tb"),
    ],
)
@pytest.mark.parametrize("terminal", [False, True])
def test_a_line_is_said_as_it_is(message: str, shown: str | None, terminal: bool) -> None:
    file = StringIO()
    say(Console(file=file, force_terminal=terminal, width=20), message)
    assert file.getvalue() == (shown or message) + "\n"
