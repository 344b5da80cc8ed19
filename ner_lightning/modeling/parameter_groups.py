"""Learning rate and weight decay of each parameter, by its place in the network."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

RATE_SCALE = "rate_scale"


def encoder_layers(network: PreTrainedModel) -> nn.ModuleList:
    """Return the layers of the encoder, lowest first: its only list of ``num_hidden_layers`` modules.

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
            f"the encoder must hold its {num_layers} layers in one list, which defines their order, "
            f"got {len(outermost)} such lists in {type(network.base_model).__name__}"
        )
    return lists[outermost[0]]


def parameter_groups(
    network: PreTrainedModel, *, head_learning_rate: float | None = None, layer_decay: float | None = None
) -> list[dict[str, Any]]:
    """Group the trained parameters of a network for an optimizer.

    Biases and norms have no weight decay. With a layer decay ``d``, the highest layer of the encoder learns at the
    optimizer's rate, the one below at ``d`` times that, and so on; embeddings, and everything else that layers share,
    at ``d`` to the power of the number of layers (discriminative fine-tuning, Howard and Ruder 2018, section 3.2).

    Args:
        network: Encoder and head.
        head_learning_rate: Learning rate of the head; None uses that of the optimizer.
        layer_decay: Ratio of the learning rates of neighboring layers; None gives all layers the same rate.

    Returns:
        The groups, highest layer first. :func:`scale_rates` multiplies their ``rate_scale`` into the learning rate.

    Raises:
        ValueError: If a layer decay is given and the layers of the encoder cannot be distinguished.
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
    """Multiply the learning rate of each group by its ``rate_scale``, and remove that key."""
    for group in optimizer.param_groups:
        group["lr"] *= group.pop(RATE_SCALE, 1.0)


def gradients_of(optimizer: torch.optim.Optimizer) -> dict[nn.Parameter, Tensor]:
    """Return the gradients that an optimizer's step will use, by parameter and in its order."""
    parameters = (parameter for group in optimizer.param_groups for parameter in group["params"])
    return {parameter: parameter.grad for parameter in parameters if parameter.grad is not None}
