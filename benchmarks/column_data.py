"""The corpora of the benchmarks: column files in a data folder, complete or only their first sentences."""

from __future__ import annotations

import os
from collections.abc import Mapping
from itertools import islice
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SPLITS = ("train", "validation", "test")
FILE_PATTERNS = {"wnut17": "{split}.conll", "bc5cdr": "{split}.bio.tsv"}


class MissingInputError(ValueError):
    """Input is missing; the message is one line that names what was expected and where."""


def data_dir() -> Path:
    """Return ``$NER_LIGHTNING_DATA``, or ``data/`` in the repository if it is not set."""
    return Path(os.environ.get("NER_LIGHTNING_DATA") or ROOT / "data")


def corpus_files(corpus: str) -> dict[str, Path]:
    """Return the file of every split.

    Raises:
        MissingInputError: If one is missing.
    """
    folder = data_dir() / corpus
    files = {split: folder / FILE_PATTERNS[corpus].format(split=split) for split in SPLITS}
    for path in files.values():
        if not path.is_file():
            raise MissingInputError(
                f"{corpus} must be in {folder} as {', '.join(file.name for file in files.values())}, "
                f"{path.name} is missing; NER_LIGHTNING_DATA names another data folder, and the head of "
                f"configs/experiment/{corpus}.yaml the source"
            )
    return files


def limited_files(files: Mapping[str, Path], limit: int, folder: Path) -> dict[str, Path]:
    """Write copies of the files to ``folder`` that contain only their first ``limit`` sentences."""
    copies = {}
    for split, path in files.items():
        blocks = path.read_text(encoding="utf-8").replace("\t\n", "\n").split("\n\n")
        sentences = islice((block.strip("\n") for block in blocks if block.strip()), limit)
        copies[split] = folder / path.name
        copies[split].write_text("\n\n".join(sentences) + "\n", encoding="utf-8")
    return copies
