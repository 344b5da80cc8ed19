"""Everything except the weights that a checkpoint needs to rebuild its tagger, as plain data."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, Self

import msgspec
from torch import Tensor

from ner_lightning.checkpoints.reading import CheckpointError
from ner_lightning.checkpoints.trained_part import SavedPart
from ner_lightning.encoding.word_encoding import TOKENIZER_FILE, has_vocabulary
from ner_lightning.modeling.adapters import Adapter
from ner_lightning.modeling.encoders import Encoder, PretrainedEncoder, SavedEncoder
from ner_lightning.modeling.fine_tuning import FineTuning
from ner_lightning.modeling.network_checks import require_size
from ner_lightning.schemes import TagSet
from ner_lightning.serialization import from_plain, typed
from ner_lightning.tags import OUTSIDE


@dataclass(frozen=True, slots=True)
class TaggerRecord:
    """The parts of a tagger as a checkpoint holds them.

    Args:
        tags: The tags of the network's head.
        word_counts: Number of training words by entity type; class weights are computed from it.
        evaluation_length: Largest number of subwords in a window of evaluation, including special tokens.
        encoder_config: Configuration of the network.
        tokenizer_files: Contents of the tokenizer's files, by name.
        loss: The loss, as plain data.
        decoder: The decoder, as plain data.
        trained_part: The weights that the checkpoint holds, as plain data.
        epoch_loss: Sum and weight of the loss over the finished steps of the current epoch.
    """

    tags: TagSet
    word_counts: Mapping[str, Annotated[int, msgspec.Meta(ge=0)]]
    evaluation_length: Annotated[int, msgspec.Meta(ge=1)]
    encoder_config: Mapping[str, Any]
    tokenizer_files: Mapping[str, str]
    loss: Mapping[str, Any]
    decoder: Mapping[str, Any]
    trained_part: SavedPart
    epoch_loss: tuple[float, float]

    def __post_init__(self) -> None:
        kinds = {OUTSIDE, *self.tags.entity_types}
        if self.word_counts.keys() != kinds:
            raise ValueError(f"word_counts must have the keys {sorted(kinds)}, got {sorted(self.word_counts)}")
        if not has_vocabulary(self.tokenizer_files):
            raise ValueError(f"tokenizer_files must contain {TOKENIZER_FILE}, got {sorted(self.tokenizer_files)}")
        if not all(map(math.isfinite, self.epoch_loss)):
            raise ValueError(f"epoch_loss must be finite, got {self.epoch_loss}")

    def to_plain(self) -> dict[str, Any]:
        """Return the record as plain data, as a checkpoint holds it."""
        plain = {field.name: getattr(self, field.name) for field in fields(self)}
        return plain | {"tags": self.tags.to_plain(), "epoch_loss": list(self.epoch_loss)}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Self:
        """Rebuild a record from the result of :meth:`to_plain`.

        Raises:
            CheckpointError: If a value is missing or wrong.
        """
        try:
            return typed(plain, cls)
        except ValueError as error:
            raise CheckpointError(f"the description of the tagger in the checkpoint is damaged: {error}") from None

    @property
    def encoder(self) -> SavedEncoder:
        """The configuration and the tokenizer of the encoder."""
        return SavedEncoder(self.encoder_config, self.tokenizer_files)

    def require(self, tags: TagSet, encoder: SavedEncoder) -> None:
        """Check that the checkpoint has these tags and the tokenizer of this encoder.

        Raises:
            CheckpointError: If the tags or the tokenizers differ.
        """
        if self.tags != tags:
            raise CheckpointError(f"the checkpoint must have the tags {tags.to_plain()}, got {self.tags.to_plain()}")
        if _vocabulary(self.tokenizer_files) != _vocabulary(encoder.tokenizer_files):
            raise CheckpointError("the checkpoint must have the same tokenizer, but it has a different one")

    def encoder_to_load(self, base: str | Path | None, weights: Mapping[str, Tensor]) -> Encoder:
        """Return the pretrained encoder named by the checkpoint, or one that is built from its configuration.

        Args:
            base: Folder of the pretrained encoder, if it has moved.
            weights: The weights of the checkpoint.

        Raises:
            ValueError: If the configuration describes a much larger network than the weights.
        """
        named = self.trained_part["base"]
        if named is not None:
            return PretrainedEncoder(str(base or named["name_or_path"]), named["revision"])
        require_size(self.encoder.network_config(self.tags), [weight.numel() for weight in weights.values()])
        return self.encoder

    @property
    def fine_tuning(self) -> FineTuning:
        """The settings of fine-tuning that decide which weights are trained."""
        adapter = self.trained_part["adapter"]
        return FineTuning(
            None if adapter is None else from_plain(Adapter, adapter),  # type: ignore[type-abstract]
            self.trained_part["frozen_layers"],
        )


def _vocabulary(tokenizer_files: Mapping[str, str]) -> dict[str, str]:
    return {name: text for name, text in tokenizer_files.items() if has_vocabulary([name])}
