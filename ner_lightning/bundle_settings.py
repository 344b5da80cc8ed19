"""What a bundle says about its model: everything that predicting needs beside network and tokenizer."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from importlib.metadata import version
from typing import Any, Final, Self, get_args

import msgspec

from ner_lightning.encoding.alignment import Subwords
from ner_lightning.modeling.decoders import Decoder, ViterbiDecoder
from ner_lightning.schemes import TagSet
from ner_lightning.serialization import to_plain, typed
from ner_lightning.word_splitting import PunctuationSplitter, WordSplitter

FORMAT_VERSION: Final = 1
PIPELINE_STRATEGIES: Final[Mapping[Subwords, str]] = {"first": "first", "all": "simple"}


class SavedWindow(msgspec.Struct, frozen=True):
    """The settings of windows, which a bundle holds in an object of their own."""

    window: dict[str, Any]


def installed_versions() -> dict[str, str]:
    """The versions that a model is trained with."""
    packages = ("ner-lightning", "torch", "transformers", "tokenizers")
    return {"python": platform.python_version()} | {package: version(package) for package in packages}


@dataclass(frozen=True, slots=True)
class BundleSettings:
    """What a bundle holds beside the network and the tokenizer.

    Args:
        tags: The tags of the network's head.
        max_subwords: The longest window, special tokens included.
        subwords: Which subwords of a word were trained on.
        overlap: The most subwords that neighbouring windows of a long text share.
        decoder: How word logits become entities.
        word_splitter: How raw text becomes words.
        has_transitions: Whether the decoder reads what a CRF has learned, from ``decoder.safetensors``.
        scores: What the model scored, by the names that training logs (``test/f1``).
        corpus_checksum: Checksum of the corpus that it was trained on.
        versions: Packages that it was trained with, by name.
    """

    tags: TagSet
    max_subwords: int
    subwords: Subwords = "first"
    overlap: int = 64
    decoder: Decoder = field(default_factory=ViterbiDecoder)
    word_splitter: WordSplitter = field(default_factory=PunctuationSplitter)
    has_transitions: bool = False
    scores: Mapping[str, float] = field(default_factory=dict)
    corpus_checksum: str | None = None
    versions: Mapping[str, str] = field(default_factory=installed_versions)

    def __post_init__(self) -> None:
        _require_known(self.subwords)
        for name, number in (("max_subwords", self.max_subwords), ("overlap", self.overlap)):
            if type(number) is not int or number < 0:
                raise ValueError(f"{name} must be a whole number of subwords, got {number!r}")

    @property
    def pipeline_strategy(self) -> str:
        """The aggregation strategy of the stock pipeline that reads the subwords that were trained."""
        return PIPELINE_STRATEGIES[self.subwords]

    @property
    def pipeline_reads_entities(self) -> bool:
        """Whether the stock pipeline, which knows no prefix but B and I, groups these tags into entities."""
        return set(self.tags.scheme.prefixes) <= set("BI")

    def to_plain(self) -> dict[str, Any]:
        """The settings as JSON can hold them."""
        return {
            "format_version": FORMAT_VERSION,
            "tags": self.tags.to_plain(),
            "word_splitter": self.word_splitter.name,
            "subwords": self.subwords,
            "window": {"max_subwords": self.max_subwords, "overlap": self.overlap},
            "decoder": to_plain(self.decoder),
            "has_transitions": self.has_transitions,
            "pipeline_strategy": self.pipeline_strategy,
            "pipeline_reads_entities": self.pipeline_reads_entities,
            "scores": dict(self.scores),
            "corpus_checksum": self.corpus_checksum,
            "versions": dict(self.versions),
        }

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Self:
        """Rebuild from what :meth:`to_plain` gave.

        Raises:
            ValueError: If it is of a newer format, or a value is missing, unknown or of another type.
        """
        found = plain.get("format_version")
        if type(found) is not int:
            raise ValueError(f'the settings of a bundle must hold a "format_version", got {list(plain)[:8]}')
        if found > FORMAT_VERSION:
            raise ValueError(
                f"this version of ner_lightning reads bundles up to format {FORMAT_VERSION}, got format "
                f"{found}; install a newer one"
            )
        flat = {**plain, **typed(plain, SavedWindow).window}
        missing = [field.name for field in fields(cls) if field.name not in flat]
        if missing:
            raise ValueError(f"the settings of a bundle must hold {', '.join(missing)}, got none")
        _require_known(flat["subwords"])
        return typed(flat, cls)


def _require_known(subwords: Any) -> None:
    if subwords not in get_args(Subwords):
        raise ValueError(f"subwords must be one of {get_args(Subwords)}, got {subwords!r}")
