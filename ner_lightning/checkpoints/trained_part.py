"""The weights that a checkpoint holds: all of them, or only the trained ones and the name of the encoder."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypedDict

from torch import Tensor, nn
from transformers import PreTrainedModel

from ner_lightning.modeling.encoders import Encoder, PretrainedEncoder
from ner_lightning.modeling.fine_tuning import FineTuning
from ner_lightning.serialization import to_plain


class SavedBase(TypedDict):
    """A pretrained encoder, as named by a checkpoint."""

    name_or_path: str
    revision: str | None
    checksum: str


class SavedPart(TypedDict):
    """A trained part, as held by a checkpoint."""

    adapter: Mapping[str, Any] | None
    frozen_layers: int
    base: SavedBase | None


@dataclass(frozen=True)
class TrainedPart:
    """The weights that a checkpoint holds. Frozen weights of a pretrained encoder are left out.

    Args:
        adapter: The adapter, as plain data; None without an adapter.
        frozen_layers: Number of frozen layers.
        base: Name and revision of the encoder, and the SHA-256 of the weights left out; None if none are left out.
        left_out: Names of the weights left out.
    """

    adapter: Mapping[str, Any] | None
    frozen_layers: int
    base: SavedBase | None
    left_out: frozenset[str]

    @classmethod
    def of(cls, settings: FineTuning, encoder: Encoder, network: PreTrainedModel, module: nn.Module) -> TrainedPart:
        """Decide which weights of a module its checkpoints will hold. Call it before the weights are trained.

        Args:
            settings: The settings of fine-tuning.
            encoder: The source of the network. Random weights cannot be loaded again, so they are never left out.
            network: The network, which contains the encoder.
            module: The module, which contains the network and whose state dict is saved.
        """
        adapter = None if settings.adapter is None else to_plain(settings.adapter)
        frozen = {id(parameter) for parameter in network.base_model.parameters() if not parameter.requires_grad}
        weights = {name: parameter for name, parameter in module.named_parameters() if id(parameter) in frozen}
        if not weights or not isinstance(encoder, PretrainedEncoder):
            return cls(adapter, settings.frozen_layers, None, frozenset())
        base: SavedBase = {
            "name_or_path": encoder.name_or_path,
            "revision": getattr(network.config, "_commit_hash", None) or encoder.revision,
            "checksum": checksum(weights),
        }
        return cls(adapter, settings.frozen_layers, base, frozenset(weights))

    def to_plain(self) -> SavedPart:
        """Return the values that :meth:`require` compares, and the name of the encoder, as plain data."""
        return {"adapter": self.adapter, "frozen_layers": self.frozen_layers, "base": self.base}

    def require(self, saved: SavedPart) -> None:
        """Check that a checkpoint has the same trained part of the same encoder, wherever the encoder was stored.

        Args:
            saved: The result of :meth:`to_plain` when the checkpoint was saved.

        Raises:
            ValueError: If the trained part or the frozen weights of the encoder differ.
        """
        own = self.to_plain()
        for name in ("adapter", "frozen_layers"):
            if saved[name] != own[name]:
                raise ValueError(
                    f"model.fine_tuning.{name} must be the same as in the checkpoint, {saved[name]}, got {own[name]}"
                )
        expected, found = (plain["base"] and plain["base"]["checksum"] for plain in (saved, own))
        if expected != found:
            raise ValueError(
                f"the encoder must have the weights with which the checkpoint was trained, {saved['base']}, "
                f"got {own['base']}"
            )

    def only(self, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the weights of a complete state dict that a checkpoint holds."""
        return {name: tensor for name, tensor in weights.items() if name not in self.left_out}

    def completed(self, saved: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the weights of a checkpoint, with those left out taken from ``own``, a complete state dict."""
        return {name: own[name] for name in own if name in self.left_out} | dict(saved)


def checksum(weights: Mapping[str, Tensor]) -> str:
    """Return the SHA-256 of the names and values of weights, with the values in float32."""
    digest = hashlib.sha256()
    for name, tensor in sorted(weights.items()):
        digest.update(name.encode())
        digest.update(tensor.detach().float().cpu().contiguous().numpy().data)
    return digest.hexdigest()
