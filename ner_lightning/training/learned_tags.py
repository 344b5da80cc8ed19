"""The tags of a trained tagger, with which a corpus without a training split can be scored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from transformers import PreTrainedTokenizerBase

from ner_lightning.checkpoints.reading import TAGGER_KEY, read_checkpoint
from ner_lightning.checkpoints.record import TaggerRecord
from ner_lightning.schemes import TagSet


@dataclass(frozen=True, slots=True)
class LearnedTags:
    """The tags of a tagger, with the vocabulary and the word counts of its training split.

    Args:
        tags: The label scheme over the entity types; the network has one output per tag.
        tokenizer: The tokenizer of the encoder.
        word_counts: Number of training words by entity type, and of words outside any entity under ``O``.
        evaluation_length: Largest number of subwords in a window of evaluation; None to measure it in training.
    """

    tags: TagSet
    tokenizer: PreTrainedTokenizerBase
    word_counts: Mapping[str, int]
    evaluation_length: int | None = None

    @classmethod
    def of_checkpoint(cls, path: str | Path) -> Self:
        """Read the tags and the tokenizer of a checkpoint.

        Raises:
            CheckpointError: If the file is not a complete checkpoint of a tagger.
        """
        record = TaggerRecord.from_plain(read_checkpoint(path)[TAGGER_KEY])
        return cls(record.tags, record.encoder.tokenizer([]), record.word_counts, record.evaluation_length)
