"""Checkpoints that are there as a whole or not at all."""

from __future__ import annotations

from typing import Any

import torch
from lightning.fabric.plugins import TorchCheckpointIO

from ner_lightning.atomic_files import whole_file
from ner_lightning.checkpoints.reading import read_checkpoint


class AtomicCheckpoints(TorchCheckpointIO):
    """Writes beside the target, flushes to the disk, then renames; says in one line what it cannot read.

    Lightning writes to the temporary folder and moves; where that is another file system, a killed run leaves
    half a checkpoint.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None) -> None:
        with whole_file(path, "wb") as file:
            try:
                torch.save(checkpoint, file)
            except RuntimeError as error:
                if isinstance(error.__context__, OSError):
                    raise error.__context__ from None  # what the disk said; torch only says that positions differ
                raise

    def load_checkpoint(
        self, path: Any, map_location: Any | None = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        return read_checkpoint(path)
