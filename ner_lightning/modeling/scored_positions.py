"""The input of losses: the scored positions of a batch, and the same words as sequences."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from ner_lightning.encoding.batches import Batch, EvaluationBatch
from ner_lightning.modeling.token_classifier import rows_of_words
from ner_lightning.schemes import IGNORE_INDEX


@dataclass(frozen=True, slots=True)
class WordRows:
    """The words of sentences, or of their parts in different windows, one row each, read at their first subwords.

    Args:
        logits: Logits of the words.
        labels: Tag ids of the words; -100 on words that are not scored.
        mask: True on words, false on padding.
        begins: True if a row begins its sentence, false for a window cut from inside a sentence.
        ends: True if a row ends its sentence.
    """

    logits: Float[Tensor, "batch words tags"]
    labels: Int[Tensor, "batch words"]
    mask: Bool[Tensor, "batch words"]
    begins: Bool[Tensor, " batch"]
    ends: Bool[Tensor, " batch"]


@dataclass(frozen=True, slots=True)
class ScoredPositions:
    """The scored positions of a batch, and the same words as sequences.

    Positions that are not scored are removed before anything is computed: multiplying by a mask afterwards would let
    ``0 * nan`` through.

    Args:
        logits: Logits of all scored subwords.
        labels: Tag ids of all scored subwords.
        words: Returns the words as sequences; most losses never call it.
    """

    logits: Float[Tensor, "scored tags"]
    labels: Int[Tensor, " scored"]
    words: Callable[[], WordRows]

    @classmethod
    def of_windows(cls, logits: Float[Tensor, "subwords tags"], batch: Batch) -> ScoredPositions:
        """Select the scored subwords of windows from the logits of all real subwords."""
        labels = batch.labels[batch.attention_mask]
        scored = labels != IGNORE_INDEX
        return cls(logits[scored], labels[scored], partial(_words_of_windows, logits, labels, batch))

    @classmethod
    def of_sentences(cls, logits: Float[Tensor, "batch words tags"], batch: EvaluationBatch) -> ScoredPositions:
        """Select the scored words of whole sentences; words of entity types unknown to the model are left out."""
        labels = batch.word_labels.masked_fill(batch.word_labels >= logits.shape[-1], IGNORE_INDEX)
        scored = labels != IGNORE_INDEX
        whole = scored.new_ones(len(labels))
        rows = WordRows(logits, labels, batch.mask, whole, whole)
        return cls(logits[scored], labels[scored], lambda: rows)


def _words_of_windows(
    logits: Float[Tensor, "subwords tags"], labels: Int[Tensor, " subwords"], batch: Batch
) -> WordRows:
    starts = batch.word_starts[batch.attention_mask]
    lengths = [words.num_words for words in batch.owned]
    mask = (torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]).to(labels.device)
    word_labels = labels.new_full(mask.shape, IGNORE_INDEX)
    word_labels[mask] = labels[starts]
    begins = torch.tensor([words.begins for words in batch.owned], device=labels.device)
    ends = torch.tensor([words.ends for words in batch.owned], device=labels.device)
    return WordRows(rows_of_words(logits[starts], lengths), word_labels, mask, begins, ends)
