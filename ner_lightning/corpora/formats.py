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
    "Brat": "ner_lightning.corpora.tools.brat.Brat",
    "BiocJson": "ner_lightning.corpora.tools.bioc.BiocJson",
    "PubTator": "ner_lightning.corpora.tools.pubtator.PubTator",
    "ConllU": "ner_lightning.corpora.tools.conllu.ConllU",
    "Conll2012": "ner_lightning.corpora.tools.conll2012.Conll2012",
    "WebAnno": "ner_lightning.corpora.tools.webanno.WebAnno",
    "SpacyDocBin": "ner_lightning.corpora.tools.docbin.SpacyDocBin",
}
WRITERS: Final[Mapping[str, str]] = {
    "ColumnFiles": "ner_lightning.corpora.column_files.ColumnFilesWriter",
    "JsonLines": "ner_lightning.corpora.json_lines.JsonLinesWriter",
    "HubDatasets": "ner_lightning.corpora.hub_datasets.HubDatasetsWriter",
    "LabelStudio": "ner_lightning.corpora.tools.label_studio.LabelStudioWriter",
    "SpacyTuples": "ner_lightning.corpora.tools.spacy_tuples.SpacyTuplesWriter",
    "SpacyDocBin": "ner_lightning.corpora.tools.docbin.SpacyDocBinWriter",
    "Doccano": "ner_lightning.corpora.tools.doccano.DoccanoWriter",
    "Prodigy": "ner_lightning.corpora.tools.prodigy.ProdigyWriter",
    "GlinerJson": "ner_lightning.corpora.tools.gliner.GlinerJsonWriter",
    "Brat": "ner_lightning.corpora.tools.brat.BratWriter",
    "BiocJson": "ner_lightning.corpora.tools.bioc.BiocJsonWriter",
    "PubTator": "ner_lightning.corpora.tools.pubtator.PubTatorWriter",
    "ConllU": "ner_lightning.corpora.tools.conllu.ConllUWriter",
    "Conll2012": "ner_lightning.corpora.tools.conll2012.Conll2012Writer",
    "WebAnno": "ner_lightning.corpora.tools.webanno.WebAnnoWriter",
}


def import_readers() -> None:
    """Import all readers: jsonargparse finds a class by its short name once it is imported."""
    for path in READERS.values():
        import_module(path.rpartition(".")[0])
