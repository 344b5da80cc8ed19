"""The checkpoint of the best epoch, which is scored at the end of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import ModelCheckpoint

from ner_lightning.checkpoints.reading import CheckpointError


class BestCheckpoint(ModelCheckpoint):
    """Saves the epoch with the best validation F1 as ``best.ckpt``, even if the run folder is moved or copied.

    Lightning remembers the folder by its absolute path. In another folder it would forget the best score, replace the
    best checkpoint with a worse one, and look for it in the old folder.

    Args:
        folder: Folder of the checkpoint.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(
            folder,
            filename="best",
            monitor="validation/f1",
            mode="max",
            save_on_train_epoch_end=True,
            enable_version_counter=False,
        )
        self.path = folder.resolve() / "best.ckpt"

    def on_load_checkpoint(self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]) -> None:
        """Find the best checkpoint so far next to the loaded one; a checkpoint from another folder starts without one.

        Raises:
            CheckpointError: If the best checkpoint is missing.
        """
        states = checkpoint["callbacks"]
        state = states.pop(self.state_key, None)
        is_of_this_folder = Path(str(trainer.ckpt_path)).resolve().parent == self.path.parent
        if not is_of_this_folder or not state or not state["best_model_path"]:
            return
        if not self.path.is_file():
            raise CheckpointError(f"{self.path} is missing: a run can only be resumed with its best checkpoint so far")
        best = str(self.path)
        states[self.state_key] = state | {
            "dirpath": self.dirpath,
            "best_model_path": best,
            "kth_best_model_path": best,
            "best_k_models": {best: state["best_model_score"]},
        }
