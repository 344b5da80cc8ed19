"""A pseudo-terminal that records everything printed to it."""

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
    """Return the characters, except line breaks, that are invisible or control the terminal."""
    return {found for found in text if found != "\n" and category(found) in {"Cc", "Cf", "Cs", "Zl", "Zp"}}


class Terminal:
    """A terminal of 80 columns and 40 lines.

    Args:
        stream: The stream that programs print to.
        received: The file descriptor from which printed text is read.
    """

    def __init__(self, stream: TextIO, received: int) -> None:
        self.stream, self.received = stream, received

    def raw(self) -> str:
        """Return everything that has been printed so far."""
        self.stream.flush()
        os.set_blocking(self.received, False)
        parts = []
        while True:
            try:
                parts.append(os.read(self.received, 1 << 16))
            except BlockingIOError:
                return b"".join(parts).decode()

    def text(self) -> str:
        """Return everything printed so far, without styles and cursor movements."""
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
