"""What a checkpoint tells of its tagger beside the weights: plain data that rebuilds it without a corpus."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from ner_lightning.checkpoints.reading import CheckpointError
from ner_lightning.modeling.adapters import Adapter
from ner_lightning.modeling.class_weights import WordCounts
from ner_lightning.modeling.encoders import Encoder, PretrainedEncoder, SavedEncoder
from ner_lightning.modeling.fine_tuning import FineTuning
from ner_lightning.schemes import TagSet
from ner_lightning.serialization import from_plain


@dataclass(frozen=True, slots=True)
class TaggerRecord:
    """The parts of a tagger as a checkpoint holds them.

    Args:
        tags: The tags that it is bound to.
        word_counts: The words trained on by entity type, from which class weights follow.
        encoder: Configuration and tokenizer of its encoder.
        loss: Its loss, as plain data.
        decoder: Its decoder, as plain data.
        trained_part: Which weights the checkpoint holds, as plain data.
        epoch_loss: Sum and weight of the loss over the finished steps of the epoch under way.
    """

    tags: TagSet
    word_counts: WordCounts
    encoder: SavedEncoder
    loss: Mapping[str, Any]
    decoder: Mapping[str, Any]
    trained_part: Mapping[str, Any]
    epoch_loss: list[float]

    def to_plain(self) -> dict[str, Any]:
        """The record as a checkpoint holds it."""
        return {
            "tags": self.tags.to_plain(),
            "word_counts": dict(self.word_counts),
            "encoder_config": dict(self.encoder.config),
            "tokenizer_files": dict(self.encoder.tokenizer_files),
            "loss": self.loss,
            "decoder": self.decoder,
            "trained_part": self.trained_part,
            "epoch_loss": self.epoch_loss,
        }

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Self:
        """Rebuild from what :meth:`to_plain` gave.

        Raises:
            CheckpointError: If something is missing.
        """
        try:
            return cls(
                TagSet.from_plain(plain["tags"]),
                plain["word_counts"],
                SavedEncoder(plain["encoder_config"], plain["tokenizer_files"]),
                plain["loss"],
                plain["decoder"],
                plain["trained_part"],
                plain["epoch_loss"],
            )
        except KeyError as error:
            raise CheckpointError(f"the checkpoint must tell {error} of its tagger, got {sorted(plain)}") from None

    def require(self, tags: TagSet, encoder: SavedEncoder) -> None:
        """Check that it is of these tags and subwords.

        Raises:
            CheckpointError: If it is not.
        """
        if self.tags != tags:
            raise CheckpointError(f"the checkpoint must be over {tags.to_plain()}, got one over {self.tags.to_plain()}")
        if self.encoder.tokenizer_files["tokenizer.json"] != encoder.tokenizer_files["tokenizer.json"]:
            raise CheckpointError("the checkpoint must be of the same tokenizer, got one with other subwords")

    def encoder_to_load(self, base: str | Path | None) -> Encoder:
        """Where the network comes from: the pretrained encoder that the checkpoint names, else its configuration.

        Args:
            base: Folder of the pretrained encoder, where it is no longer where it was.
        """
        named = self.trained_part["base"]
        return (
            self.encoder if named is None else PretrainedEncoder(str(base or named["name_or_path"]), named["revision"])
        )

    @property
    def fine_tuning(self) -> FineTuning:
        """Which weights were trained."""
        adapter = self.trained_part["adapter"]
        return FineTuning(
            None if adapter is None else from_plain(Adapter, adapter),  # type: ignore[type-abstract]
            self.trained_part["frozen_layers"],
        )
