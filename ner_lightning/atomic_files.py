"""Files that are there as a whole or not at all, however a run ends."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final

PARTIAL: Final = ".partial"


@contextmanager
def whole_file(path: str | os.PathLike[str], mode: str = "w") -> Iterator[IO[Any]]:
    """Open a file to write, which takes its name only when all of it is on the disk.

    Args:
        path: The file; a former one stays until then, and stays where writing fails.
        mode: ``w`` for text, whose line ends are kept, or ``wb``.

    Raises:
        OSError: If it cannot be written; the error names the file.
    """
    path = Path(path)
    with errors_naming(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}{PARTIAL}")
        try:
            text = {} if "b" in mode else {"encoding": "utf-8", "newline": "\n"}
            # tempfile would let nobody else read, whatever the umask says
            with open(partial, mode.replace("w", "x"), **text) as file:  # type: ignore[call-overload]
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.replace(partial, path)
        finally:
            partial.unlink(missing_ok=True)


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write indented JSON."""
    with whole_file(path) as file:
        file.write(json.dumps(content, indent=2, ensure_ascii=False) + "\n")


@contextmanager
def errors_naming(path: Path) -> Iterator[None]:
    """Name the file in what the system says: writing to an open one fails without."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or str(path)
        raise


def remove_partial(folder: Path) -> None:
    """Remove what a killed run had begun to write."""
    for leftover in [*folder.rglob(f"*{PARTIAL}")]:
        if leftover.is_dir():
            shutil.rmtree(leftover)
        else:
            leftover.unlink(missing_ok=True)
