"""Tests of the errors about checkpoints that cannot be read."""

import io
import pickle
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ner_lightning.checkpoints.reading import CheckpointError, read_checkpoint, require_fits
from ner_lightning.checkpoints.record import TaggerRecord
from ner_lightning.schemes import BIO, TagSet


def saved(content: object) -> bytes:
    file = io.BytesIO()
    torch.save(content, file)
    return file.getvalue()


WHOLE = saved(
    {"ner_lightning": {"tags": []}, "state_dict": {"w": torch.arange(300.0)}, "pytorch-lightning_version": "2.6"}
)


def test_a_complete_checkpoint_is_read(tmp_path: Path) -> None:
    path = tmp_path / "whole.ckpt"
    path.write_bytes(WHOLE)
    assert torch.equal(read_checkpoint(path)["state_dict"]["w"], torch.arange(300.0))


@given(st.integers(0, len(WHOLE) - 1))
def test_a_truncated_checkpoint_is_never_accepted(tmp_path_factory: pytest.TempPathFactory, num_bytes: int) -> None:
    path = tmp_path_factory.mktemp("torn") / "torn.ckpt"
    path.write_bytes(WHOLE[:num_bytes])
    with pytest.raises(CheckpointError, match=f"{path} is not a checkpoint, or it is truncated") as refused:
        read_checkpoint(path)
    assert "\n" not in str(refused.value)


class Trap:
    """An object whose pickle would create a file when it is loaded."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (Path("trap"),)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (saved({"state_dict": {}, "epoch": 1}), r"NERTagger must have the keys .*, got \['epoch', 'state_dict'\]"),
        (saved({"state_dict": {}, "ner_lightning": {}}), "NERTagger must have the keys .*pytorch-lightning_version"),
        (saved([1]), "NERTagger must have the keys .*, got list"),
        (pickle.dumps({"ner_lightning": Trap()}), "not a checkpoint, or it is truncated"),
        (saved({"ner_lightning": Trap()}), "plain data"),
        (saved({"ner_lightning": Path("no plain data")}), "plain data"),
        (b"PK\x03\x04 no archive", "not a checkpoint, or it is truncated"),
        (b"some text\n", "not a checkpoint, or it is truncated"),
    ],
)
def test_a_file_that_is_not_a_checkpoint_of_a_tagger_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("foreign.ckpt").write_bytes(content)
    with pytest.raises(CheckpointError, match=message):
        read_checkpoint("foreign.ckpt")
    assert not Path("trap").exists()


def test_an_incomplete_record_is_refused() -> None:
    with pytest.raises(CheckpointError, match="damaged: word_counts is missing"):
        TaggerRecord.from_plain({"tags": TagSet(BIO(), ("PER",)).to_plain()})


def test_a_path_without_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="found a folder"):
        read_checkpoint(tmp_path)
    with pytest.raises(CheckpointError, match="found nothing"):
        read_checkpoint(tmp_path / "none.ckpt")


def test_weights_of_another_size_are_refused() -> None:
    with pytest.raises(CheckpointError, match=r"same encoder, but w has the shape \[2\] instead of \[3\]"):
        require_fits({"w": torch.zeros(2)}, {"w": torch.zeros(3)})
    with pytest.raises(CheckpointError, match="the same encoder and loss, but it has the additional weight crf"):
        require_fits({"w": torch.zeros(3), "crf": torch.zeros(1)}, {"w": torch.zeros(3)})
    with pytest.raises(CheckpointError, match="but it has no weight w"):
        require_fits({}, {"w": torch.zeros(3)})
    require_fits({"w": torch.zeros(3)}, {"w": torch.zeros(3)})
