"""Checks of networks that come from files: nothing in them runs code, and their weights are all there, used and finite.

A network with broken weights finds nothing, which looks like a text without entities.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import torch
from torch import Tensor
from transformers import AutoModelForTokenClassification, PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

from ner_lightning.modeling.packed_attention import PACKED_ATTENTION

ATTENTION_KEYS: Final = ("attn_implementation", "_attn_implementation", "_attn_implementation_internal")
A_NETWORK: Final = "the config must be that of a network"
KNOWN_ATTENTION: Final = (None, "eager", "sdpa", "flex_attention", PACKED_ATTENTION)
MAX_MISSING: Final = 2  # size of a network over that of its weights
MAX_UNUSED: Final = 4  # embeddings over subwords; some encoders leave room for more
RARE_WORD: Final = "\N{SNOWMAN}"
MAX_NAMED: Final = 3  # weights in an error


@contextmanager
def readable(what: str) -> Iterator[None]:
    """Turn whatever ``transformers`` raises on damaged files into one line.

    Args:
        what: What the files must be.

    Raises:
        ValueError: If anything is raised within.
    """
    try:
        yield
    except Exception as error:  # on damaged files the libraries raise whatever those lead them to
        lines = (line.strip() for line in str(error).strip().splitlines()[:2])
        raise ValueError(f"{what}, got {type(error).__name__}: {' '.join(lines)}") from error


def require_known_attention(config: Mapping[str, Any]) -> None:
    """Check that a configuration asks for an attention of ``transformers``; others are code from the hub.

    Raises:
        ValueError: If it does not.
    """
    for name in _attention_names(config):
        if name not in KNOWN_ATTENTION:
            known = ", ".join(str(known) for known in KNOWN_ATTENTION[1:])
            raise ValueError(f"the attention of a network must be one of {known}, got {name!r}")


def require_size(config: PreTrainedConfig, sizes: Collection[int]) -> None:
    """Check that a network is about as large as its weights, before memory is taken for it.

    Args:
        config: The configuration of the network.
        sizes: How many numbers each of its weights holds.

    Raises:
        ValueError: If it is larger.
    """
    with readable(A_NETWORK):
        settings = config.to_dict()
    for key, value in settings.items():
        if "layer" in key and type(value) is int and value > len(sizes):
            raise ValueError(f"the config must fit the weights, got {key} {value} for {len(sizes)} weights")
    with readable(A_NETWORK), torch.device("meta"):
        described = AutoModelForTokenClassification.from_config(config, trust_remote_code=False)
    num_described = sum(weight.numel() for weight in described.parameters())
    if num_described > MAX_MISSING * sum(sizes):  # missing weights are named once the network is there
        raise ValueError(f"the config must fit the weights, got one of {num_described:,} numbers for {sum(sizes):,}")


def require_all_used(unused: Iterable[str]) -> None:
    """Check that there are no weights left over, as there are if the config has too few layers.

    Raises:
        ValueError: If there are.
    """
    names = sorted(unused)
    if names:
        raise ValueError(f"the network must use all of its weights, got {len(names)} more: {_first(names)}")


def require_finite(weights: Mapping[str, Tensor]) -> None:
    """Check that weights are numbers.

    Raises:
        ValueError: If one is NaN or infinite.
    """
    broken = sorted(name for name, weight in weights.items() if not weight.isfinite().all())
    if broken:
        raise ValueError(f"weights must be finite, got NaN or infinity in {len(broken)}: {_first(broken)}")


def require_encodes_any_word(tokenizer: PreTrainedTokenizerBase) -> None:
    """Check that a tokenizer has a limit, and a subword for what is not in its vocabulary; call it where it is loaded.

    Raises:
        TypeError: If its limit is not a whole number.
        Exception: If it cannot encode a rare word.
    """
    if type(tokenizer.model_max_length) is not int:
        raise TypeError(f"model_max_length must be a whole number, got {tokenizer.model_max_length!r}")
    tokenizer(RARE_WORD)


def require_vocabulary(network: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
    """Check that a network has an embedding for every subword, and that most of the vocabulary is there.

    Raises:
        ValueError: If one is missing, or the vocabulary is.
    """
    embeddings = network.get_input_embeddings().weight
    assert isinstance(embeddings, Tensor)
    num_embedded, vocabulary = len(embeddings), tokenizer.get_vocab()
    if len(vocabulary) * MAX_UNUSED < num_embedded:
        raise ValueError(f"the tokenizer must know the {num_embedded} subwords of the network, got {len(vocabulary)}")
    beyond = {subword: number for subword, number in vocabulary.items() if number >= num_embedded}
    if beyond:
        subword, number = max(beyond.items(), key=lambda item: item[1])
        raise ValueError(f"the network must embed all subwords, got {subword!r} as number {number} of {num_embedded}")


def _attention_names(config: Mapping[Any, Any]) -> Iterator[Any]:
    for key, value in config.items():
        if key in ATTENTION_KEYS:
            yield from value.values() if isinstance(value, Mapping) else [value]
        elif isinstance(value, Mapping):
            yield from _attention_names(value)


def _first(names: list[str]) -> str:
    return ", ".join(names[:MAX_NAMED])
