"""Adapters: small trainable additions to a frozen encoder, merged into it when it is saved."""

from __future__ import annotations

import copy
import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal

from transformers import PreTrainedModel


class Adapter(ABC):
    """Adds weights to an encoder and trains them instead of the encoder's. The whole head is trained."""

    @abstractmethod
    def insert(self, network: PreTrainedModel) -> None:
        """Add the weights to the encoder of a network in place, and freeze the encoder.

        Raises:
            ValueError: If the encoder has no layers to add them to.
        """

    @abstractmethod
    def merged(self, network: PreTrainedModel) -> PreTrainedModel:
        """Return a copy of a network in float32 with the adapter merged into its weights."""


@dataclass(frozen=True)
class LoRA(Adapter):
    """Low-rank updates ``W + alpha / rank · B A`` of linear layers (Hu et al. 2022, section 4.1), by ``peft``.

    ``B`` starts at zero, so training starts from the pretrained encoder.

    Args:
        rank: Rank of the updates.
        alpha: Scale of the updates, divided by the rank.
        dropout: Dropout on the input of the updates.
        target_modules: Names of the updated linear layers, by their last parts (``query``, ``value``), or
            ``all-linear``, which comes closer to full fine-tuning (Dettmers et al. 2023, section 4).

    Raises:
        ValueError: If ``peft`` is not installed, or a number is out of its range.
    """

    rank: int = 16
    alpha: float = 32.0
    dropout: float = 0.1
    target_modules: list[str] | Literal["all-linear"] = "all-linear"

    def __post_init__(self) -> None:
        if self.rank < 1 or not 0 < self.alpha < math.inf or not 0 <= self.dropout < 1:
            raise ValueError(
                "LoRA needs a rank of at least 1, a finite alpha above 0 and a dropout in [0, 1), "
                f"got {self.rank}, {self.alpha} and {self.dropout}"
            )
        try:
            import peft  # noqa: F401
        except ImportError as error:
            raise ValueError("LoRA needs the package peft: pip install 'ner-lightning[lora]'") from error

    def insert(self, network: PreTrainedModel) -> None:
        from peft import LoraConfig, inject_adapter_in_model

        settings = LoraConfig(
            r=self.rank,
            lora_alpha=self.alpha,  # type: ignore[arg-type]  # any number will do
            lora_dropout=self.dropout,
            target_modules=self.target_modules,
        )
        inject_adapter_in_model(settings, network.base_model)  # the head is outside and stays unchanged

    def merged(self, network: PreTrainedModel) -> PreTrainedModel:
        from peft.tuners.tuners_utils import BaseTunerLayer

        network = copy.deepcopy(network).float()
        for name, module in list(network.named_modules()):
            if isinstance(module, BaseTunerLayer):
                module.merge()
                network.set_submodule(name, module.get_base_layer())
        return network
