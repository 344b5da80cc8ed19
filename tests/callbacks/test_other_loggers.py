"""Tests of runs that also log to Lightning's other loggers: each gets the metrics in `metrics.csv`."""

import csv
from pathlib import Path

import pytest
import yaml
from lightning.fabric.loggers import tensorboard

from ner_lightning.__main__ import main
from support.command_line import TINY_RUN

ROOT = Path(__file__).parents[2]
SHORT = [*TINY_RUN, "--data.corpus.num_train=16"]
NAMES = ("validation/f1", "validation/loss", "test/word_accuracy")


def column(path: Path, name: str) -> list[float]:
    return [float(row[name]) for row in csv.DictReader(path.read_text().splitlines()) if row[name]]


def test_the_csv_logger_needs_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["fit", *SHORT, "--trainer.logger=CSVLogger", f"--run_dir={tmp_path / 'run'}"]) == 0
    (logged,) = tmp_path.glob("runs/lightning_logs/version_0/metrics.csv")
    for name in NAMES:
        assert column(logged, name) == pytest.approx(column(tmp_path / "run/metrics.csv", name))


def test_tensorboard_gets_the_metrics_in_a_run_named_after_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    accumulators = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    monkeypatch.chdir(tmp_path)
    logger = f"--config={ROOT / 'configs/logger/tensorboard.yaml'}"
    assert main(["fit", logger, *SHORT, "--run_dir=runs/mine/seed-0"]) == 0
    named = Path("runs/tensorboard/mine/seed-0")
    logged = accumulators.EventAccumulator(str(named), purge_orphaned_data=False).Reload()
    for name in NAMES:
        values = column(Path("runs/mine/seed-0/metrics.csv"), name)
        assert [event.value for event in logged.Scalars(name)] == pytest.approx(values)  # float32 there
    config = yaml.safe_load(Path("runs/mine/seed-0/config.yaml").read_text())
    assert config["trainer"]["logger"]["init_args"]["version"] is None  # another run of it gets another name


def test_a_missing_tensorboard_is_reported_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("_TENSORBOARD_AVAILABLE", "_TENSORBOARDX_AVAILABLE"):
        monkeypatch.setattr(tensorboard, name, False)
    logger = ["--trainer.logger=TensorBoardLogger", f"--trainer.logger.save_dir={tmp_path}"]
    assert main(["fit", *SHORT, *logger, f"--run_dir={tmp_path / 'run'}"]) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error:")]
    assert "Neither `tensorboard` nor `tensorboardX` is available" in line
    assert "Subtypes" not in line
