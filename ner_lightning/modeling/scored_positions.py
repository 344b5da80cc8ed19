"""What losses read of a batch: scored positions, and the same words as sequences."""

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
    """Words by window or by sentence, read at their first subwords.

    Args:
        logits: Their logits.
        labels: Their tag ids; -100 on words that are not scored.
        mask: True on words, false behind the last one of a row.
        begins: Whether a row begins its sentence; a window that is cut inside one does not.
        ends: Whether a row ends its sentence.
    """

    logits: Float[Tensor, "batch words tags"]
    labels: Int[Tensor, "batch words"]
    mask: Bool[Tensor, "batch words"]
    begins: Bool[Tensor, " batch"]
    ends: Bool[Tensor, " batch"]


@dataclass(frozen=True, slots=True)
class ScoredPositions:
    """ScoredPositions positions, and the same words as sequences.

    Positions that are not scored have been taken out: multiplying by a mask afterwards would let ``0 * nan``
    through.

    Args:
        logits: The logits of all scored subwords.
        labels: Their tag ids.
        words: Gives the words as sequences; most losses never ask.
    """

    logits: Float[Tensor, "scored tags"]
    labels: Int[Tensor, " scored"]
    words: Callable[[], WordRows]

    @classmethod
    def of_windows(cls, logits: Float[Tensor, "subwords tags"], batch: Batch) -> ScoredPositions:
        """What is learned of windows, from the logits of all their real subwords."""
        labels = batch.labels[batch.attention_mask]
        scored = labels != IGNORE_INDEX
        return cls(logits[scored], labels[scored], partial(_words_of_windows, logits, labels, batch))

    @classmethod
    def of_sentences(cls, logits: Float[Tensor, "batch words tags"], batch: EvaluationBatch) -> ScoredPositions:
        """What is scored of whole sentences; words of entity types that are not learned are left out."""
        labels = batch.word_labels.masked_fill(batch.word_labels >= logits.shape[-1], IGNORE_INDEX)
        scored = labels != IGNORE_INDEX
        whole = scored.new_ones(len(labels))
        rows = WordRows(logits, labels, batch.gold != IGNORE_INDEX, whole, whole)
        return cls(logits[scored], labels[scored], lambda: rows)


def _words_of_windows(
    logits: Float[Tensor, "subwords tags"], labels: Int[Tensor, " subwords"], batch: Batch
) -> WordRows:
    starts = batch.word_starts[batch.attention_mask]
    lengths = batch.word_starts.sum(dim=1)
    mask = torch.arange(int(lengths.max()), device=lengths.device) < lengths[:, None]
    word_labels = labels.new_full(mask.shape, IGNORE_INDEX)
    word_labels[mask] = labels[starts]
    return WordRows(rows_of_words(logits[starts], lengths.tolist()), word_labels, mask, *batch.edges.unbind(dim=1))
