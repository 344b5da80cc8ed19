"""The checkpoint that a run is scored by."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypedDict

import lightning as L
from lightning.pytorch.callbacks import ModelCheckpoint
from torch import Tensor

from ner_lightning.checkpoints import CheckpointError
from ner_lightning.plain_data import typed


class SavedBest(TypedDict):
    """The state that Lightning reads from a checkpoint."""

    dirpath: str
    best_model_path: str
    best_model_score: Tensor | None
    kth_best_model_path: str
    kth_value: Tensor | None
    best_k_models: dict[str, Tensor]
    last_model_path: str


class BestCheckpoint(ModelCheckpoint):
    """Keeps ``best.ckpt``, of the epoch with the best validation F1, also where the run folder was moved or copied.

    Lightning knows the folder by its absolute path: elsewhere it forgets the best score, so that a worse epoch
    replaces the best checkpoint, and it looks for that in the former folder.

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
        """Find the best checkpoint so far beside the one that is loaded; one of another folder brings none.

        Raises:
            CheckpointError: If it is gone.
        """
        states = checkpoint["callbacks"]
        former_key = self.state_key.replace(type(self).__name__, ModelCheckpoint.__name__)  # of former versions
        state = states.pop(self.state_key, states.get(former_key))
        is_of_this_folder = Path(str(trainer.ckpt_path)).resolve().parent == self.path.parent
        if state and typed(state, SavedBest)["best_model_path"] and state["best_model_score"] is None:
            raise CheckpointError("the checkpoint is damaged: it names a best checkpoint without a score")
        if not is_of_this_folder or not state or not state["best_model_path"]:
            return
        if not self.path.is_file():
            raise CheckpointError(f"{self.path}: a run goes on with its best checkpoint so far, found nothing")
        best = str(self.path)
        states[self.state_key] = state | {
            "dirpath": self.dirpath,
            "best_model_path": best,
            "kth_best_model_path": best,
            "best_k_models": {best: state["best_model_score"]},
        }
