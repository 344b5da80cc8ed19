"""Tests of the precision of training: the network and the device determine it, and a run keeps it."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from ner_lightning.__main__ import main
from ner_lightning.commands.fit import command as training_cli
from ner_lightning.commands.fit.training_precision import fastest_precision
from ner_lightning.modeling.encoders import PretrainedEncoder, SavedEncoder, SmallBert
from ner_lightning.predictions import read_predictions
from ner_lightning.runs.folders import read_config
from support.command_line import TINY_RUN
from support.small_bundles import random_bundle

CONFIGS = Path(__file__).parents[3] / "configs"
RUN = [*TINY_RUN, "--trainer.max_epochs=1", "--trainer.accelerator=cpu"]


@pytest.fixture
def cpu_with_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: True)
    monkeypatch.setattr(torch.ops, "mkldnn", SimpleNamespace(_is_mkldnn_bf16_supported=lambda: True))


@pytest.mark.usefixtures("cpu_with_bfloat16")
@pytest.mark.parametrize(
    ("hidden_size", "expected"), [(64, "32-true"), (192, "32-true"), (256, "bf16-mixed"), (None, "bf16-mixed")]
)
def test_a_cpu_with_bfloat16_uses_it_for_wide_networks(hidden_size: int | None, expected: str) -> None:
    assert fastest_precision(hidden_size, "cpu") == expected


def test_a_cpu_without_bfloat16_trains_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    monkeypatch.setattr(torch.ops, "mkldnn", SimpleNamespace())  # has no such operation
    assert fastest_precision(768, "cpu") == "32-true"


@pytest.mark.parametrize("has_bfloat16", [True, False])
@pytest.mark.parametrize("accelerator", ["auto", "gpu", "cuda"])
def test_a_gpu_with_bfloat16_uses_it_for_every_network(
    monkeypatch: pytest.MonkeyPatch, accelerator: str, has_bfloat16: bool
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda _: has_bfloat16)
    assert fastest_precision(64, accelerator) == ("bf16-mixed" if has_bfloat16 else "32-true")


def test_the_width_of_every_encoder_is_known(tmp_path: Path) -> None:
    bundle = random_bundle(tmp_path)
    config = json.loads((bundle / "config.json").read_text())
    assert PretrainedEncoder(str(bundle)).hidden_size == SavedEncoder(config, {}).hidden_size == 16
    assert SmallBert(hidden_size=96).hidden_size == 96


def test_a_resumed_run_keeps_its_precision_on_another_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run_dir = tmp_path / "run"
    monkeypatch.setattr(training_cli, "fastest_precision", lambda *_: "bf16-mixed")
    assert main(["fit", *RUN, "--run_dir", str(run_dir)]) == 0
    assert " in bf16-mixed\n" in capsys.readouterr().err
    monkeypatch.setattr(training_cli, "fastest_precision", lambda *_: "32-true")
    again = ["fit", *RUN, "--run_dir", str(run_dir), "--ckpt_path=last", "--trainer.max_epochs=2"]
    assert main(again) == 0
    assert json.loads((run_dir / "run.json").read_text())["precision"] == "bf16-mixed"
    assert read_config(run_dir / "config.yaml")["trainer"]["precision"] == "bf16-mixed"
    assert main([*again, "--trainer.max_epochs=3", "--trainer.precision=32-true"]) == 2
    assert "the precision was bf16-mixed, got 32-true" in capsys.readouterr().err


def test_a_checkpoint_scores_the_same_in_any_precision_unless_evaluation_is_in_bfloat16(tmp_path: Path) -> None:
    run_dir, name = tmp_path / "run", "predictions/test.jsonl"
    run = [*RUN, "--config", str(CONFIGS / "loss" / "weighted.yaml"), "--data.scheme=BIOES"]
    assert main(["fit", *run, "--trainer.precision=bf16-mixed", "--run_dir", str(run_dir)]) == 0
    assert any(sentence.predicted for sentence in read_predictions(run_dir / name))
    best = ["--ckpt_path", str(run_dir / "checkpoints" / "best.ckpt")]
    for precision in ("null", "32-true", "bf16-mixed"):
        again = tmp_path / precision
        assert main(["test", *run, *best, "--run_dir", str(again), f"--trainer.precision={precision}"]) == 0
        assert (again / name).read_bytes() == (run_dir / name).read_bytes()
    rounded = ["--model.evaluation_precision=bfloat16", "--run_dir", str(tmp_path / "rounded")]
    assert main(["test", *run, *best, *rounded]) == 0
    assert (tmp_path / "rounded" / name).read_bytes() != (run_dir / name).read_bytes()


@pytest.mark.parametrize("command", ["fit", "test"])
@pytest.mark.parametrize("precision", ["bf16-true", "16-true", "64-true", "64", "transformer-engine"])
def test_weights_of_another_precision_than_the_bundle_are_refused(
    command: str, precision: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_dir = tmp_path / "run"
    assert main([command, *RUN, f"--trainer.precision={precision}", "--run_dir", str(run_dir)]) == 2
    expected = f"trainer.precision must be null, 32-true, bf16-mixed or 16-mixed, got {precision};"
    assert expected in capsys.readouterr().err
    assert not run_dir.exists()
