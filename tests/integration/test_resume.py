"""A killed and resumed run equals an uninterrupted one, bit for bit."""

import signal
import time
from pathlib import Path

import pytest
import torch
from integration.command_line import TINY_RUN, run, start


def checkpoint(run_dir: Path) -> dict:
    return torch.load(run_dir / "checkpoints" / "last.ckpt", weights_only=True)


def assert_equal(left: object, right: object, place: str = "") -> None:
    assert type(left) is type(right), place
    if isinstance(left, torch.Tensor):
        assert torch.equal(left, right), place
    elif isinstance(left, dict):
        assert left.keys() == right.keys(), place
        for key in left:
            assert_equal(left[key], right[key], f"{place}/{key}")
    elif isinstance(left, list | tuple):
        assert len(left) == len(right), place
        for index, pair in enumerate(zip(left, right, strict=True)):
            assert_equal(*pair, f"{place}/{index}")
    else:
        assert left == right, place


RARE_TYPES_AND_LITTLE_DATA = [
    "--data.batches.repeat_threshold=0.5",
    "--config=configs/augmentation/mentions.yaml",
    "--config=configs/augmentation/typing.yaml",
    "--data.batches.num_workers=1",
]


@pytest.mark.parametrize(("steps_before_kill", "added"), [(2, []), (8, []), (9, RARE_TYPES_AND_LITTLE_DATA)])
def test_killed_and_resumed_equals_uninterrupted(tmp_path: Path, steps_before_kill: int, added: list[str]) -> None:
    options = [*TINY_RUN, *added, "--save_every_n_steps=2", "--trainer.accumulate_grad_batches=1"]
    whole = run("fit", *options, "--run_dir", tmp_path / "whole")
    assert whole.returncode == 0, whole.stderr

    process = start("fit", *options, "--run_dir", tmp_path / "killed")
    metrics = tmp_path / "killed" / "metrics.csv"
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        rows = metrics.read_text().count("\n") if metrics.exists() else 0
        if rows > steps_before_kill and (tmp_path / "killed" / "checkpoints" / "last.ckpt").exists():
            break
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert checkpoint(tmp_path / "killed")["global_step"] < checkpoint(tmp_path / "whole")["global_step"]

    resumed = run("fit", *options, "--run_dir", tmp_path / "killed", "--ckpt_path", "last")
    assert resumed.returncode == 0, resumed.stderr
    assert metrics.read_bytes() == (tmp_path / "whole" / "metrics.csv").read_bytes()
    for part in ("state_dict", "optimizer_states", "lr_schedulers", "ner_lightning"):
        assert_equal(checkpoint(tmp_path / "killed")[part], checkpoint(tmp_path / "whole")[part], part)
    for split in ("validation", "test"):
        name = f"predictions/{split}.jsonl"
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_a_used_run_folder_is_refused_and_last_needs_a_checkpoint(tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").write_text("step\n")
    used = run("fit", *TINY_RUN, "--run_dir", tmp_path)
    assert (used.returncode, used.stderr.count("\n")) == (2, 1)
    assert "the run folder must be empty or new" in used.stderr
    missing = run("fit", *TINY_RUN, "--run_dir", tmp_path, "--ckpt_path", "last")
    assert missing.returncode == 2
    assert "got a folder without one" in missing.stderr
    assert (tmp_path / "metrics.csv").read_text() == "step\n"
