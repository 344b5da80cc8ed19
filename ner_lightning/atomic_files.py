"""Atomic files: each is written completely or not at all, even if the process is killed."""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
import stat
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final

from ner_lightning.console import json_text

PARTIAL: Final = re.compile(r"\..+\.[0-9a-f]{8}\.partial", re.DOTALL)  # the names that partial_path returns
MAX_SHOWN_NAME: Final = 50  # characters of a file's name in the name of its partial file, which must not be too long
NEW, PREVIOUS = "new", "previous"  # the names in a partial folder


@contextmanager
def whole_file(path: str | os.PathLike[str], mode: str = "w") -> Iterator[IO[Any]]:
    """Open a file for writing; it replaces a previous file only when all of it is on the disk.

    If the path is a symbolic link, its target is replaced. A device or a pipe is written directly.

    Args:
        path: The file. If writing fails, a previous file stays unchanged.
        mode: ``w`` for text, whose line ends are kept, or ``wb``.

    Raises:
        OSError: If the file cannot be written; the error names it.
    """
    path = Path(path)
    text: dict[str, Any] = {} if "b" in mode else {"encoding": "utf-8", "newline": "\n"}
    with errors_naming(path):
        descriptor = _open_stream(path)
        if descriptor is not None:
            with open(descriptor, mode, **text) as file:
                yield file
            return
        target = Path(os.path.realpath(path))
        make_folder(target.parent)
        partial = partial_path(target)
        try:
            # not with tempfile, which ignores the umask and lets only the owner read the file
            with open(partial, mode.replace("w", "x"), **text) as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.replace(partial, target)
        except OSError as error:
            if error.filename in {partial, str(partial)}:
                error.filename, error.filename2 = str(path), None
            raise
        finally:
            partial.unlink(missing_ok=True)


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write indented JSON."""
    with whole_file(path) as file:
        file.write(json_text(content, indent=2) + "\n")


def make_folder(path: Path) -> None:
    """Create a folder and its missing parents; if a symbolic link has no target, the target is created.

    Raises:
        OSError: If there is a file at the path, or the folder cannot be created; the error names the path.
    """
    try:
        is_file = not stat.S_ISDIR(path.stat().st_mode)
    except FileNotFoundError:
        is_file = False
    if is_file:
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))
    Path(os.path.realpath(path)).mkdir(parents=True, exist_ok=True)


def is_stream(path: Path) -> bool:
    """Return whether a path is a device, a pipe or a standard stream of this process, which a file must not replace.

    Raises:
        OSError: If the path is invalid, such as a loop of symbolic links or a name that is too long.
    """
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return not (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)) or _standard_stream(found) is not None


def is_standard_output(path: Path) -> bool:
    """Return whether a path is this process's standard output by another name, such as /dev/stdout."""
    try:
        return _standard_stream(path.stat()) == 1
    except OSError:
        return False


def partial_path(path: Path) -> Path:
    """Return a new path in the same folder, for a file or folder that is not complete yet."""
    return path.with_name(f".{path.name[:MAX_SHOWN_NAME]}.{secrets.token_hex(4)}.partial")


@contextmanager
def errors_naming(path: Path) -> Iterator[None]:
    """Add the path to errors that do not name a file, such as those from writing to an open file."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or str(path)
        raise


def other_than_a_file(path: str | os.PathLike[str]) -> str | None:
    """Return what is at a path instead of a file, with advice if there is any; None if it is a file.

    A pipe does not count as a file, because reading a pipe without a writer would never end.

    Raises:
        OSError: If the path is invalid, such as a loop of symbolic links or a name that is too long.

    >>> other_than_a_file("no/such/file"), other_than_a_file("/")
    ('nothing', 'a folder')
    """
    try:
        mode = os.stat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return "nothing"
    if stat.S_ISREG(mode):
        return None
    return "a folder" if stat.S_ISDIR(mode) else "a pipe or a device; save its content to a file first"


def remove_partial(folder: Path) -> None:
    """Remove the partial files and folders that a killed run left in a folder and its subfolders, and nothing else."""
    subfolders = [path for path in folder.iterdir() if path.is_dir() and not path.is_symlink()]
    found = [path for place in (folder, *subfolders) for path in place.iterdir()]
    for leftover in found:
        if PARTIAL.fullmatch(leftover.name):
            kind = leftover.lstat().st_mode
            if stat.S_ISREG(kind):
                leftover.unlink(missing_ok=True)
            elif stat.S_ISDIR(kind) and {path.name for path in leftover.iterdir()} <= {NEW, PREVIOUS}:
                shutil.rmtree(leftover)


def _open_stream(path: Path) -> int | None:
    """Open a stream for writing, and return its descriptor; None if the path is a file or new.

    Raises:
        OSError: If the path is a folder, or cannot be opened.
    """
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not is_stream(path):
        return None
    standard = _standard_stream(path.stat())
    if standard is None:
        return os.open(path, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    return os.dup(standard)  # opening the path again would start at another position and overwrite printed text


def _standard_stream(found: os.stat_result) -> int | None:
    """Return the descriptor of the standard stream that a file is the same as; None if it is neither of them."""
    for descriptor in (1, 2):
        try:
            if os.path.samestat(found, os.fstat(descriptor)):
                return descriptor
        except OSError:  # that stream is closed
            continue
    return None
