"""Encoders: pretrained, newly built, or rebuilt from a checkpoint. Each provides a tokenizer and a network."""

from __future__ import annotations

import re
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from jaxtyping import Float
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from torch import Tensor
from transformers import (
    AutoConfig,
    AutoModelForTokenClassification,
    BertConfig,
    BertForTokenClassification,
    BertTokenizer,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from ner_lightning.encoding.alignment import load_tokenizer, save_tokenizer
from ner_lightning.hub_access import use_cache_without_hub
from ner_lightning.modeling.heads import with_known_head
from ner_lightning.modeling.network_checks import (
    CONFIG_RULE,
    readable,
    report_causal_mask,
    require_all_used,
    require_encodes_any_word,
    require_finite,
    require_known_attention,
    require_vocabulary,
)
from ner_lightning.modeling.token_classifier import max_window
from ner_lightning.parts import require_kind
from ner_lightning.schemes import TagSet

POSITION_SCALE = 0.3  # a few times the scale of word embeddings, so that positions matter from the first step
NUMBERED: Final = re.compile(r"\.\d+\.")  # the number of a layer in the name of a weight
NORMALIZER = normalizers.BertNormalizer(lowercase=False)
PRE_TOKENIZER = pre_tokenizers.BertPreTokenizer()
MAX_CHARACTERS = 100  # WordPiece replaces longer parts between spaces and punctuation by the unknown subword
SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


class Encoder(ABC):
    """Provides the tokenizer and the network of a token classifier."""

    @abstractmethod
    def tokenizer(self, training_sentences: Sequence[Sequence[str]]) -> PreTrainedTokenizerBase:
        """Return the tokenizer; its ``model_max_length`` is at most the number of subwords that the network accepts."""

    @abstractmethod
    def network(self, tags: TagSet, tokenizer: PreTrainedTokenizerBase) -> PreTrainedModel:
        """Return the network in float32, with one output per tag and the names of the tags in its config."""

    @property
    @abstractmethod
    def hidden_size(self) -> int | None:
        """Width of the network, or None if it is not known before the network is built."""


@dataclass(frozen=True)
class PretrainedEncoder(Encoder):
    """A pretrained encoder of ``transformers``.

    If it already has a classification head, that head is kept if its tags are exactly the tags to learn; if they are in
    another order, its rows are reordered. Otherwise the head is replaced by a new one, even if the number of tags is
    the same.

    Args:
        name_or_path: Folder with the encoder, or its id on the Hugging Face hub.
        revision: Branch, tag or commit on the hub; pin a commit to be sure of what you train.
    """

    name_or_path: str
    revision: str | None = None

    @property
    def hidden_size(self) -> int | None:
        try:
            config = AutoConfig.from_pretrained(self.name_or_path, revision=self.revision, trust_remote_code=False)
        except (OSError, ValueError):  # the error is reported later, when the tokenizer is loaded
            return None
        return getattr(config, "hidden_size", None)

    def tokenizer(self, training_sentences: Sequence[Sequence[str]]) -> PreTrainedTokenizerBase:  # noqa: ARG002
        config = self._saved_config()
        with self._found():
            tokenizer = load_tokenizer(self.name_or_path, self.revision)
            require_encodes_any_word(tokenizer)
        return _limited(tokenizer, max_window(config))

    def network(self, tags: TagSet, tokenizer: PreTrainedTokenizerBase) -> PreTrainedModel:
        saved = self._saved_config()
        with self._found():
            network, loading = AutoModelForTokenClassification.from_pretrained(
                self.name_or_path,
                revision=self.revision,
                dtype=torch.float32,  # by default, weights saved in bfloat16 would be trained in bfloat16
                trust_remote_code=False,
                ignore_mismatched_sizes=True,
                output_loading_info=True,
                **label_maps(tags),
            )
        of_encoder = {f"{network.base_model_prefix}.{name}" for name in network.base_model.state_dict()}
        misshapen = {name for name, *_ in loading["mismatched_keys"]}
        if misshapen & of_encoder:
            raise ValueError(
                f"the weights of the encoder must have the shapes given by its config, but these in "
                f"{self.name_or_path!r} differ: {', '.join(sorted(misshapen & of_encoder))}"
            )
        self._require_sound(network, tokenizer, loading["unexpected_keys"])
        missing = loading["missing_keys"] & of_encoder
        if missing:
            raise ValueError(
                f"the encoder must have all of its weights, but {self.name_or_path!r} lacks {len(missing)} of "
                f"{len(of_encoder)}, which would be random: {', '.join(sorted(missing)[:3])}"
            )
        report_causal_mask(network, self.name_or_path)
        # the first short window makes BigBird attend to everything from then on, so its config says so
        if attention := getattr(network.base_model, "attention_type", None):
            network.config.attention_type = attention
        has_head = network.state_dict().keys() - of_encoder - loading["missing_keys"]
        if not has_head or (saved.id2label == network.config.id2label and not misshapen):
            return network
        names = {int(number): name for number, name in (saved.id2label or {}).items()}
        return with_known_head(network, names, self.name_or_path)

    def _saved_config(self) -> PreTrainedConfig:
        """Return the configuration, after checking that it refers to no code outside ``transformers``."""
        with self._found():
            plain, _ = PreTrainedConfig.get_config_dict(self.name_or_path, revision=self.revision)
            require_known_attention(plain)
            return AutoConfig.from_pretrained(self.name_or_path, revision=self.revision, trust_remote_code=False)

    def _require_sound(
        self, network: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, unexpected: Collection[str]
    ) -> None:
        """Check the weights. Unused weights of other heads are accepted, unused weights of layers are not."""
        parts = {name for name, _ in network.base_model.named_children()}
        prefix = f"{network.base_model_prefix}."
        of_layers = [
            name for name in unexpected if NUMBERED.search(name) and name.removeprefix(prefix).split(".")[0] in parts
        ]
        try:
            require_all_used(of_layers)
            require_finite(network.base_model.state_dict())
            require_vocabulary(network, tokenizer)
        except ValueError as error:
            raise ValueError(f"{self.name_or_path}: {error}") from None

    def _found(self) -> AbstractContextManager[None]:
        if not Path(self.name_or_path).exists():
            use_cache_without_hub()
        return readable(
            f"the encoder must be a folder, or the id of a model on a hub that can be reached: {self.name_or_path!r}"
        )


@dataclass(frozen=True)
class SmallBert(Encoder):
    """A small cased BERT with random weights and a vocabulary learned from the training split; needs no download.

    Args:
        vocabulary_size: Largest number of subwords in the vocabulary.
        hidden_size: Width of the network; its feed-forward layers are four times as wide.
        num_layers: Number of layers.
        num_heads: Number of attention heads per layer.
        max_subwords: Largest number of subwords in a window, including special tokens.
        dropout: Dropout of hidden states and attention.

    Raises:
        ValueError: If a number is out of its range.
    """

    vocabulary_size: int = 2000
    hidden_size: int = 128
    num_layers: int = 2
    num_heads: int = 4
    max_subwords: int = 128
    dropout: float = 0.1

    def __post_init__(self) -> None:
        for name in ("vocabulary_size", "hidden_size", "num_layers", "num_heads", "max_subwords"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} of SmallBert must be at least 1, got {getattr(self, name)}")
        if self.hidden_size % self.num_heads or self.hidden_size % 2:  # even, for pairs of a sine and a cosine
            raise ValueError(
                f"hidden_size of SmallBert must be an even multiple of num_heads, got {self.hidden_size} and "
                f"{self.num_heads}"
            )
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout of SmallBert must be at least 0 and below 1, got {self.dropout}")

    def tokenizer(self, training_sentences: Sequence[Sequence[str]]) -> PreTrainedTokenizerBase:
        return _limited(train_word_pieces(training_sentences, self.vocabulary_size), self.max_subwords)

    def network(self, tags: TagSet, tokenizer: PreTrainedTokenizerBase) -> PreTrainedModel:
        config = BertConfig(
            vocab_size=len(tokenizer),
            hidden_size=self.hidden_size,
            num_hidden_layers=self.num_layers,
            num_attention_heads=self.num_heads,
            intermediate_size=4 * self.hidden_size,
            max_position_embeddings=self.max_subwords + 2,
            hidden_dropout_prob=self.dropout,
            attention_probs_dropout_prob=self.dropout,
            pad_token_id=tokenizer.pad_token_id,
            **label_maps(tags),
        )
        network = BertForTokenClassification(config)
        # with random position embeddings, a small corpus is not enough to learn which words are neighbors
        positions = network.bert.embeddings.position_embeddings.weight
        positions.data.copy_(POSITION_SCALE * sinusoids(*positions.shape))
        return network


@dataclass(frozen=True)
class SavedEncoder(Encoder):
    """An encoder rebuilt from the configuration and tokenizer in a checkpoint, without a corpus or the hub.

    Args:
        config: The configuration of the network.
        tokenizer_files: Contents of the tokenizer's files, by name.
    """

    config: Mapping[str, Any]
    tokenizer_files: Mapping[str, str]

    @property
    def hidden_size(self) -> int | None:
        return self.config.get("hidden_size")

    @classmethod
    def of(cls, network: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> SavedEncoder:
        with tempfile.TemporaryDirectory() as folder:
            save_tokenizer(tokenizer, folder)
            files = {
                path.name: path.read_text(encoding="utf-8", errors="surrogateescape")  # a .model file holds bytes
                for path in sorted(Path(folder).iterdir())
            }
        return cls(network.config.to_dict(), files)

    def tokenizer(self, training_sentences: Sequence[Sequence[str]]) -> PreTrainedTokenizerBase:  # noqa: ARG002
        with tempfile.TemporaryDirectory() as folder:
            for name, text in self.tokenizer_files.items():
                (Path(folder) / Path(name).name).write_text(text, encoding="utf-8", errors="surrogateescape")
            with readable("the tokenizer of the encoder must be loadable"):
                tokenizer = load_tokenizer(folder)
                require_encodes_any_word(tokenizer)
                return tokenizer

    def network(self, tags: TagSet, tokenizer: PreTrainedTokenizerBase) -> PreTrainedModel:
        config = self.network_config(tags)
        with readable(CONFIG_RULE):
            network = AutoModelForTokenClassification.from_config(config, dtype=torch.float32, trust_remote_code=False)
        require_vocabulary(network, tokenizer)
        return network

    def network_config(self, tags: TagSet) -> PreTrainedConfig:
        """Return the configuration of the network with one output per tag.

        Raises:
            ValueError: If it refers to code outside ``transformers``, or does not describe a network.
        """
        require_known_attention(self.config)
        settings = {key: value for key, value in self.config.items() if key != "model_type"}
        with readable(CONFIG_RULE):
            return AutoConfig.for_model(str(self.config.get("model_type")), **settings | label_maps(tags))


def as_encoder(encoder: object) -> Encoder:
    """Return an encoder unchanged, or the pretrained encoder with a name.

    Raises:
        TypeError: If the argument is neither an encoder nor a name.
    """
    if isinstance(encoder, str):
        return PretrainedEncoder(encoder)
    require_kind("encoder", encoder, Encoder, "PretrainedEncoder('distilbert-base-cased')")
    assert isinstance(encoder, Encoder)
    return encoder


def sinusoids(num_positions: int, size: int) -> Float[Tensor, "subwords hidden"]:
    """Return position embeddings in which a shift is a rotation (Vaswani et al. 2017, section 3.5)."""
    angles = torch.arange(num_positions)[:, None] * 1000.0 ** (-torch.arange(0, size, 2) / size)
    return torch.stack([angles.sin(), angles.cos()], dim=2).flatten(1)


def label_maps(tags: TagSet) -> dict[str, Any]:
    """Return the maps between tags and their ids for the configuration of a network."""
    return {"id2label": dict(enumerate(tags.tags)), "label2id": dict(tags.tag_ids)}


def train_word_pieces(sentences: Sequence[Sequence[str]], vocabulary_size: int) -> PreTrainedTokenizerBase:
    """Train a cased WordPiece tokenizer on the words of sentences."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=MAX_CHARACTERS))
    tokenizer.normalizer = NORMALIZER
    tokenizer.pre_tokenizer = PRE_TOKENIZER
    # The trainer would number the characters inside words in the order of a hash table, and it breaks ties by number.
    # Giving them here in sorted order makes the vocabulary depend on the sentences only.
    characters = sorted({character for words in sentences for word in words for character in word})
    trainer = trainers.WordPieceTrainer(
        vocab_size=vocabulary_size,
        special_tokens=[*SPECIAL_TOKENS, *(f"##{character}" for character in characters)],
        show_progress=False,
    )
    tokenizer.train_from_iterator((" ".join(map(learnable, words)) for words in sentences), trainer)
    vocabulary = tokenizer.get_vocab()
    return BertTokenizer(vocab=vocabulary, do_lower_case=False)


def learnable(word: str) -> str:
    """Return the parts of a word that a vocabulary can be learned from, joined by spaces; usual words stay unchanged.

    WordPiece always replaces parts longer than MAX_CHARACTERS by the unknown subword, and learning from them would
    take time that grows with the square of their length.

    >>> learnable("Bonn"), learnable(200 * "a"), learnable(f"see:{200 * 'a'}!")
    ('Bonn', '', 'see : !')
    """
    if len(word) <= MAX_CHARACTERS:
        return word
    parts = PRE_TOKENIZER.pre_tokenize_str(NORMALIZER.normalize_str(word))
    return " ".join(part for part, _ in parts if len(part) <= MAX_CHARACTERS)


def _limited(tokenizer: PreTrainedTokenizerBase, max_subwords: int) -> PreTrainedTokenizerBase:
    tokenizer.model_max_length = min(tokenizer.model_max_length, max_subwords)
    return tokenizer
