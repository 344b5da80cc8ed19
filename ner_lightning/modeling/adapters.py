"""Adapters: small trained additions to a frozen encoder, merged into it when it is saved."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal

from transformers import PreTrainedModel


class Adapter(ABC):
    """Adds weights to an encoder that are trained in place of its own; the head is trained in full."""

    @abstractmethod
    def insert(self, network: PreTrainedModel) -> None:
        """Add the weights to the encoder of a network, in place, and freeze its own.

        Raises:
            ValueError: If the encoder has no place for them.
        """

    @abstractmethod
    def merged(self, network: PreTrainedModel) -> PreTrainedModel:
        """A copy of a network without the adapter, which computes the same; in float32, as bundles are."""


@dataclass(frozen=True)
class LoRA(Adapter):
    """Low-rank updates ``W + alpha / rank · B A`` of linear layers (Hu et al. 2022, section 4.1), by ``peft``.

    ``B`` begins at zero, so training begins at the pretrained encoder.

    Args:
        rank: Rank of the updates.
        alpha: Scale of the updates, divided by the rank.
        dropout: Dropout of what the updates read.
        target_modules: Names of the linear layers that are updated, by their last parts (``query``, ``value``), or
            ``all-linear``, which is closer to training in full (Dettmers et al. 2023, section 4).

    Raises:
        ValueError: If ``peft`` is not installed, or a number is out of its range.
    """

    rank: int = 16
    alpha: float = 32.0
    dropout: float = 0.1
    target_modules: list[str] | Literal["all-linear"] = "all-linear"

    def __post_init__(self) -> None:
        if self.rank < 1 or not self.alpha > 0 or not 0 <= self.dropout < 1:
            raise ValueError(
                "LoRA needs a rank of at least 1, an alpha above 0 and a dropout in [0, 1), "
                f"got {self.rank}, {self.alpha} and {self.dropout}"
            )
        try:
            import peft  # noqa: F401
        except ImportError as error:
            raise ValueError("LoRA needs peft, got none; install it with: pip install 'ner-lightning[lora]'") from error

    def insert(self, network: PreTrainedModel) -> None:
        from peft import LoraConfig, inject_adapter_in_model

        largest = max(min(weight.shape) for weight in network.parameters() if weight.ndim == 2)
        if self.rank > largest:  # an update has no higher rank than its layer, and would take memory without end
            raise ValueError(f"rank must be at most {largest}, the size of the encoder's layers, got {self.rank}")
        settings = LoraConfig(
            r=self.rank,
            lora_alpha=self.alpha,  # type: ignore[arg-type]  # any number scales
            lora_dropout=self.dropout,
            target_modules=self.target_modules,
        )
        inject_adapter_in_model(settings, network.base_model)  # the head is outside, and stays as it is

    def merged(self, network: PreTrainedModel) -> PreTrainedModel:
        from peft.tuners.tuners_utils import BaseTunerLayer

        network = copy.deepcopy(network).float()
        for name, module in list(network.named_modules()):
            if isinstance(module, BaseTunerLayer):
                module.merge()
                network.set_submodule(name, module.get_base_layer())
        return network
