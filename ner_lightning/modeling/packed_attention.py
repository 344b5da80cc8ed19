"""Attention for batches without padding, where the subwords of all windows are concatenated into one row.

Everything in an encoder except attention treats each subword separately. So the windows of a batch are concatenated
into a row of real subwords, and only attention pads them, computes, and concatenates the result again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from transformers import AttentionInterface
from transformers.masking_utils import AttentionMaskInterface

PACKED_ATTENTION = "ner_lightning_packed"


@dataclass(frozen=True, slots=True)
class PackedLayout:
    """The places of a row's subwords in their batch.

    Args:
        mask: True on subwords, false on padding.
        places: Index of each subword in the flattened batch.
        positions: Position of each subword in its window, from 0.
    """

    mask: Bool[Tensor, "batch subwords"]
    places: Int[Tensor, " scored"]
    positions: Int[Tensor, " scored"]

    @classmethod
    def of(cls, mask: Bool[Tensor, "batch subwords"]) -> PackedLayout:
        places = mask.flatten().nonzero().squeeze(1)
        return cls(mask, places, places % mask.shape[1])


def packed_attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,  # noqa: ARG001 (the interface of transformers)
    scaling: float | None = None,
    dropout: float = 0.0,
    packed_layout: PackedLayout | None = None,
    **_: Any,
) -> tuple[Float[Tensor, "1 scored heads size"], None]:
    """Compute attention within each window; ``transformers`` calls it with tensors ``[1, heads, scored, size]``."""
    if packed_layout is None:
        raise ValueError("packed attention needs the layout of its row, got None: use TokenClassifier")
    layout = packed_layout
    batch, length = layout.mask.shape
    heads, size = query.shape[1], query.shape[3]

    def padded(row: Tensor) -> Tensor:
        empty = row.new_zeros(batch * length, heads, size)
        filled = empty.index_copy(0, layout.places, row[0].transpose(0, 1))
        return filled.view(batch, length, heads, size).transpose(1, 2)

    attended = _attend(
        padded(query),
        padded(key),
        padded(value),
        layout.mask[:, None, None, :],
        scale=size**-0.5 if scaling is None else scaling,
        dropout=dropout if module.training else 0.0,
    )
    return attended.transpose(1, 2).reshape(batch * length, heads, size)[layout.places][None], None


def _attend(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor, *, scale: float, dropout: float
) -> Float[Tensor, "batch heads subwords size"]:
    if query.is_cuda:
        return torch.nn.functional.scaled_dot_product_attention(
            query, key, value, attn_mask=mask, dropout_p=dropout, scale=scale
        )
    # on a CPU, the fused kernel is slower in its backward pass and has none with dropout
    scores = (query * scale) @ key.transpose(2, 3)
    probabilities = scores.masked_fill(~mask, torch.finfo(scores.dtype).min).softmax(dim=-1)
    return torch.nn.functional.dropout(probabilities.to(value.dtype), dropout, training=dropout > 0) @ value


def no_mask(*_: Any, **__: Any) -> None:
    """Return no mask, because the layout defines which subwords are real."""


AttentionInterface.register(PACKED_ATTENTION, packed_attention)
AttentionMaskInterface.register(PACKED_ATTENTION, no_mask)
