"""Tests that printed lines show every character of the input, and that none is hidden or controls the terminal."""

import ast
import json
import warnings
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from rich.text import Text

from ner_lightning.console import (
    PrintableConsole,
    as_line,
    json_text,
    output_console,
    printable,
    say,
    show_warnings_as_lines,
)
from support.terminals import CONTROL_SEQUENCE, hidden_characters

PACKAGE = Path(__file__).parents[1] / "ner_lightning"
PRINTING = {"console.py", "standard_streams.py", "__main__.py"}  # the only modules that may use streams directly
NASTY = "\x1b[31mPER\x07\x00\x7f\x9b2J\u202e\u2066\u200f\u200b\u00ad\ufeff\u2028"


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("l100.conll:100: a tag", None),
        ("[bold]a[/x] \\[b] :smile:", None),
        ("  'a  b\u00a0 c.conll' " + "long " * 60, None),
        ("naïve 東京 🙂", None),
        ("a:\n    b\r\n\n\tc\rd\n", "a: b c d"),
        ("\x1b[31m\x07\x00\x9b\u2028 a\tb", r"\x1b[31m\x07\x00\x9b\u2028 a\tb"),
    ],
)
@pytest.mark.parametrize("terminal", [False, True])
def test_a_message_is_printed_as_one_line_without_markup_or_wrapping(
    message: str, shown: str | None, terminal: bool
) -> None:
    file = StringIO()
    say(Console(file=file, force_terminal=terminal, width=20), message)
    assert file.getvalue() == (shown or message) + "\n"


@pytest.mark.parametrize(
    "text",
    [
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",  # Persian, with a joiner
        "\u0dc1\u0dca\u200d\u0dbb\u0dd3",  # Sinhala
        "👩\u200d💻 ❤\ufe0f",
        "\u845b\U000e0100",  # a name in Chinese characters with its variant
        "\u00a0 é ü",
    ],
)
def test_invisible_characters_that_belong_to_the_spelling_are_kept(text: str) -> None:
    assert printable(text) == text


@pytest.mark.parametrize(
    "text", ["ad\u200cmin", "\u200dx", "x\u200d", "PE\u200bR", "\u202eREP", "PER\U000e0041", "\ud800"]
)
def test_characters_that_would_hide_or_reverse_a_name_are_escaped(text: str) -> None:
    assert printable(text).isascii()
    assert printable(text).encode().decode("unicode_escape") == text


def test_characters_in_keep_are_not_escaped() -> None:
    assert printable("a\tb\nc\x1b", keep="\t\n") == "a\tb\nc\\x1b"


def test_json_text_escapes_hidden_characters_without_losing_them() -> None:
    value = {"words": [NASTY, "é", "\U000e0041\ud800"]}
    for indent in (None, 2):
        text = json_text(value, indent)
        assert json.loads(text) == value
        assert not hidden_characters(text)
        assert "é" in text


@pytest.mark.parametrize("terminal", [False, True])
def test_a_console_escapes_hidden_characters_in_everything_it_prints(terminal: bool) -> None:
    file = StringIO()
    console = PrintableConsole(
        file=file, force_terminal=terminal, color_system="standard" if terminal else None, width=200
    )
    console.print(Text(NASTY, style="bold red"), "next")
    with console.status(NASTY):
        console.out(NASTY)
    lines = CONTROL_SEQUENCE.sub("", file.getvalue())
    assert hidden_characters(lines) <= {"\r"}  # rich uses it to return to the beginning of a line
    assert ("\x1b[1;31m" in file.getvalue()) == terminal
    # rich itself leaves out bell and backspace
    assert "\\x1b[31mPER\\x00\\x7f\\x9b2J\\u202e" in lines


def test_captured_output_is_escaped_too() -> None:
    console = output_console(StringIO())
    with console.capture() as captured:
        console.print(Text("a\x1bb\n"), soft_wrap=True)
    assert captured.get() == "a\\x1bb\n\n"


def test_a_library_warning_is_printed_as_one_escaped_line(capsys: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        show_warnings_as_lines()
        warnings.warn("Glyph 27 (\x1b) missing\n  from font", UserWarning, stacklevel=1)
    assert capsys.readouterr().err == "warning: Glyph 27 (\\x1b) missing from font\n"


def printing_nodes(source: str) -> list[int]:
    """Return the numbers of lines that print without the console module."""
    found = []
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(func=ast.Name(id="print" | "Console" | "Live")):
                found.append(node.lineno)
            case ast.Call(func=ast.Attribute(attr="Console" | "Live" | "get_console" | "getLogger")):
                found.append(node.lineno)
            case ast.Call(func=ast.Name(id="Progress"), keywords=keywords):
                found += [node.lineno] if "console" not in {keyword.arg for keyword in keywords} else []
            case ast.Attribute(
                value=ast.Attribute(value=ast.Name(id="sys"), attr="stdout" | "stderr" | "__stdout__" | "__stderr__"),
                attr=attribute,
            ) if attribute != "isatty":
                found.append(node.lineno)
    return found


def test_the_search_for_print_calls_finds_every_way_to_print() -> None:
    source = """
print("a")
rich.print("b") if False else None
Console().print("c")
rich.console.Console(stderr=True)
sys.stdout.write("d")
sys.stderr.buffer
Progress(BarColumn())
logging.getLogger("e")
sys.stdout.isatty()
Progress(BarColumn(), console=message_console())
output_console().print("f")
"""
    assert sorted(printing_nodes(source)) == [2, 4, 5, 6, 7, 8, 9]


@pytest.mark.parametrize(
    "path", [path for path in sorted(PACKAGE.rglob("*.py")) if path.name not in PRINTING], ids=lambda path: path.name
)
def test_modules_print_only_through_the_console_module(path: Path) -> None:
    allowed = {"quiet_libraries.py": 1}.get(path.name, 0)  # the loggers of libraries
    assert len(printing_nodes(path.read_text(encoding="utf-8"))) == allowed


def test_an_error_line_has_no_hidden_characters() -> None:
    assert as_line(f"a tag must be known, got {NASTY}").isascii()
