"""The text files of a corpus: where they are, and their lines."""

from __future__ import annotations

import codecs
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from ner_lightning.atomic_files import other_than_a_file
from ner_lightning.corpora.reader import CorpusError

DATA_FOLDER_VARIABLE: Final = "NER_LIGHTNING_DATA"
BINARY_FILES: Final = {
    b"\x1f\x8b": "a gzip file; decompress it first",
    b"PK\x03\x04": "a zip file; unpack it first",
    b"\xfd7zXZ": "an xz file; decompress it first",
}
PATTERN_CHARACTERS: Final = frozenset("*?[")


def resolve_path(path: str) -> Path:
    """Return the path of a file; a leading ``data/`` is replaced by the folder in NER_LIGHTNING_DATA, if it is set."""
    data_folder = os.environ.get(DATA_FOLDER_VARIABLE)
    first, *rest = Path(path).parts or ("",)
    return Path(data_folder, *rest) if data_folder and first == "data" else Path(path)


def find_files(names: str | Iterable[str], origin: str | None = None) -> tuple[Path, ...]:
    """Return the files of a split: each name is a file, a folder with files, or a pattern.

    Args:
        names: One name or several.
        origin: Where to get the files; shown in the error about a missing file.

    Raises:
        CorpusError: If a file is missing, a folder has no files, or a pattern matches none.
    """
    return tuple(path for name in ([names] if isinstance(names, str) else names) for path in _files_of(name, origin))


def _files_of(name: str, origin: str | None) -> list[Path]:
    path = resolve_path(name)
    if path.is_dir():
        found = [file for file in path.iterdir() if file.is_file() and not file.name.startswith(".")]
        if not found:
            raise CorpusError(f"{path}: the folder has no files")
        return sorted(found)
    if path.exists():
        return [path]
    if PATTERN_CHARACTERS & set(path.name) and (found := list(path.parent.glob(path.name))):
        return sorted(found)
    missing = "no file matches this pattern" if PATTERN_CHARACTERS & set(path.name) else "file not found"
    place = f" in {os.getcwd()}" if not path.is_absolute() else ""
    advice = f"; get it from {origin}" if origin else ""
    raise CorpusError(
        f"{path}: {missing}{place}{advice}; a path that begins with data/ is looked up in the folder given by "
        f"{DATA_FOLDER_VARIABLE}, if it is set"
    )


def require_encoding(encoding: str) -> None:
    """Check that Python knows an encoding.

    Raises:
        ValueError: If it does not.
    """
    try:
        b"a".decode(encoding)
    except UnicodeDecodeError:  # one byte is half a character in UTF-16
        return
    except LookupError:
        raise ValueError(f"encoding must be one that Python knows, such as utf-8 or cp1252, got {encoding!r}") from None


def read_lines(path: Path, encoding: str) -> list[str]:
    r"""Return the lines of a file, without line ends and without a byte order mark.

    Only ``\n`` and ``\r\n`` end a line: a word may contain U+0085 or U+2028, where ``str.splitlines`` would split.

    Raises:
        CorpusError: If the file cannot be read, or has another encoding.
    """
    return [line.removesuffix("\r") for line in read_text(path, encoding).split("\n")]


def read_text(path: Path, encoding: str) -> str:
    """Return the text of a file, without a byte order mark.

    Raises:
        CorpusError: If the file cannot be read, or has another encoding; the message names file, line and encoding.
    """
    content = read_bytes(path)
    for beginning, kind in BINARY_FILES.items():
        if content.startswith(beginning):
            raise CorpusError(f"{path}: must be a text file, found {kind}")
    try:
        return content.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        found = content[error.start : error.start + 1].hex()
        problem = f"must be in {encoding.upper()}, found the byte 0x{found}"
        raise CorpusError(
            f"{path}:{line}: {problem}; set encoding, for example to {likely_encoding(content)}"
        ) from None


def likely_encoding(content: bytes) -> str:
    """Return an encoding that could decode a file."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    try:
        content.decode("cp1252")
    except UnicodeDecodeError:
        return "latin-1"
    return "cp1252"


def read_bytes(path: Path) -> bytes:
    """Return the content of a file.

    Raises:
        CorpusError: If it cannot be read.
    """
    found = other_than_a_file(path)
    if found not in {None, "nothing"}:
        raise CorpusError(f"{path}: must be a file, found {found}")
    try:
        return path.read_bytes()
    except OSError as error:
        raise CorpusError(f"{path}: cannot be read: {error.strerror}") from None


def require_line_ends(lines: Sequence[str], path: Path) -> None:
    """Check that lines contain no CR: a CR without LF does not end a line, so lines would be joined.

    Raises:
        CorpusError: If a line contains one; the message names file and line.
    """
    for number, line in enumerate(lines, start=1):
        if "\r" in line:
            raise CorpusError(f"{path}:{number}: line ends must be LF or CRLF, found CR")
