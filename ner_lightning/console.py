"""All printing, in one place: text from the input can neither control the terminal nor contain hidden characters."""

from __future__ import annotations

import json
import logging
import re
import sys
import warnings
from collections.abc import Iterable
from typing import Any, BinaryIO, Final, TextIO

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

LINE_BREAK: Final = re.compile(r"[ \t]*[\r\n]+[ \t]*")  # with the indentation of the next line
LATIN: Final = "\x00-\u02ff"
HIDDEN: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f"  # C0, DEL and C1 control a terminal
    "\u2028\u2029"  # break a line
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # change the order in which text is shown
    # The others are invisible, so that different names would look the same (Default_Ignorable_Code_Point of Unicode).
    # Variation selectors are not included, because names in Chinese characters and emoji are spelled with them.
    "\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u2060-\u2065\u206a-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e00ff\U000e01f0-\U000e0fff"
    "\ud800-\udfff]"  # halves of characters, which no stream can encode
    # Joiners are invisible too, but Persian, Hindi and emoji are spelled with them, so they are kept between such
    # characters.
    f"|(?<![^{LATIN}])[\u200c\u200d]|[\u200c\u200d](?![^{LATIN}])"
)


def printable(text: str, keep: str = "") -> str:
    r"""Return the text with all invisible characters and all control characters escaped.

    Args:
        text: Any text.
        keep: Characters that are not escaped, such as line breaks.

    >>> print(printable("\x1b[31mPER\u202e\n"))
    \x1b[31mPER\u202e\n
    """
    return HIDDEN.sub(lambda found: found[0] if found[0] in keep else _escaped(found[0]), text)


def as_line(message: str) -> str:
    r"""Return the message as one printable line, with spaces in place of line breaks.

    >>> as_line("two  spaces,\n  a break, \x1b[31m")
    'two  spaces, a break, \\x1b[31m'
    """
    return printable(LINE_BREAK.sub(" ", message.strip("\r\n")))


def log_warning(name: str, message: str) -> None:
    """Log a warning as one printable line, for Python users and commands alike.

    Args:
        name: The name of the module that warns.
        message: The warning.
    """
    logging.getLogger(name).warning("%s", as_line(message))


def json_text(value: Any, indent: int | None = None, allow_nan: bool = True) -> str:
    r"""Return the value as JSON, with the characters that :func:`printable` escapes as JSON escapes.

    Args:
        value: Plain data.
        indent: Number of spaces to indent by; None writes one line.
        allow_nan: True to write NaN and infinity, which are not valid JSON; false to raise a ValueError for them.

    >>> print(json_text({"é": "\x9b"}))
    {"é": "\u009b"}
    """
    text = json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=allow_nan)
    return HIDDEN.sub(lambda found: found[0] if found[0] == "\n" else json.dumps(found[0])[1:-1], text)


class PrintableConsole(Console):
    """A console that escapes hidden characters in all printed text; its own styles and cursor movements still work."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            if segment.is_control or not HIDDEN.search(segment.text):
                yield segment
            else:
                yield Segment(printable(segment.text, keep="\n"), segment.style)


def output_console(file: TextIO | None = None) -> Console:
    """Return a console for results, which prints to standard output unless a file is given."""
    return PrintableConsole(file=file)


def message_console() -> Console:
    """Return a console for messages and progress, which prints to standard error."""
    return PrintableConsole(stderr=True)


def say(console: Console, message: str) -> None:
    """Print a message as one line, without markup, emoji codes, colors or wrapping of long paths."""
    console.out(as_line(message), highlight=False)


def write_output(text: str) -> None:
    """Write a text, such as JSON or help, to standard output unchanged."""
    sys.stdout.write(text)


def binary_output() -> BinaryIO:
    """Return the binary stream of standard output, for text that is already printable."""
    return sys.stdout.buffer


def show_warnings_as_lines() -> None:
    """Show the warnings of all libraries as one printable line each, without the source line that raised them."""
    warnings.showwarning = lambda message, *_, **__: say(message_console(), f"warning: {message}")


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode()
