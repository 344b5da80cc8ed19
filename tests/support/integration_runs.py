"""Comparison of run folders that must have the same content."""

from html import escape
from pathlib import Path

import torch

from ner_lightning.callbacks.run_record import COUNTS

SAME_PARTS = ("state_dict", "optimizer_states", "lr_schedulers", "ner_lightning")
SAME_FILES = (
    "metrics.csv",
    "training_entities.json",
    "report.html",
    "predictions/validation.jsonl",
    "predictions/test.jsonl",
    "model/model.safetensors",
)


def checkpoint(run_dir: Path, name: str = "last") -> dict:
    return torch.load(run_dir / "checkpoints" / f"{name}.ckpt", weights_only=True)


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


def content(run_dir: Path, name: str) -> bytes:
    """Return the content of a file; the page names its run folder, which differs."""
    return (run_dir / name).read_bytes().replace(f"<dd>{escape(str(run_dir))}</dd>".encode(), b"<dd>RUN</dd>")


def assert_same_run(run_dir: Path, expected: Path) -> None:
    """Check that weights, optimizer, counts, metrics, predictions and bundle are identical, without partial files."""
    for name in ("last", "best"):
        for part in SAME_PARTS:
            assert_equal(checkpoint(run_dir, name)[part], checkpoint(expected, name)[part], f"{name}/{part}")
    counts = [checkpoint(folder)["callbacks"]["RunRecord"]["taken"] for folder in (run_dir, expected)]
    assert all(counts[0][key] == counts[1][key] > 0 for key in COUNTS)
    for name in SAME_FILES:
        assert content(run_dir, name) == content(expected, name), name
    assert not list(run_dir.rglob("*.partial"))
