"""Lines for people: shown as they are, whatever names and values of the input they hold."""

from __future__ import annotations

import re
from typing import Final

from rich.console import Console

LINE_BREAK: Final = re.compile(r"[ \t]*[\r\n]+[ \t]*")  # with the indentation of the line behind it
CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def say(console: Console, message: str) -> None:
    """Print a message as one line: no markup, no emoji codes, no colours, no wrapping of paths."""
    console.out(as_line(message), highlight=False)


def as_line(message: str) -> str:
    r"""The message with blanks for its line breaks; control characters are escaped, lest they command the terminal.

    >>> as_line("two  blanks,\n  a break, \x1b[31m")
    'two  blanks, a break, \\x1b[31m'
    """
    line = LINE_BREAK.sub(" ", message.strip("\r\n"))
    return CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), line)
