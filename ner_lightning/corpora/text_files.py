"""The text files of a corpus: where they lie, their lines, and the ids of the sentences in them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from ner_lightning.corpora.reader import SPLIT_NAMES, CorpusError, SplitName
from ner_lightning.sentences import Sentence

DATA_FOLDER_VARIABLE = "NER_LIGHTNING_DATA"


def paths_of_splits(train: str | None, validation: str | None, test: str | None) -> dict[SplitName, str]:
    """The files that are given, by split.

    Raises:
        ValueError: If none is given.
    """
    paths = {
        split: path for split, path in zip(SPLIT_NAMES, (train, validation, test), strict=True) if path is not None
    }
    if not paths:
        raise ValueError(f"at least one file must be given as {', '.join(SPLIT_NAMES)}, got none")
    return paths


def resolve_path(path: str) -> Path:
    """Where a file lies; ``data/`` at its beginning stands for the folder that NER_LIGHTNING_DATA names."""
    data_folder = os.environ.get(DATA_FOLDER_VARIABLE)
    first, *rest = Path(path).parts or ("",)
    return Path(data_folder, *rest) if data_folder and first == "data" else Path(path)


def read_lines(path: Path, source: str | None = None) -> list[str]:
    r"""The lines of a UTF-8 file, without their ends and without a byte order mark.

    Only ``\n`` and ``\r\n`` end a line: a word may hold U+0085 or U+2028, where ``str.splitlines`` would cut.

    Args:
        path: The file.
        source: Where to get the file, for the error if it is missing.

    Raises:
        CorpusError: If there is no such file or it is not UTF-8.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        hint = f" (from {os.getcwd()})" if not path.is_absolute() else ""
        advice = f"; get it from {source}" if source else ""
        raise CorpusError(
            f"{path}: must be a file, found none{hint}{advice}; files under data/ are looked up in the folder that "
            f"{DATA_FOLDER_VARIABLE} names, where it is set"
        ) from None
    except IsADirectoryError:
        raise CorpusError(f"{path}: must be a file, found a folder") from None
    except OSError as error:
        raise CorpusError(f"{path}: must be a file that can be read: {error.strerror}") from None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        found = content[error.start : error.start + 1].hex()
        raise CorpusError(f"{path}:{line}: must be UTF-8, found the byte 0x{found}") from None
    return [line.removesuffix("\r") for line in text.split("\n")]


def require_line_ends(lines: Sequence[str], path: Path) -> None:
    """Check that no CR is left in the lines of a file: alone it does not end a line, so lines would be lost.

    Raises:
        CorpusError: With file and line of the first.
    """
    for number, line in enumerate(lines, start=1):
        if "\r" in line:
            raise CorpusError(f"{path}:{number}: line ends must be LF or CRLF, found CR")


def with_ids(sentences: Iterable[Sentence], split: SplitName, path: Path, lines: Sequence[int]) -> list[Sentence]:
    """Name every sentence without an id after its split and its position.

    Args:
        sentences: The sentences of one file.
        split: Their split.
        path: The file, for messages.
        lines: The line where each of them begins.

    Raises:
        CorpusError: If two sentences have the same id.
    """
    named: list[Sentence] = []
    position_by_id: dict[str, int] = {}
    for position, sentence in enumerate(sentences):
        name = sentence.id or f"{split}-{position}"
        if name in position_by_id:
            raise CorpusError(
                f"{path}:{lines[position]}: the id of a sentence must be unique in its split, "
                f"{name!r} is that of line {lines[position_by_id[name]]} already"
            )
        position_by_id[name] = position
        named.append(replace(sentence, id=name))
    return named
