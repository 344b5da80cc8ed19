"""Checkpoint files that are either complete or absent."""

from __future__ import annotations

from typing import Any

import torch
from lightning.fabric.plugins import TorchCheckpointIO

from ner_lightning.atomic_files import whole_file
from ner_lightning.checkpoints.reading import read_checkpoint


class AtomicCheckpoints(TorchCheckpointIO):
    """Writes a checkpoint next to its target, flushes it to the disk, and renames it.

    Lightning writes to the system's temporary folder and then moves the file. If that folder is on another file system,
    a killed run leaves a truncated checkpoint.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None) -> None:
        with whole_file(path, "wb") as file:
            try:
                torch.save(checkpoint, file)
            except RuntimeError as error:
                if isinstance(error.__context__, OSError):
                    raise error.__context__ from None  # the error of the disk; torch only reports a wrong file position
                raise

    def load_checkpoint(
        self, path: Any, map_location: Any | None = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        return read_checkpoint(path)
