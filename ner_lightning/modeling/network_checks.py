"""Checks of networks loaded from files: they run no foreign code, and their weights are complete, used and finite.

Without these checks, a network with broken weights would find nothing, as if the text had no entities.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import torch
from torch import Tensor
from transformers import AutoModelForTokenClassification, PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

from ner_lightning.console import log_warning
from ner_lightning.modeling.packed_attention import PACKED_ATTENTION

ATTENTION_KEYS: Final = ("attn_implementation", "_attn_implementation", "_attn_implementation_internal")
CONFIG_RULE: Final = "the config must describe a network"
WINDOW_RULE: Final = "the encoder must run on windows of any length (docs/encoders.md lists those that do)"
MIN_CAUSAL_RATIO: Final = 100  # of a change of later logits to one of earlier logits, which is only rounding
KNOWN_ATTENTION: Final = (None, "eager", "sdpa", "flex_attention", PACKED_ATTENTION)
MAX_MISSING: Final = 2  # largest ratio of the size of a network to the size of its weights
MAX_UNUSED: Final = 4  # largest ratio of embeddings to subwords; some encoders reserve embeddings for more subwords
RARE_WORD: Final = "\N{SNOWMAN}"
MAX_NAMED: Final = 3  # largest number of weights named in an error


@contextmanager
def readable(what: str) -> Iterator[None]:
    """Turn any exception that ``transformers`` raises for damaged files into an error of one line.

    Args:
        what: The beginning of the message, which says what is required.

    Raises:
        ValueError: If an exception is raised in the block.
    """
    try:
        yield
    except Exception as error:  # damaged files can make the libraries raise any exception
        lines = (line.strip() for line in str(error).strip().splitlines()[:2])
        raise ValueError(f"{what}, got {type(error).__name__}: {' '.join(lines)}") from error


def require_known_attention(config: Mapping[str, Any]) -> None:
    """Check that a configuration names an attention of ``transformers``; others would be loaded from the hub and run.

    Raises:
        ValueError: If it names another attention.
    """
    for name in _attention_names(config):
        if name not in KNOWN_ATTENTION:
            known = ", ".join(str(known) for known in KNOWN_ATTENTION[1:])
            raise ValueError(f"the attention of a network must be one of {known}, got {name!r}")


def require_size(config: PreTrainedConfig, sizes: Collection[int]) -> None:
    """Check that a configuration fits the size of the weights, before memory for the network is allocated.

    Args:
        config: The configuration of the network.
        sizes: Number of elements of every weight.

    Raises:
        ValueError: If the network would be much larger than its weights.
    """
    with readable(CONFIG_RULE):
        settings = config.to_dict()
    for key, value in settings.items():
        if "layer" in key and type(value) is int and value > len(sizes):
            raise ValueError(f"the config must fit the weights, but {key} is {value} for {len(sizes)} weights")
    with readable(CONFIG_RULE), torch.device("meta"):
        described = AutoModelForTokenClassification.from_config(config, trust_remote_code=False)
    num_described = sum(weight.numel() for weight in described.parameters())
    if num_described > MAX_MISSING * sum(sizes):  # a few missing weights are reported by name after loading
        raise ValueError(
            f"the config must fit the weights, but it describes {num_described:,} parameters instead of {sum(sizes):,}"
        )


def require_all_used(unused: Iterable[str]) -> None:
    """Check that no weights are unused, which happens if the config has too few layers.

    Raises:
        ValueError: If there are unused weights.
    """
    names = sorted(unused)
    if names:
        raise ValueError(f"the network must use all of the weights, but {len(names)} are unused: {_first(names)}")


def require_finite(weights: Mapping[str, Tensor]) -> None:
    """Check that weights are finite.

    Raises:
        ValueError: If a weight contains NaN or infinity.
    """
    broken = sorted(name for name, weight in weights.items() if not weight.isfinite().all())
    if broken:
        raise ValueError(f"weights must be finite, got NaN or infinity in {len(broken)}: {_first(broken)}")


def require_encodes_any_word(tokenizer: PreTrainedTokenizerBase) -> None:
    """Check that a tokenizer has a limit, and a subword for words outside its vocabulary.

    Call it within :func:`readable`, because the tokenizer may raise any exception.

    Raises:
        TypeError: If the limit is not a whole number.
        Exception: If a rare word cannot be encoded.
    """
    if type(tokenizer.model_max_length) is not int:
        raise TypeError(f"model_max_length must be a whole number, got {tokenizer.model_max_length!r}")
    tokenizer(RARE_WORD)


def require_vocabulary(network: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
    """Check that a network has an embedding for every subword, and that the vocabulary is not far too small.

    Raises:
        ValueError: If an embedding or most of the vocabulary is missing.
    """
    embeddings = network.get_input_embeddings().weight
    assert isinstance(embeddings, Tensor)
    num_embedded, vocabulary = len(embeddings), tokenizer.get_vocab()
    if len(vocabulary) * MAX_UNUSED < num_embedded:
        raise ValueError(
            f"the tokenizer must have the subwords of the network's {num_embedded} embeddings, got {len(vocabulary)}"
        )
    beyond = {subword: number for subword, number in vocabulary.items() if number >= num_embedded}
    if beyond:
        subword, number = max(beyond.items(), key=lambda item: item[1])
        raise ValueError(
            f"the network must have an embedding for every subword, but the id of {subword!r} is {number}, "
            f"and there are {num_embedded} embeddings"
        )


def report_causal_mask(network: PreTrainedModel, name: str) -> None:
    """Log a line if each subword reads only the subwords before it, as in a decoder-only network.

    This is decided by behavior: the last subword changes no earlier logits, although the first one changes later ones.
    """
    training = network.training
    network.eval()
    try:
        with torch.inference_mode(), readable(WINDOW_RULE):
            ids = torch.arange(8) % (network.config.vocab_size - 1) + 1
            rows = ids.repeat(3, 1)
            rows[1, -1], rows[2, 0] = ids[0], ids[-1]
            first, other_end, other_begin = network(input_ids=rows, attention_mask=torch.ones_like(rows)).logits
    finally:
        network.train(training)
    backward, forward = (first - other_end)[:-1].abs().max(), (first - other_begin)[1:].abs().max()
    if forward > MIN_CAUSAL_RATIO * backward:
        mask = "keeps its causal mask: each subword is classified from the text up to it"
        log_warning(__name__, f"{name} is a decoder-only network and {mask}")


def _attention_names(config: Mapping[Any, Any]) -> Iterator[Any]:
    for key, value in config.items():
        if key in ATTENTION_KEYS:
            yield from value.values() if isinstance(value, Mapping) else [value]
        elif isinstance(value, Mapping):
            yield from _attention_names(value)


def _first(names: list[str]) -> str:
    return ", ".join(names[:MAX_NAMED])
