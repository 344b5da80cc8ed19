"""The formats that the commands know: the import paths of all readers and writers by their short names."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Final

READERS: Final[Mapping[str, str]] = {
    "ColumnFiles": "ner_lightning.corpora.column_files.ColumnFiles",
    "JsonLines": "ner_lightning.corpora.json_lines.JsonLines",
    "HubDatasets": "ner_lightning.corpora.hub_datasets.HubDatasets",
    "ExampleCorpus": "ner_lightning.corpora.example_corpus.ExampleCorpus",
    "LabelStudio": "ner_lightning.corpora.tools.label_studio.LabelStudio",
    "SpacyTuples": "ner_lightning.corpora.tools.spacy_tuples.SpacyTuples",
    "Doccano": "ner_lightning.corpora.tools.doccano.Doccano",
    "Prodigy": "ner_lightning.corpora.tools.prodigy.Prodigy",
    "GlinerJson": "ner_lightning.corpora.tools.gliner.GlinerJson",
}
WRITERS: Final[Mapping[str, str]] = {
    "ColumnFiles": "ner_lightning.corpora.column_files.ColumnFilesWriter",
    "JsonLines": "ner_lightning.corpora.json_lines.JsonLinesWriter",
}


def import_readers() -> None:
    """Import all readers: jsonargparse finds a class by its short name once it is imported."""
    for path in READERS.values():
        import_module(path.rpartition(".")[0])
