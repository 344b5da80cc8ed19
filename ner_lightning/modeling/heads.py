"""Heads of pretrained token classifiers: kept if their tags are the tags to learn, replaced otherwise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import torch
from torch import nn
from transformers import AutoModelForTokenClassification, PreTrainedModel

from ner_lightning.console import log_warning

NEVER: Final = -1e4  # far below any logit, and finite, since logits must be


def with_known_head(network: PreTrainedModel, saved_tags: Mapping[Any, str], name: str) -> PreTrainedModel:
    """Return the network with its head reordered to the tags to learn, or with a new head if the tags differ.

    Args:
        network: The network, whose config has the tags to learn, and whose head was loaded in the order it was saved.
        saved_tags: Tags of the saved head, by their ids.
        name: The name of the network in the log.
    """
    saved = [saved_tags[tag_id] for tag_id in sorted(saved_tags)]
    wanted = [tag for _, tag in sorted((network.config.id2label or {}).items())]
    output = output_layer(network, len(wanted))
    if sorted(saved) == sorted(wanted) and output is not None:
        found = f"the head of {name} has the tags to learn in another order ({', '.join(saved)})"
        log_warning(__name__, f"{found}, so it is reordered and kept")
        reorder_rows(output, [saved.index(tag) for tag in wanted])
        return network
    found = f"the head of {name} has the tags {', '.join(map(str, saved))}, which differ from the tags to learn"
    log_warning(__name__, f"{found}, so it is replaced by a new head")
    return with_new_head(network)


def output_layer(network: PreTrainedModel, num_tags: int) -> nn.Linear | None:
    """Return the last layer of the head, which has one row per tag, or None if the head has no such layer."""
    parts = [part for name, part in network.named_children() if name != network.base_model_prefix]
    layers = [layer for part in parts for layer in part.modules() if isinstance(layer, nn.Linear)]
    candidates = [layer for layer in layers if layer.out_features == num_tags]
    return candidates[-1] if candidates else None


def reorder_rows(layer: nn.Linear, order: Sequence[int]) -> None:
    """Put the rows of a layer into another order, in place."""
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(parameter[list(order)].clone())


def arrange_rows(layer: nn.Linear, order: Sequence[int | None]) -> None:
    """Give a layer other rows, in place.

    Args:
        layer: The last layer of a head.
        order: For every new row, the index of its present row; None for a row whose output is never the highest.
    """
    kept = torch.tensor([row is not None for row in order])
    source = [0 if row is None else row for row in order]
    with torch.no_grad():
        bias = layer.weight.new_zeros(layer.out_features) if layer.bias is None else layer.bias
        layer.weight = nn.Parameter(layer.weight[source] * kept[:, None])
        layer.bias = nn.Parameter(bias[source].masked_fill(~kept, NEVER))
    layer.out_features = len(order)


def with_new_head(network: PreTrainedModel) -> PreTrainedModel:
    """Return the same encoder with a new head, initialized by the architecture."""
    fresh = AutoModelForTokenClassification.from_config(network.config, dtype=network.dtype, trust_remote_code=False)
    setattr(fresh, fresh.base_model_prefix, network.base_model)
    return fresh.train(network.training)
