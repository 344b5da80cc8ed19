"""Tests that all ranks end when one of them does, and that the reason is printed once."""

import csv
import os
import signal
from pathlib import Path

import pytest

from support.command_line import finished
from support.disks import largest_file
from support.integration_runs import checkpoint
from support.started_ranks import (
    ON_GPUS,
    RUN,
    TWO,
    TWO_OF_TORCHRUN,
    TWO_OF_TORCHRUN_ON_GPUS,
    TWO_ON_GPUS,
    Ranks,
    is_alive,
    running_ranks,
    wait_until,
)

ENDLESS = "--trainer.max_epochs=1000"


@pytest.mark.parametrize(
    ("ranks", "killed"),
    [
        (TWO, 1),
        (TWO_OF_TORCHRUN, 1),
        pytest.param(TWO, 0, marks=pytest.mark.slow),
        pytest.param(TWO_OF_TORCHRUN, 0, marks=pytest.mark.slow),
        pytest.param(TWO_ON_GPUS, 1, marks=ON_GPUS),
        pytest.param(TWO_OF_TORCHRUN_ON_GPUS, 1, marks=ON_GPUS),
    ],
    ids=str,
)
def test_a_rank_that_dies_ends_the_others_within_a_minute(tmp_path: Path, ranks: Ranks, killed: int) -> None:
    with running_ranks(ranks, tmp_path / "run", ENDLESS) as (process, ids):
        os.kill(ids[killed], signal.SIGKILL)
        wait_until(lambda: process.poll() is not None and not any(map(is_alive, ids)), 60)
        _, stderr = process.communicate(timeout=10)
    assert process.returncode != 0
    assert "RuntimeError" not in stderr


@pytest.mark.slow
@pytest.mark.parametrize("ranks", [TWO, pytest.param(TWO_ON_GPUS, marks=ON_GPUS)], ids=str)
def test_sigterm_to_the_first_rank_saves_and_ends_all(tmp_path: Path, ranks: Ranks) -> None:
    with running_ranks(ranks, tmp_path / "run", ENDLESS) as (process, ids):
        process.terminate()
        _, stderr = process.communicate(timeout=60)
        assert (process.returncode, "Traceback" in stderr) == (143, False)
        assert not any(map(is_alive, ids))
    with (tmp_path / "run" / "metrics.csv").open() as file:
        steps = [int(row["step"]) for row in csv.DictReader(file) if row["train/loss"]]
    assert checkpoint(tmp_path / "run")["global_step"] == steps[-1] + 1


@pytest.mark.slow
def test_ctrl_c_saves_and_ends_all_ranks(tmp_path: Path) -> None:
    """A terminal sends it to every rank."""
    with running_ranks(TWO, tmp_path / "run", ENDLESS) as (process, ids):
        for pid in ids:
            os.kill(pid, signal.SIGINT)
        _, stderr = process.communicate(timeout=60)
        assert (process.returncode, "Traceback" in stderr) == (130, False)
        assert not any(map(is_alive, ids))
    assert stderr.count("stopped by Ctrl-C\n") == stderr.count(" --ckpt_path last\n") == 1
    with (tmp_path / "run" / "metrics.csv").open() as file:
        steps = [int(row["step"]) for row in csv.DictReader(file) if row["train/loss"]]
    assert checkpoint(tmp_path / "run")["global_step"] == steps[-1] + 1


@pytest.mark.slow
def test_an_error_of_all_ranks_is_printed_once_and_does_not_block_the_corrected_command(tmp_path: Path) -> None:
    done = finished(TWO.start("fit", *RUN, "--data.corpus.num_train=1", "--run_dir", tmp_path / "run"))
    assert (done.returncode, "Traceback" in done.stderr) == (2, False), done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    assert line.startswith("error: 2 ranks need at least one window each, got 1 windows")
    assert not list((tmp_path / "run").iterdir())


@pytest.mark.slow
def test_a_full_disk_of_the_first_rank_is_reported_once(tmp_path: Path) -> None:
    with largest_file(20_000):
        process = TWO.start("fit", *RUN, "--run_dir", tmp_path / "run")
    done = finished(process)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False), done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    assert "File too large" in line
    assert "last.ckpt'" in line
