"""Settings of fine-tuning: which weights of the encoder are trained, and how."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from torch.utils.checkpoint import checkpoint
from transformers import PreTrainedModel

from ner_lightning.modeling.adapters import Adapter
from ner_lightning.modeling.parameter_groups import encoder_layers


@dataclass(frozen=True)
class FineTuning:
    """Selects the weights of the encoder that are trained, and how. The whole head is always trained.

    Args:
        adapter: Trains small additional weights instead of the encoder's; null trains the encoder's weights.
        frozen_layers: Number of layers, counted from the lowest, that are not trained. The embeddings, and all other
            weights outside the layers, are then frozen too (Lee et al. 2019).
        layer_decay: Learning rate of a layer divided by that of the layer above; null gives all layers the same rate
            (Howard and Ruder 2018, section 3.2).
        average_decay: Largest decay of the moving average of the weights, which is then validated and saved (Polyak
            and Juditsky 1992); null does not average.
        gradient_checkpointing: Recompute the layers in the backward pass: about a third more time for the memory of
            a single layer, with the same gradients (Chen et al. 2016).

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
            raise ValueError(f"frozen_layers must be at least 0, got {self.frozen_layers}")
        if self.frozen_layers and self.adapter is not None:
            raise ValueError(f"with an adapter, frozen_layers must be 0, got {self.frozen_layers}")
        for name, decay in (("layer_decay", self.layer_decay), ("average_decay", self.average_decay)):
            if decay is not None and not 0 < decay < 1:
                raise ValueError(f"{name} must be null or between 0 and 1, got {decay}")

    def prepare(self, network: PreTrainedModel) -> None:
        """Freeze the weights that are not trained and insert the adapter, in place.

        Raises:
            ValueError: If the encoder has no place for the adapter, or has fewer layers.
        """
        if self.adapter is not None:
            self.adapter.insert(network)
        if self.frozen_layers:
            layers = encoder_layers(network)
            if self.frozen_layers > len(layers):
                raise ValueError(
                    f"frozen_layers must be at most {len(layers)}, the encoder's layers, got {self.frozen_layers}"
                )
            network.base_model.requires_grad_(False)
            layers[self.frozen_layers :].requires_grad_(True)
        if self.gradient_checkpointing:
            # its public name differs between releases, and it would send gradients through frozen layers
            network._set_gradient_checkpointing(True, partial(checkpoint, use_reentrant=False))
