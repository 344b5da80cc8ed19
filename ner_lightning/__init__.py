"""Train, compare, understand and ship transformer named entity recognition."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ner_lightning.entities import EntitySpan
    from ner_lightning.quiet_libraries import silence_libraries
    from ner_lightning.recognizer import EntityRecognizer
    from ner_lightning.schemes import BIO, BIOES, IO, TagSet
    from ner_lightning.sentences import Sentence
    from ner_lightning.training.data_module import NERDataModule
    from ner_lightning.training.tagger import NERTagger

__all__ = [
    "BIO",
    "BIOES",
    "IO",
    "EntityRecognizer",
    "EntitySpan",
    "NERDataModule",
    "NERTagger",
    "Sentence",
    "TagSet",
    "silence_libraries",
]

_MODULE_BY_NAME = {
    "BIO": "schemes",
    "BIOES": "schemes",
    "IO": "schemes",
    "EntityRecognizer": "recognizer",
    "EntitySpan": "entities",
    "NERDataModule": "training.data_module",
    "NERTagger": "training.tagger",
    "Sentence": "sentences",
    "TagSet": "schemes",
    "silence_libraries": "quiet_libraries",
}


def __getattr__(name: str) -> object:
    """Import a public name when it is first used: a command that trains nothing should not wait for torch."""
    if name not in _MODULE_BY_NAME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {', '.join(__all__)}")
    return getattr(import_module(f"{__name__}.{_MODULE_BY_NAME[name]}"), name)
