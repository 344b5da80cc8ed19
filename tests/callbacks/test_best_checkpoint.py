"""Tests of the best checkpoint of a run whose folder is moved between two starts."""

from pathlib import Path

import pytest
import torch
from lightning.pytorch.demos.boring_classes import BoringModel

from ner_lightning.callbacks.best_checkpoint import BestCheckpoint
from ner_lightning.callbacks.last_checkpoint import LastCheckpoint
from ner_lightning.checkpoints.reading import CheckpointError
from support.quiet_trainer import quiet_trainer

SCORES = (0.5, 0.9, 0.1, 0.95)


class GivenScores(BoringModel):
    """Logs the given scores, one for each epoch."""

    def on_validation_epoch_end(self) -> None:
        self.log("validation/f1", SCORES[self.current_epoch])


def fit(folder: Path, num_epochs: int, resumed: Path | None = None) -> BestCheckpoint:
    """Train up to the epoch, from the last checkpoint of a folder if one is given."""
    best = BestCheckpoint(folder)
    trainer = quiet_trainer(
        max_epochs=num_epochs,
        limit_train_batches=2,
        limit_val_batches=1,
        enable_checkpointing=True,
        callbacks=[best, LastCheckpoint(folder)],
    )
    checkpoint = None if resumed is None else resumed / "last.ckpt"
    trainer.fit(GivenScores(), ckpt_path=checkpoint, weights_only=True)
    return best


def epoch_of_best(folder: Path) -> int:
    return int(torch.load(folder / "best.ckpt", weights_only=True)["epoch"])


def test_a_moved_run_keeps_its_best_checkpoint_until_a_better_one(tmp_path: Path) -> None:
    fit(tmp_path / "begun", 2)
    moved = (tmp_path / "begun").rename(tmp_path / "moved")
    for num_epochs, epoch in ((2, 1), (3, 1), (4, 3)):
        best = fit(moved, num_epochs, resumed=moved)
        assert best.best_model_path == str(moved / "best.ckpt")
        assert float(best.best_model_score) == pytest.approx(SCORES[epoch])
        assert epoch_of_best(moved) == epoch
    assert not (tmp_path / "begun").exists()


def test_a_missing_best_checkpoint_is_reported_at_once(tmp_path: Path) -> None:
    fit(tmp_path, 2)
    (tmp_path / "best.ckpt").unlink()
    with pytest.raises(
        CheckpointError, match=r"best\.ckpt is missing: a run can only be resumed with its best checkpoint"
    ):
        fit(tmp_path, 3, resumed=tmp_path)


def test_a_run_that_starts_from_another_run_has_no_best_checkpoint_yet(tmp_path: Path) -> None:
    fit(tmp_path / "other", 2)
    best = fit(tmp_path / "new", 3, resumed=tmp_path / "other")
    assert (epoch_of_best(tmp_path / "new"), epoch_of_best(tmp_path / "other")) == (2, 1)
    assert float(best.best_model_score) == pytest.approx(SCORES[2])
