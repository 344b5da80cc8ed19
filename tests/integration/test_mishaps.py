"""Tests that full disks, wrong checkpoints and read-only folders end in one line and exit status 2."""

import shutil
from pathlib import Path

import pytest

from ner_lightning import atomic_files
from ner_lightning.__main__ import main
from ner_lightning.training import tagger
from support.command_line import TINY_RUN
from support.disks import fill_disk, largest_file

RUN = [*TINY_RUN, "--trainer.max_epochs=1", "--trainer.accelerator=cpu"]


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train a complete run."""
    folder = tmp_path_factory.mktemp("mishaps") / "run"
    assert main(["fit", *RUN, "--run_dir", str(folder)]) == 0
    return folder


def error_of(capsys: pytest.CaptureFixture[str], command: str, *options: str | Path) -> str:
    """Return the only line that a command fails with."""
    capsys.readouterr()
    assert main([command, *RUN, *map(str, options)]) == 2
    printed = capsys.readouterr()
    (error,) = [line for line in printed.err.splitlines() if line.startswith("error:")]
    assert "Traceback" not in printed.err + printed.out
    return error


@pytest.mark.parametrize("name", ["best.ckpt", "metrics.csv", "test.jsonl", "config.yaml"])
def test_a_full_disk_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    fill_disk(monkeypatch, name)
    error = error_of(capsys, "fit", "--run_dir", tmp_path / "run")
    assert "No space left on device" in error
    assert f"{name}'" in error
    assert not [path for path in tmp_path.rglob("*") if path.name == name or path.suffix == ".partial"]


def test_a_disk_too_small_for_the_bundle_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    save = tagger.save_bundle

    def save_on_small_disk(*arguments: object) -> None:
        with largest_file(20_000):
            save(*arguments)

    monkeypatch.setattr(tagger, "save_bundle", save_on_small_disk)
    error = error_of(capsys, "fit", "--run_dir", tmp_path / "run")
    assert f"{tmp_path / 'run' / 'model'}: the bundle cannot be written" in error
    assert not (tmp_path / "run" / "model").exists()


@pytest.mark.parametrize("command", ["fit", "test"])
def test_a_truncated_checkpoint_is_refused(
    tmp_path: Path, run_dir: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    truncated = tmp_path / "run" / "checkpoints" / "last.ckpt"
    truncated.parent.mkdir(parents=True)
    truncated.write_bytes((run_dir / "checkpoints" / "last.ckpt").read_bytes()[:50_000])
    checkpoint = "last" if command == "fit" else truncated
    assert f"{truncated} is not a checkpoint, or it is truncated" in error_of(
        capsys, command, "--run_dir", tmp_path / "run", "--ckpt_path", checkpoint
    )


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ("--data.scheme=ner_lightning.BIOES", "the checkpoint must have the tags"),
        ('--data.entity_types=["PER", "LOC"]', "the checkpoint must have the tags"),
        ("--model.encoder.vocabulary_size=250", "the checkpoint must have the same tokenizer"),
        ("--model.encoder.hidden_size=16", "the checkpoint must have the same encoder"),
    ],
)
def test_a_checkpoint_of_another_tagger_is_refused(
    tmp_path: Path, run_dir: Path, capsys: pytest.CaptureFixture[str], other: str, message: str
) -> None:
    checkpoint = run_dir / "checkpoints" / "best.ckpt"
    assert message in error_of(capsys, "test", other, "--ckpt_path", checkpoint, "--run_dir", tmp_path)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    assert "Not a directory" in error_of(capsys, "fit", "--run_dir", tmp_path / "file" / "run")


def test_a_read_only_folder_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(path: Path, *_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", str(path.parent))

    monkeypatch.setattr(atomic_files, "open", refuse, raising=False)
    assert "Permission denied" in error_of(capsys, "fit", "--run_dir", tmp_path)


def test_different_predictions_are_not_replaced(
    tmp_path: Path, run_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(run_dir, folder)
    path = folder / "predictions" / "test.jsonl"
    best = ["--ckpt_path", str(folder / "checkpoints" / "best.ckpt")]
    assert main(["test", *RUN, *best]) == 0  # gives the same predictions again
    path.write_text(path.read_text().replace("[]", '[[0, 1, "PER", 0.5]]', 1))
    before = path.read_bytes()
    assert f"{path} holds different predictions" in error_of(capsys, "test", *best)
    assert path.read_bytes() == before
    assert main(["test", *RUN, *best, "--run_dir", str(tmp_path / "new")]) == 0
    assert (tmp_path / "new" / "predictions" / "test.jsonl").exists()
