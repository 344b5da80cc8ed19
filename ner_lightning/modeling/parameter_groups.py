"""Which learning rate and weight decay each parameter has, by its place in the network."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

RATE_SCALE = "rate_scale"


def encoder_layers(network: PreTrainedModel) -> nn.ModuleList:
    """The layers of a network's encoder, lowest first: its one list of ``num_hidden_layers`` modules.

    Raises:
        ValueError: If there is no such list, or more than one.
    """
    num_layers = getattr(network.config, "num_hidden_layers", None)
    lists = {
        name: module
        for name, module in network.base_model.named_modules()
        if isinstance(module, nn.ModuleList) and len(module) == num_layers
    }
    outermost = [name for name in lists if not any(name.startswith(f"{other}.") for other in lists)]
    if len(outermost) != 1:
        raise ValueError(
            f"the encoder must hold its {num_layers} layers as one list to tell lower from higher ones, "
            f"got {len(outermost)} such lists in {type(network.base_model).__name__}"
        )
    return lists[outermost[0]]


def parameter_groups(
    network: PreTrainedModel, *, head_learning_rate: float | None = None, layer_decay: float | None = None
) -> list[dict[str, Any]]:
    """The trained parameters of a network as groups for an optimizer.

    Biases and norms have no weight decay. With a layer decay ``d``, the highest layer of the encoder learns at the
    optimizer's rate, the one below at ``d`` times that, and so on; embeddings, and whatever else all layers share,
    at ``d`` to the number of layers (discriminative fine-tuning, Howard and Ruder 2018, section 3.2).

    Args:
        network: Encoder and head.
        head_learning_rate: Rate of the head; None takes the optimizer's.
        layer_decay: Ratio of the rates of neighbouring layers; None gives all of them the same.

    Returns:
        Groups, the highest layer's first; :func:`scale_rates` multiplies their ``rate_scale`` into the rate that the
        optimizer gave.

    Raises:
        ValueError: If the layers of the encoder cannot be told apart, where they have to be.
    """
    in_encoder = {id(parameter) for parameter in network.base_model.parameters()}
    depths: dict[int, int] = {}  # of the encoder's parameters, from the top
    if layer_decay is not None:
        layers = encoder_layers(network)
        depths = dict.fromkeys(in_encoder, len(layers))
        depths |= {id(p): depth for depth, layer in enumerate(reversed(layers)) for p in layer.parameters()}
    groups: dict[tuple[bool, bool, int], list[nn.Parameter]] = {}
    for parameter in network.parameters():
        if parameter.requires_grad:
            place = (id(parameter) in in_encoder, parameter.ndim > 1, depths.get(id(parameter), 0))
            groups.setdefault(place, []).append(parameter)
    return [
        {"params": parameters, RATE_SCALE: (layer_decay or 1.0) ** depth}
        | ({} if decays else {"weight_decay": 0.0})
        | ({} if encoded or head_learning_rate is None else {"lr": head_learning_rate})
        for (encoded, decays, depth), parameters in sorted(
            groups.items(), key=lambda group: (not group[0][0], group[0][2])
        )
    ]


def scale_rates(optimizer: torch.optim.Optimizer) -> None:
    """Multiply the scale of each group that has one into its learning rate, once."""
    for group in optimizer.param_groups:
        group["lr"] *= group.pop(RATE_SCALE, 1.0)


def gradients_of(optimizer: torch.optim.Optimizer) -> dict[nn.Parameter, Tensor]:
    """The gradients that an optimizer's step will read, by parameter and in its order."""
    parameters = (parameter for group in optimizer.param_groups for parameter in group["params"])
    return {parameter: parameter.grad for parameter in parameters if parameter.grad is not None}
