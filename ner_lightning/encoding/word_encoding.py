"""Subwords of words, encoded as in running text, by any tokenizer of ``transformers``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Final

from transformers import PreTrainedTokenizerBase

from ner_lightning.console import log_warning

TOKENIZER_FILE: Final = "tokenizer.json"
SLOW_VOCABULARY: Final = re.compile(r"vocab\.(txt|json)|.*\.model")  # the files of tokenizers without a fast version
MAX_REMEMBERED: Final = 100_000  # largest number of different words whose subwords a slow tokenizer remembers
PROBES: Final = ("a b", "In May", "he said", "New York City")


class WordEncoder:
    """Encodes each word of a text separately, so that every subword belongs to exactly one word.

    Many tokenizers encode pre-split words as they encode running text. Others (ModernBERT, GPT-2, Gemma) would lose the
    space between words, so every word except the first gets a space before it. What a tokenizer needs is decided by
    comparing both with its encoding of a few short texts.

    Args:
        tokenizer: A tokenizer. One without a fast version encodes word by word, which is slower.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self.tokenizer = tokenizer
        self.remembered: dict[str, list[int]] = {}
        self.adds_spaces = False
        texts = [tokenizer.encode(text, add_special_tokens=False) for text in PROBES]
        as_they_are = self._num_equal(texts)
        if as_they_are < len(PROBES):
            self.adds_spaces = True
            self.adds_spaces = self._num_equal(texts) >= as_they_are

    def encode(self, sentences: Sequence[Sequence[str]]) -> list[list[list[int]]]:
        """Return the subword ids of every word of every sentence; a word may have none."""
        written = [self._written(words) for words in sentences]
        if not self.tokenizer.is_fast:
            return [[list(self._encode_alone(word)) for word in words] for words in written]
        encodings = self.tokenizer(
            written, is_split_into_words=True, add_special_tokens=False, truncation=False, verbose=False
        ).encodings
        by_sentence = []
        for words, encoding in zip(written, encodings, strict=True):
            by_word: list[list[int]] = [[] for _ in words]
            for subword_id, word in zip(encoding.ids, encoding.word_ids, strict=True):
                by_word[word].append(subword_id)
            by_sentence.append(by_word)
        return by_sentence

    def _num_equal(self, texts: Sequence[Sequence[int]]) -> int:
        """Return the number of probes whose words have exactly the subwords of the text."""
        by_probe = self.encode([probe.split() for probe in PROBES])
        joined = [[subword_id for subwords in by_word for subword_id in subwords] for by_word in by_probe]
        return sum(text == separate for text, separate in zip(texts, joined, strict=True))

    def _written(self, words: Sequence[str]) -> list[str]:
        if not self.adds_spaces:
            return list(words)
        return [f" {word}" if index and word else word for index, word in enumerate(words)]

    def _encode_alone(self, word: str) -> list[int]:
        if word not in self.remembered:
            if len(self.remembered) == MAX_REMEMBERED:
                self.remembered.clear()
            self.remembered[word] = self.tokenizer.encode(
                word, add_special_tokens=False, truncation=False, verbose=False
            )
        return self.remembered[word]


def special_tokens_around(tokenizer: PreTrainedTokenizerBase) -> tuple[list[int], list[int]]:
    """Return the ids of the special tokens before and after a text."""
    bare = tokenizer.encode("a", add_special_tokens=False)
    framed = tokenizer.encode("a")
    begin = next(i for i in range(len(framed) + 1) if framed[i : i + len(bare)] == bare)
    return framed[:begin], framed[begin + len(bare) :]


def has_vocabulary(file_names: Iterable[str]) -> bool:
    """Return True if one of these files holds the vocabulary of a tokenizer."""
    return any(name == TOKENIZER_FILE or SLOW_VOCABULARY.fullmatch(name) for name in file_names)


def prepare_tokenizer(tokenizer: PreTrainedTokenizerBase) -> PreTrainedTokenizerBase:
    """Give a tokenizer what a token classifier needs, and save with it; return the same tokenizer.

    - Padding is masked, so the end-of-text token can serve where there is no padding token, as in most decoders.
    - XLNet marks its last special token as another segment. Segments are not used here, so the tokenizer leaves them
      out, and ``transformers`` computes the same logits from its output.
    """
    if tokenizer.pad_token_id is None and tokenizer.eos_token is not None:
        tokenizer.pad_token = tokenizer.eos_token
    if any(tokenizer("a").get("token_type_ids", ())):
        tokenizer.model_input_names = [name for name in tokenizer.model_input_names if name != "token_type_ids"]
    if not tokenizer.is_fast:
        _report_slow(type(tokenizer).__name__)
    return tokenizer


@cache
def _report_slow(name: str) -> None:
    """Log once per process that a tokenizer is slow."""
    log_warning(__name__, f"{name} has no fast version, so words are encoded one by one, which is slower")
