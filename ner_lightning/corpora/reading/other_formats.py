"""Advice about files that another reader reads, from the endings of their names and the signs in their text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from ner_lightning.atomic_files import other_than_a_file
from ner_lightning.corpora.reader import CorpusError
from ner_lightning.corpora.reading.split_reader import SplitFiles

READER_BY_ENDING: Final[Mapping[str, str]] = {".ann": "Brat", ".spacy": "SpacyDocBin", ".pubtator": "PubTator"}
SIGN_BY_READER: Final[Mapping[str, re.Pattern[str]]] = {
    "WebAnno": re.compile(r"#FORMAT=WebAnno TSV 3"),
    "ConllU": re.compile(r"# ?(?:global\.columns|sent_id|newdoc|newpar|text)\b.*\n(?:#.*\n)*1(?:-\d)?\t"),
    "PubTator": re.compile(r"[^|\t\n]+\|t\|"),
    "Brat": re.compile(r"T\d+\t\S+ \d+ \d+"),
    "BiocJson": re.compile(r'\s*[\[{][^{}]*"(?:documents|passages|PubTator3)"\s*:'),
    "LabelStudio": re.compile(r'\s*[\[{][\s\S]{0,2000}"(?:annotations|predictions)"\s*:\s*\[[\s\S]*"result"'),
    "JsonLines": re.compile(r'\s*(?:\[\s*)?\{\s*"'),
}
NUM_CHARACTERS: Final = 8192


@contextmanager
def advice_on_other_formats(source: SplitFiles, encoding: str, reader: str) -> Iterator[None]:
    """Add the reader that would read a file to errors about its content.

    Args:
        source: The files that are read.
        encoding: Their encoding.
        reader: The name of the reader in use.

    Raises:
        CorpusError: If one is raised in the context; with advice if the first file looks like another format.
    """
    try:
        yield
    except CorpusError as error:
        likely = _likely_reader(source, encoding)
        if likely in {None, reader}:
            raise
        raise CorpusError(f"{error}; the file looks like a format that the reader {likely} reads") from None


def _likely_reader(source: SplitFiles, encoding: str) -> str | None:
    path = source.paths[0]
    if path.suffix in READER_BY_ENDING:
        return READER_BY_ENDING[path.suffix]
    try:
        if other_than_a_file(path) is not None:  # reading a pipe might never end
            return None
        with open(path, encoding=encoding, errors="replace") as file:
            beginning = file.read(NUM_CHARACTERS)
    except (LookupError, OSError):  # the error itself names an unknown encoding or a file that cannot be opened
        return None
    return next((reader for reader, sign in SIGN_BY_READER.items() if sign.match(beginning.lstrip("\ufeff"))), None)
