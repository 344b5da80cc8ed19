"""The same run logs to Lightning's other loggers; each gets what stands in `metrics.csv`."""

import csv
import struct
from collections import defaultdict
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from lightning.fabric.loggers import tensorboard
from tensorboardX.proto.event_pb2 import Event

from ner_lightning.__main__ import main
from support.command_line import TINY_RUN

ROOT = Path(__file__).parents[2]
SHORT = [*TINY_RUN, "--data.corpus.num_train=16"]
NAMES = ("validation/f1", "validation/loss", "test/word_accuracy")


def column(path: Path, name: str) -> list[float]:
    return [float(row[name]) for row in csv.DictReader(path.read_text().splitlines()) if row[name]]


def read_events(path: Path) -> Iterator[Event]:
    """The events of TensorBoard's file: each with its length and a checksum before, and a checksum behind."""
    content, offset = path.read_bytes(), 0
    while offset < len(content):
        (length,) = struct.unpack_from("<Q", content, offset)
        yield Event.FromString(content[offset + 12 : offset + 12 + length])
        offset += length + 16


def test_csv_logger_needs_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["fit", *SHORT, "--trainer.logger=CSVLogger", f"--run_dir={tmp_path / 'run'}"]) == 0
    (logged,) = tmp_path.glob("runs/lightning_logs/version_0/metrics.csv")
    for name in NAMES:
        assert column(logged, name) == pytest.approx(column(tmp_path / "run/metrics.csv", name))


def test_tensorboard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # fit, validate and test open a file each, named by the second and the host: those of a run this short would be one
    hosts = (f"host{number}" for number in count())
    monkeypatch.setattr("tensorboardX.event_file_writer.socket.gethostname", lambda: next(hosts))
    logger = [f"--config={ROOT / 'configs/logger/tensorboard.yaml'}", f"--trainer.logger.save_dir={tmp_path}"]
    assert main(["fit", *logger, *SHORT, f"--run_dir={tmp_path / 'run'}"]) == 0
    events = [e for path in sorted(tmp_path.glob("tensorboard/version_0/events.*")) for e in read_events(path)]
    scalars = defaultdict(list)
    for event in sorted(events, key=lambda event: event.wall_time):
        for value in event.summary.value:
            scalars[value.tag].append(value.simple_value)
    for name in NAMES:
        assert scalars[name] == pytest.approx(column(tmp_path / "run/metrics.csv", name))  # float32 there


def test_a_missing_tensorboard_is_said_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("_TENSORBOARD_AVAILABLE", "_TENSORBOARDX_AVAILABLE"):
        monkeypatch.setattr(tensorboard, name, False)
    logger = ["--trainer.logger=TensorBoardLogger", f"--trainer.logger.save_dir={tmp_path}"]
    assert main(["fit", *SHORT, *logger, f"--run_dir={tmp_path / 'run'}"]) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error:")]
    assert "Neither `tensorboard` nor `tensorboardX` is available" in line
    assert "Subtypes" not in line
