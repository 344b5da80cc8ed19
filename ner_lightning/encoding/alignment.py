"""Alignment of words with the subwords of a tokenizer, by word index only."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from transformers import AutoTokenizer, PreTrainedTokenizerBase

from ner_lightning.encoding.word_encoding import WordEncoder, prepare_tokenizer, special_tokens_around
from ner_lightning.schemes import IGNORE_INDEX, TagSet

Subwords = Literal["first", "all"]
CHUNK_SENTENCES: Final = 1_000  # encoded at once
CHUNK_WORDS: Final = 50_000  # and not many more words, since the library for tokenizers needs much memory for each
OS_ERROR: Final = re.compile(r"\(os error (\d+)\)")


@dataclass(frozen=True, slots=True)
class EncodedSentence:
    """The subwords of a sentence, without special tokens.

    Args:
        subword_ids: Ids of the subwords of all words, in order.
        word_begins: Index of the first subword of each word, followed by the number of subwords.
        words_without_subwords: Indices of words for which the tokenizer has no subword; they get the unknown subword.
        shortened_words: Indices of words longer than a window; only their first subwords are kept.
    """

    subword_ids: tuple[int, ...]
    word_begins: tuple[int, ...]
    words_without_subwords: tuple[int, ...] = ()
    shortened_words: tuple[int, ...] = ()

    @property
    def num_words(self) -> int:
        return len(self.word_begins) - 1


class WordTokenizer:
    """Encodes pre-split words, and knows the special tokens around them.

    Args:
        tokenizer: The tokenizer of an encoder, fast or not.
        max_subwords: Largest number of subwords in a window, including special tokens; None uses the limit of the
            tokenizer.

    Raises:
        ValueError: If the tokenizer has no padding token, or the limit leaves no room for subwords.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, max_subwords: int | None = None) -> None:
        if tokenizer.pad_token_id is None:
            raise ValueError(
                "the tokenizer must have a padding token or an end-of-text token, but it has neither; "
                "set pad_token in its tokenizer_config.json"
            )
        self.tokenizer = tokenizer
        self.word_encoder = WordEncoder(tokenizer)
        unknown = tokenizer.unk_token_id
        self.unknown_id: int = tokenizer.pad_token_id if unknown is None else unknown
        self.pad_id: int = tokenizer.pad_token_id
        self.prefix, self.suffix = special_tokens_around(tokenizer)
        self.max_subwords = min(max_subwords or tokenizer.model_max_length, tokenizer.model_max_length)
        if self.capacity < 1:
            raise ValueError(
                f"a window must have room for a subword besides {len(self.prefix + self.suffix)} special tokens, "
                f"got max_subwords={self.max_subwords}"
            )

    @property
    def capacity(self) -> int:
        """Largest number of subwords in a window, without special tokens."""
        return self.max_subwords - len(self.prefix) - len(self.suffix)

    def encode(self, sentences: Iterable[Sequence[str]]) -> Iterator[EncodedSentence]:
        """Encode the words of each sentence; every word gets at least one subword, in order."""
        chunk: list[Sequence[str]] = []
        num_words = 0
        for words in sentences:
            chunk.append(words)
            num_words += len(words)
            if len(chunk) == CHUNK_SENTENCES or num_words >= CHUNK_WORDS:
                yield from map(self._align, self.word_encoder.encode(chunk))
                chunk, num_words = [], 0
        if chunk:
            yield from map(self._align, self.word_encoder.encode(chunk))

    def count_subwords(self, words: Sequence[str]) -> list[int]:
        """Return the number of subwords of each word, which is 0 if the tokenizer has none for it."""
        return [len(subwords) for subwords in self.word_encoder.encode([words])[0]]

    def _align(self, subwords_by_word: list[list[int]]) -> EncodedSentence:
        without = tuple(word for word, subwords in enumerate(subwords_by_word) if not subwords)
        for word in without:
            subwords_by_word[word] = [self.unknown_id]
        shortened = tuple(word for word, subwords in enumerate(subwords_by_word) if len(subwords) > self.capacity)
        for word in shortened:
            del subwords_by_word[word][self.capacity :]
        begins = [0]
        for subwords in subwords_by_word:
            begins.append(begins[-1] + len(subwords))
        flat = tuple(subword_id for subwords in subwords_by_word for subword_id in subwords)
        return EncodedSentence(flat, tuple(begins), without, shortened)


def load_tokenizer(name_or_path: str, revision: str | None = None) -> PreTrainedTokenizerBase:
    """Load a tokenizer so that pre-split words are encoded the same way as raw text, where it can be set up for that.

    RoBERTa's tokenizer can add a space before every word; others are left unchanged (see :class:`WordEncoder`). This is
    decided by what a tokenizer encodes, not by its name. Code that comes with a tokenizer is never run.
    """
    tokenizer = AutoTokenizer.from_pretrained(name_or_path, revision=revision, trust_remote_code=False)
    if tokenizer.is_fast and not encodes_words_as_text(tokenizer):
        spaced = AutoTokenizer.from_pretrained(
            name_or_path, revision=revision, trust_remote_code=False, add_prefix_space=True
        )
        if encodes_words_as_text(spaced):
            tokenizer = spaced
    return prepare_tokenizer(tokenizer)


def save_tokenizer(tokenizer: PreTrainedTokenizerBase, folder: str | Path) -> None:
    """Save a tokenizer in a folder.

    Raises:
        OSError: If a file cannot be written, as on a full disk. The library for tokenizers raises a plain exception.
    """
    try:
        tokenizer.save_pretrained(folder)
    except Exception as error:
        code = OS_ERROR.search(str(error))
        if type(error) is not Exception or code is None:
            raise
        raise OSError(int(code[1]), os.strerror(int(code[1])), str(folder)) from error


def encodes_words_as_text(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Return True if words such as ``["a", "b"]`` and the text ``"a b"`` are encoded the same way."""
    return not WordEncoder(tokenizer).adds_spaces


def align_labels(tag_ids: Sequence[int], encoded: EncodedSentence, tags: TagSet, subwords: Subwords) -> list[int]:
    """Return the label of every subword of a sentence.

    Args:
        tag_ids: Tag id of every word, or -100 for words that are not scored.
        encoded: Subwords of the same words.
        tags: The tag set of the ids.
        subwords: ``first`` labels the first subword of a word and leaves the others at -100; ``all`` labels the others
            with the tag that continues the entity (``B`` continues as ``I``, ``S`` as ``E``).
    """
    labels = [IGNORE_INDEX] * len(encoded.subword_ids)
    for word, tag_id in enumerate(tag_ids):
        begin, end = encoded.word_begins[word : word + 2]
        if subwords == "all" and tag_id != IGNORE_INDEX:
            labels[begin:end] = [tags.continuing_ids[tag_id]] * (end - begin)
        labels[begin] = tag_id
    return labels
