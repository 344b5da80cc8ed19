"""What a checkpoint holds of a network: all its weights, or the trained ones with the name of the encoder."""

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
    """A pretrained encoder as a checkpoint names it."""

    name_or_path: str
    revision: str | None
    checksum: str


class SavedPart(TypedDict):
    """A trained part as a checkpoint holds it."""

    adapter: Mapping[str, Any] | None
    frozen_layers: int
    base: SavedBase | None


@dataclass(frozen=True)
class TrainedPart:
    """Which weights a checkpoint leaves out: those of a pretrained encoder that training leaves as they are.

    Args:
        adapter: The adapter, as plain data.
        frozen_layers: Number of frozen layers.
        base: Name and revision of the encoder, and the SHA-256 of what is left out; None where nothing is.
        left_out: The names of what is left out.
    """

    adapter: Mapping[str, Any] | None
    frozen_layers: int
    base: SavedBase | None
    left_out: frozenset[str]

    @classmethod
    def of(cls, settings: FineTuning, encoder: Encoder, network: PreTrainedModel, module: nn.Module) -> TrainedPart:
        """What the checkpoints of a module will hold; its weights must be those that the encoder gave.

        Args:
            settings: What is trained.
            encoder: Where the network comes from; random weights cannot be had again, and are never left out.
            network: The network with the encoder.
            module: The module with the network whose state dict is saved.
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
        """What :meth:`require` compares, and where the encoder was."""
        return {"adapter": self.adapter, "frozen_layers": self.frozen_layers, "base": self.base}

    def require(self, saved: SavedPart) -> None:
        """Check that a checkpoint is of the same trained part of the same encoder, wherever that lay.

        Args:
            saved: What :meth:`to_plain` gave when the checkpoint was saved.

        Raises:
            ValueError: If it is not.
        """
        own = self.to_plain()
        for name in ("adapter", "frozen_layers"):
            if saved[name] != own[name]:
                raise ValueError(
                    f"model.fine_tuning.{name} must be that of the checkpoint, {saved[name]}, got {own[name]}"
                )
        expected, found = (plain["base"] and plain["base"]["checksum"] for plain in (saved, own))
        if expected != found:
            raise ValueError(
                f"the encoder must have the weights that the checkpoint was trained on, {saved['base']}, "
                f"got {own['base']}"
            )

    def only(self, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The weights that a checkpoint holds, of a whole state dict."""
        return {name: tensor for name, tensor in weights.items() if name not in self.left_out}

    def completed(self, saved: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The weights of a checkpoint, and those that it leaves out from a whole state dict of the same encoder."""
        return {name: own[name] for name in own if name in self.left_out} | dict(saved)


def checksum(weights: Mapping[str, Tensor]) -> str:
    """SHA-256 of the names and the values, in float32, of weights."""
    digest = hashlib.sha256()
    for name, tensor in sorted(weights.items()):
        digest.update(name.encode())
        digest.update(tensor.detach().float().cpu().contiguous().numpy().data)
    return digest.hexdigest()
