"""What is said of a checkpoint that cannot be read."""

import io
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ner_lightning.checkpoints import CheckpointError, read_checkpoint, require_fits, require_like, require_trainable
from ner_lightning.schemes import BIO, TagSet
from ner_lightning.tagger_record import TaggerRecord


def saved(content: object) -> bytes:
    file = io.BytesIO()
    torch.save(content, file)
    return file.getvalue()


WHOLE = saved(
    {
        "ner_lightning": {"tags": []},
        "state_dict": {"w": torch.arange(300.0)},
        "pytorch-lightning_version": "2.6",
        **{"epoch": 0, "global_step": 3, "loops": {}},
    }
)


def test_a_whole_one_is_read(tmp_path: Path) -> None:
    path = tmp_path / "whole.ckpt"
    path.write_bytes(WHOLE)
    assert torch.equal(read_checkpoint(path)["state_dict"]["w"], torch.arange(300.0))


@given(st.integers(0, len(WHOLE) - 1))
def test_a_torn_one_is_never_taken_for_whole(tmp_path_factory: pytest.TempPathFactory, num_bytes: int) -> None:
    path = tmp_path_factory.mktemp("torn") / "torn.ckpt"
    path.write_bytes(WHOLE[:num_bytes])
    with pytest.raises(CheckpointError, match=f"{path}: must be a whole checkpoint") as refused:
        read_checkpoint(path)
    assert "\n" not in str(refused.value)


class Trap:
    """A pickle that would run something."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (Path("trap"),)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (saved({"state_dict": {}, "epoch": 1}), r"must be of a NERTagger, .*; got one with \['epoch', 'state_dict'\]"),
        (saved({"state_dict": {}, "ner_lightning": {}}), "must be of a NERTagger, with .*pytorch-lightning_version"),
        (saved([1]), "must be of a NERTagger, .*; got one with list"),
        (pickle.dumps({"ner_lightning": Trap()}), "something else"),
        (saved({"ner_lightning": Trap()}), "plain data"),
        (saved({"ner_lightning": Path("no plain data")}), "plain data"),
        (b"PK\x03\x04 no archive", "something else"),
        (b"some text\n", "something else"),
    ],
)
def test_what_is_no_checkpoint_of_a_tagger_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("foreign.ckpt").write_bytes(content)
    with pytest.raises(CheckpointError, match=message):
        read_checkpoint("foreign.ckpt")
    assert not Path("trap").exists()


def test_a_record_that_does_not_tell_all_is_refused() -> None:
    with pytest.raises(CheckpointError, match="damaged: word_counts is missing"):
        TaggerRecord.from_plain({"tags": TagSet(BIO(), ("PER",)).to_plain()})


def test_a_path_without_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="found a folder"):
        read_checkpoint(tmp_path)
    with pytest.raises(CheckpointError, match="found nothing"):
        read_checkpoint(tmp_path / "none.ckpt")


def test_weights_of_another_size_are_refused() -> None:
    with pytest.raises(CheckpointError, match=r"got w of shape \[2\] for \[3\]"):
        require_fits({"w": torch.zeros(2)}, {"w": torch.zeros(3)})
    with pytest.raises(CheckpointError, match="of the same encoder and loss, got one that has crf"):
        require_fits({"w": torch.zeros(3), "crf": torch.zeros(1)}, {"w": torch.zeros(3)})
    with pytest.raises(CheckpointError, match="got one that lacks w"):
        require_fits({}, {"w": torch.zeros(3)})
    require_fits({"w": torch.zeros(3)}, {"w": torch.zeros(3)})


def test_counts_must_have_the_form_of_our_own() -> None:
    own = {"total": {"ready": 3, "rate": 0.5}, "steps": [1, 2], "is_last": True}
    require_like({"total": {"ready": -1, "rate": 1}, "steps": [5, 6], "is_last": False, "new": 1}, own, "loops")
    for saved, message in [
        ({"total": {"rate": 1}}, r"loops.total.ready is missing"),
        (own | {"total": []}, r"loops.total must be like \{'ready': 3.*, got \[\]"),
        (own | {"total": {"ready": 1.5, "rate": 1}}, "loops.total.ready must be like 3, got 1.5"),
        (own | {"total": {"ready": -2, "rate": 1}}, "loops.total.ready must be like 3, got -2"),
        (own | {"steps": [1]}, r"loops.steps must be like \[1, 2\], got \[1\]"),
        (own | {"is_last": 1}, "loops.is_last must be like True, got 1"),
    ]:
        with pytest.raises(CheckpointError, match=message):
            require_like(saved, own, "loops")


def state_of_training() -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler, dict[str, Any]]:
    """Optimizer and scheduler that have begun, with what a checkpoint holds of ones that made a step."""
    fresh, trained = (torch.optim.AdamW(torch.nn.Linear(2, 2).parameters()) for _ in range(2))
    schedulers = [torch.optim.lr_scheduler.StepLR(optimizer, 1) for optimizer in (fresh, trained)]
    for weight in trained.param_groups[0]["params"]:
        weight.grad = torch.ones_like(weight)
    trained.step()
    schedulers[1].step()
    saved = {"optimizer_states": [trained.state_dict()], "lr_schedulers": [schedulers[1].state_dict()]}
    return fresh, schedulers[0], saved


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda saved: saved.pop("optimizer_states"), "checkpoint.optimizer_states is missing"),
        (lambda saved: saved["lr_schedulers"].pop(), r"checkpoint.lr_schedulers must be like \["),
        (lambda saved: saved["lr_schedulers"][0].update(base_lrs="x"), "base_lrs must be like"),
        (lambda saved: saved["optimizer_states"][0].update(param_groups=[]), "param_groups must be like"),
        (lambda saved: saved["optimizer_states"][0]["param_groups"][0].pop("betas"), "betas is missing"),
        (lambda saved: saved["optimizer_states"][0]["state"].update({7: {}}), "must be of 2 weights, got 7"),
        (lambda saved: saved["optimizer_states"][0]["state"].update({1: None}), r"state.1 must be like"),
    ],
)
def test_a_damaged_state_of_training_is_refused(change: Callable[[dict[str, Any]], object], message: str) -> None:
    optimizer, scheduler, saved = state_of_training()
    require_trainable(saved, [optimizer], [scheduler])
    change(saved)
    with pytest.raises(CheckpointError, match=message):
        require_trainable(saved, [optimizer], [scheduler])
