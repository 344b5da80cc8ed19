"""Simulations of full disks."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pytest

from ner_lightning import atomic_files


def fill_disk(monkeypatch: pytest.MonkeyPatch, name: str = "") -> None:
    """Make writing atomic files of this name, or all if no name is given, fail as on a full disk."""

    def on_full_disk(partial: Path, mode: str, **text: Any) -> IO[Any]:
        file = open(partial, mode, **text)  # noqa: SIM115
        if not partial.name.startswith(f".{name}"):
            return file
        file.close()
        return open("/dev/full", mode.replace("x", "w"), **text)

    monkeypatch.setattr(atomic_files, "open", on_full_disk, raising=False)


@contextmanager
def largest_file(num_bytes: int) -> Iterator[None]:
    """Limit the size of files, as a quota would, also for processes that are started in the meantime."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
