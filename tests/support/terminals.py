"""A terminal to print to, and what it was sent."""

import fcntl
import os
import pty
import re
import struct
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO
from unicodedata import category

CONTROL_SEQUENCE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")  # of styles and cursor movements, as rich sends them


def hidden_characters(text: str) -> set[str]:
    """The characters of a text, but for its line breaks, that a reader does not see or a terminal obeys."""
    return {found for found in text if found != "\n" and category(found) in {"Cc", "Cf", "Cs", "Zl", "Zp"}}


class Terminal:
    """A terminal of 80 columns and 40 lines.

    Args:
        stream: What programs print to.
        received: The end where a person looks.
    """

    def __init__(self, stream: TextIO, received: int) -> None:
        self.stream, self.received = stream, received

    def raw(self) -> str:
        """Everything that was printed so far."""
        self.stream.flush()
        os.set_blocking(self.received, False)
        parts = []
        while True:
            try:
                parts.append(os.read(self.received, 1 << 16))
            except BlockingIOError:
                return b"".join(parts).decode()

    def text(self) -> str:
        """The same without styles and cursor movements."""
        return CONTROL_SEQUENCE.sub("", self.raw())


@contextmanager
def open_terminal() -> Iterator[Terminal]:
    received, sent = pty.openpty()
    fcntl.ioctl(sent, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 80, 0, 0))
    try:
        with open(sent, "w", encoding="utf-8") as stream:
            yield Terminal(stream, received)
    finally:
        os.close(received)
