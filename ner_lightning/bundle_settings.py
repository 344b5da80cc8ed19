"""The settings of a bundle: everything that prediction needs besides the network and the tokenizer."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from importlib.metadata import version
from typing import Any, Final, Self, get_args

import msgspec

from ner_lightning.encoding.alignment import Subwords
from ner_lightning.encoding.passages import Unit, require_unit
from ner_lightning.modeling.decoders import Decoder, ViterbiDecoder
from ner_lightning.schemes import TagSet
from ner_lightning.sentence_splitting import LanguageSentences, SentenceSplitter
from ner_lightning.serialization import to_plain, typed
from ner_lightning.word_splitting import PunctuationSplitter, WordSplitter

FORMAT_VERSION: Final = 3
ADDED_IN_VERSION: Final[Mapping[int, Mapping[str, Any]]] = {  # settings of older bundles
    2: {"sentence_splitter": "WholeTexts", "trained_subwords": None},
    3: {"unit": "sentence", "context": 0},
}
PIPELINE_STRATEGIES: Final[Mapping[Subwords, str]] = {"first": "first", "all": "simple"}


class SavedWindow(msgspec.Struct, frozen=True):
    """The settings of windows, which a bundle keeps under a separate key."""

    window: dict[str, Any]


def installed_versions() -> dict[str, str]:
    """Return the installed versions of Python and the packages that training depends on."""
    packages = ("ner-lightning", "torch", "transformers", "tokenizers")
    return {"python": platform.python_version()} | {package: version(package) for package in packages}


@dataclass(frozen=True, slots=True)
class BundleSettings:
    """Everything that a bundle holds besides the network and the tokenizer.

    Args:
        tags: The tags of the network's head.
        max_subwords: Largest number of subwords in a window, including special tokens.
        subwords: The subwords of a word that were trained: ``first`` or ``all``.
        overlap: Largest number of subwords shared by neighboring windows of a long text.
        decoder: Chooses tags from word logits.
        word_splitter: Splits raw text into words.
        sentence_splitter: Splits raw text into sentences.
        trained_subwords: Length of the longest windows that are usual in training; longer text is read in windows of
            this length. None reads it in windows of ``max_subwords``.
        unit: The unit that runs through the encoder: a ``sentence``, or a ``document`` with its sentences joined.
        context: Largest number of subwords of neighboring sentences that are read with a sentence on each side.
        has_transitions: True if ``decoder.safetensors`` holds the transitions of a CRF.
        scores: Scores of the model, by the names that training logs (``test/f1``).
        corpus_checksum: Checksum of the corpus that the model was trained on, if known.
        versions: Versions of Python and the packages that the model was trained with, by name.
    """

    tags: TagSet
    max_subwords: int
    subwords: Subwords = "first"
    overlap: int = 64
    decoder: Decoder = field(default_factory=ViterbiDecoder)
    word_splitter: WordSplitter = field(default_factory=PunctuationSplitter)
    sentence_splitter: SentenceSplitter = field(default_factory=LanguageSentences)
    trained_subwords: int | None = None
    unit: Unit = "sentence"
    context: int = 0
    has_transitions: bool = False
    scores: Mapping[str, float] = field(default_factory=dict)
    corpus_checksum: str | None = None
    versions: Mapping[str, str] = field(default_factory=installed_versions)

    def __post_init__(self) -> None:
        _require_known(self.subwords)
        require_unit(self.unit, self.context)
        limits = {"max_subwords": self.max_subwords, "overlap": self.overlap, "trained_subwords": self.window_subwords}
        for name, number in limits.items():
            if type(number) is not int or number < 0:
                raise ValueError(f"{name} must be a whole number of subwords, got {number!r}")

    @property
    def window_subwords(self) -> int:
        """Largest number of subwords in a window of prediction, including special tokens."""
        return self.max_subwords if self.trained_subwords is None else self.trained_subwords

    @property
    def pipeline_strategy(self) -> str:
        """The ``aggregation_strategy`` with which the pipeline of ``transformers`` reads the trained subwords."""
        return PIPELINE_STRATEGIES[self.subwords]

    @property
    def pipeline_reads_entities(self) -> bool:
        """True if the pipeline of ``transformers``, which knows only the prefixes B and I, can group these tags."""
        return set(self.tags.scheme.prefixes) <= set("BI")

    def to_plain(self) -> dict[str, Any]:
        """Return the settings as plain data for JSON."""
        return {
            "format_version": FORMAT_VERSION,
            "tags": self.tags.to_plain(),
            "word_splitter": self.word_splitter.name,
            "sentence_splitter": to_plain(self.sentence_splitter),
            "subwords": self.subwords,
            "window": {
                "max_subwords": self.max_subwords,
                "overlap": self.overlap,
                "trained_subwords": self.trained_subwords,
                "unit": self.unit,
                "context": self.context,
            },
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
        """Rebuild settings from the result of :meth:`to_plain`.

        Raises:
            ValueError: If the format is newer than this version, or a value is missing, unknown or of another type.
        """
        found = plain.get("format_version")
        if type(found) is not int:
            raise ValueError(f'the settings of a bundle must have a "format_version", got the keys {list(plain)[:8]}')
        if found > FORMAT_VERSION:
            raise ValueError(
                f"this version of ner_lightning reads bundles up to format {FORMAT_VERSION}, got format {found}; "
                f"install a newer version"
            )
        newer = [settings for version, settings in ADDED_IN_VERSION.items() if found < version]
        added = {name: value for settings in newer for name, value in settings.items()}
        flat = {**added, **plain, **typed(plain, SavedWindow).window}
        missing = [field.name for field in fields(cls) if field.name not in flat]
        if missing:
            raise ValueError(f"the settings of the bundle are incomplete: {', '.join(missing)} missing")
        _require_known(flat["subwords"])
        return typed(flat, cls)


def _require_known(subwords: Any) -> None:
    if subwords not in get_args(Subwords):
        raise ValueError(f"subwords must be one of {get_args(Subwords)}, got {subwords!r}")
