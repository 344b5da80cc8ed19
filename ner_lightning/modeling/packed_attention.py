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
from torch.utils.checkpoint import checkpoint
from transformers import AttentionInterface
from transformers.masking_utils import AttentionMaskInterface

PACKED_ATTENTION = "ner_lightning_packed"
MAX_WHOLE = 32  # longest windows in training on a CPU whose whole attention matrix is built, which is faster
MAX_WHOLE_WITH_DROPOUT = 1024  # the same with dropout, which the fused kernel for CPUs does not have
QUERIES_OF_PART = 256  # number of subwords of a part, if an attention matrix is built in parts


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


def packed_attention(  # noqa: PLR0913 (the interface of transformers)
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,  # noqa: ARG001 (the interface of transformers)
    scaling: float | None = None,
    dropout: float = 0.0,
    packed_layout: PackedLayout | None = None,
    sliding_window: int | None = None,
    **_: Any,
) -> tuple[Float[Tensor, "1 scored heads size"], None]:
    """Compute attention within each window; ``transformers`` calls it with tensors ``[1, heads, scored, size]``.

    Raises:
        ValueError: If the layout of the row is missing, or the network attends to neighbors only, which is not packed.
    """
    if packed_layout is None:
        raise ValueError("packed attention needs the layout of its row, got None: use TokenClassifier")
    if sliding_window is not None:
        raise ValueError(f"packed attention reads whole windows, got a sliding window of {sliding_window} subwords")
    settings = _Settings(
        scale=query.shape[3] ** -0.5 if scaling is None else scaling,
        dropout=dropout if module.training else 0.0,
        causal=bool(getattr(module, "is_causal", False)),
    )
    groups = query.shape[1] // key.shape[1]  # in grouped-query attention, several heads share keys and values
    key, value = key.repeat_interleave(groups, dim=1), value.repeat_interleave(groups, dim=1)
    trains = query.requires_grad or key.requires_grad or value.requires_grad
    longest_whole = (MAX_WHOLE_WITH_DROPOUT if settings.dropout else MAX_WHOLE) if trains else 0
    if not query.is_cuda and packed_layout.mask.shape[1] > longest_whole:
        return _attend_by_window(query, key, value, packed_layout, settings).transpose(1, 2), None
    return _attend_padded(query, key, value, packed_layout, settings), None


@dataclass(frozen=True, slots=True)
class _Settings:
    scale: float
    dropout: float
    causal: bool


def _attend_by_window(
    query: Tensor, key: Tensor, value: Tensor, layout: PackedLayout, settings: _Settings
) -> Float[Tensor, "1 heads scored size"]:
    """Attend window by window, without padding and without building a whole attention matrix."""
    lengths = layout.mask.sum(dim=1).tolist()
    windows = zip(query.split(lengths, 2), key.split(lengths, 2), value.split(lengths, 2), strict=True)
    attend = _attend_in_parts if settings.dropout else _attend_fused
    return torch.cat([attend(*window, settings) for window in windows], dim=2)


def _attend_fused(query: Tensor, key: Tensor, value: Tensor, settings: _Settings) -> Tensor:
    return torch.nn.functional.scaled_dot_product_attention(
        query, key, value, scale=settings.scale, is_causal=settings.causal
    )


def _attend_in_parts(query: Tensor, key: Tensor, value: Tensor, settings: _Settings) -> Tensor:
    """Attend from a part of the subwords at a time, and compute each part again in the backward pass."""
    attended = []
    for begin in range(0, query.shape[2], QUERIES_OF_PART):
        part = query[:, :, begin : begin + QUERIES_OF_PART]
        end = begin + part.shape[2] if settings.causal else key.shape[2]
        mask = torch.ones(part.shape[2], end, dtype=torch.bool).tril(begin) if settings.causal else None
        arguments = (part, key[:, :, :end], value[:, :, :end], mask, settings)
        attended.append(checkpoint(_attend_whole, *arguments, use_reentrant=False))
    return torch.cat(attended, dim=2)


def _attend_padded(
    query: Tensor, key: Tensor, value: Tensor, layout: PackedLayout, settings: _Settings
) -> Float[Tensor, "1 scored heads size"]:
    batch, length = layout.mask.shape
    heads, size = query.shape[1], value.shape[3]

    def padded(row: Tensor) -> Tensor:
        empty = row.new_zeros(batch * length, heads, row.shape[3])
        filled = empty.index_copy(0, layout.places, row[0].transpose(0, 1))
        return filled.view(batch, length, heads, row.shape[3]).transpose(1, 2)

    mask = layout.mask[:, None, None, :]
    if settings.causal:
        mask = mask & torch.ones(length, length, dtype=torch.bool, device=mask.device).tril()
    padded_rows = padded(query), padded(key), padded(value)
    if query.is_cuda:
        attended = torch.nn.functional.scaled_dot_product_attention(
            *padded_rows, attn_mask=mask, dropout_p=settings.dropout, scale=settings.scale
        )
    else:
        attended = _attend_whole(*padded_rows, mask, settings)
    return attended.transpose(1, 2).reshape(batch * length, heads, size)[layout.places][None]


def _attend_whole(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, settings: _Settings
) -> Float[Tensor, "batch heads subwords size"]:
    scores = (query * settings.scale) @ key.transpose(2, 3)
    if mask is not None:
        scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
    probabilities = scores.softmax(dim=-1).to(value.dtype)
    return torch.nn.functional.dropout(probabilities, settings.dropout, training=settings.dropout > 0) @ value


def no_mask(*_: Any, **__: Any) -> None:
    """Return no mask, because the layout defines which subwords are real."""


AttentionInterface.register(PACKED_ATTENTION, packed_attention)
AttentionMaskInterface.register(PACKED_ATTENTION, no_mask)
