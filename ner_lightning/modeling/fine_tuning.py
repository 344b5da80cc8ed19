"""Which weights of the encoder are trained, and how."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from torch.utils.checkpoint import checkpoint
from transformers import PreTrainedModel

from ner_lightning.modeling.adapters import Adapter
from ner_lightning.modeling.parameter_groups import encoder_layers


@dataclass(frozen=True)
class FineTuning:
    """Which weights of the encoder are trained, and how; the head is trained in full in any case.

    Args:
        adapter: Trains small additions in place of the encoder's weights; null trains these.
        frozen_layers: Number of layers, from the lowest, that stay as they are, with the embeddings and all else that
            is in no layer (Lee et al. 2019).
        layer_decay: Learning rate of a layer over that of the layer above; null gives all layers the same
            (Howard and Ruder 2018, section 3.2).
        average_decay: Most weight of the past in the moving average of the weights, which is what is validated and
            saved (Polyak and Juditsky 1992); null averages nothing.
        gradient_checkpointing: Computes the layers again in the backward pass, which takes a third more time and
            the memory of one layer; the gradients are the same (Chen et al. 2016).

    Raises:
        ValueError: If a number is out of its range, or layers are frozen under an adapter.
    """

    adapter: Adapter | None = None
    frozen_layers: int = 0
    layer_decay: float | None = None
    average_decay: float | None = None
    gradient_checkpointing: bool = False

    def __post_init__(self) -> None:
        if self.frozen_layers < 0:
            raise ValueError(f"frozen_layers must be a number of layers, got {self.frozen_layers}")
        if self.frozen_layers and self.adapter is not None:
            raise ValueError(f"frozen_layers must be 0 under an adapter, which freezes all, got {self.frozen_layers}")
        for name, decay in (("layer_decay", self.layer_decay), ("average_decay", self.average_decay)):
            if decay is not None and not 0 < decay < 1:
                raise ValueError(f"{name} must be null or between 0 and 1, got {decay}")

    def prepare(self, network: PreTrainedModel) -> None:
        """Freeze what is not trained, and add what is, in place.

        Raises:
            ValueError: If the encoder does not allow it.
        """
        if self.adapter is not None:
            self.adapter.insert(network)
        if self.frozen_layers:
            layers = encoder_layers(network)
            if self.frozen_layers > len(layers):
                raise ValueError(f"frozen_layers must be up to the encoder's {len(layers)}, got {self.frozen_layers}")
            network.base_model.requires_grad_(False)
            layers[self.frozen_layers :].requires_grad_(True)
        if self.gradient_checkpointing:
            # its public name differs between releases, and it would send gradients through frozen layers
            network._set_gradient_checkpointing(True, partial(checkpoint, use_reentrant=False))
