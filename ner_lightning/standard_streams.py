"""Standard streams that never raise if they are closed or full: the first failure is kept, and the command finishes."""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import BinaryIO, Final, TextIO

CLOSED_PIPE_STATUS: Final = 141  # the exit status of a process that was ended by SIGPIPE


class StandardStream(io.TextIOBase):
    """A text stream that discards text instead of raising an error if it cannot be written.

    So a closed pipe cannot keep a command from saving its results.

    Args:
        stream: The stream to write to; None if the process was started with that stream closed.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self.failure: OSError | None = None
        self.is_missing = stream is None
        # opening a file takes the number of the closed descriptor, so that no other file gets it and is overwritten
        self.stream = open(os.devnull, "w", encoding="utf-8") if stream is None else stream  # noqa: SIM115

    def write(self, text: str) -> int:
        if self.is_missing and text:
            self.failure = self.failure or _closed()
        try:
            self.stream.write(text)
        except OSError as error:
            self._discard_rest(error)
        return len(text)

    def flush(self) -> None:
        try:
            self.stream.flush()
        except OSError as error:
            self._discard_rest(error)

    def finish(self) -> None:
        """Write buffered text; the stream itself stays open."""
        self.flush()
        if self.is_missing:
            self.stream.close()

    def isatty(self) -> bool:
        return self.stream.isatty()

    def fileno(self) -> int:
        return self.stream.fileno()

    def writable(self) -> bool:
        return True

    @property
    def encoding(self) -> str:  # type: ignore[override] # a plain attribute in the base class
        return self.stream.encoding

    @property
    def buffer(self) -> BinaryIO:
        """The binary stream; unlike the text stream, it raises errors.

        Raises:
            OSError: If the process was started with the stream closed.
        """
        if self.is_missing:
            raise _closed()
        return self.stream.buffer

    def _discard_rest(self, error: OSError) -> None:
        self.failure = self.failure or error
        discard_rest(self.stream)


def discard_rest(stream: TextIO) -> None:
    """Discard all further text of a stream, including buffered text, which Python would flush on exit."""
    try:
        descriptor = stream.fileno()
    except io.UnsupportedOperation:  # a stream of a notebook or a test
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)


def _closed() -> OSError:
    return OSError(errno.EBADF, os.strerror(errno.EBADF), "standard output")


@contextmanager
def unfailing_streams() -> Iterator[StandardStream]:
    """Replace the standard streams by streams that never fail, and yield the output, which records a failure."""
    output, errors = StandardStream(sys.stdout), StandardStream(sys.stderr)
    with redirect_stdout(output), redirect_stderr(errors):
        try:
            yield output
        finally:
            output.finish()
            errors.finish()
