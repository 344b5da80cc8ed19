"""Standard output and error that may be closed or full: the first failure is kept, and the command runs to its end."""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import BinaryIO, Final, TextIO

CLOSED_PIPE_STATUS: Final = 141  # of a process that SIGPIPE ends


class StandardStream(io.TextIOBase):
    """A text stream on which writing never fails: what can no longer be written is discarded.

    Printing is the last thing that a command does. A closed pipe must not keep a run from being saved.

    Args:
        stream: The stream to write to; None if the process was started with that stream closed.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self.failure: OSError | None = None
        self.is_missing = stream is None
        # takes the number of the closed descriptor, which the next file would get and be written over
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
        """Write what is held back, and let go of what was opened; the stream itself stays open."""
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
    def encoding(self) -> str:  # type: ignore[override] # a plain attribute there
        return self.stream.encoding

    @property
    def buffer(self) -> BinaryIO:
        """The stream for bytes; writing to it does fail.

        Raises:
            OSError: If there is no stream.
        """
        if self.is_missing:
            raise _closed()
        return self.stream.buffer

    def _discard_rest(self, error: OSError) -> None:
        self.failure = self.failure or error
        discard_rest(self.stream)


def discard_rest(stream: TextIO) -> None:
    """Send everything further on a stream to nowhere, also what it still holds, which Python flushes at its end."""
    try:
        descriptor = stream.fileno()
    except io.UnsupportedOperation:  # of a notebook or a test
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)


def _closed() -> OSError:
    return OSError(errno.EBADF, os.strerror(errno.EBADF), "standard output")


@contextmanager
def unfailing_streams() -> Iterator[StandardStream]:
    """Replace the standard streams by ones that never fail, and give the output, which knows of a failure."""
    output, errors = StandardStream(sys.stdout), StandardStream(sys.stderr)
    with redirect_stdout(output), redirect_stderr(errors):
        try:
            yield output
        finally:
            output.finish()
            errors.finish()
