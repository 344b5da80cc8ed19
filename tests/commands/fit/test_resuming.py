"""Tests that only one run at a time writes a run folder."""

import os
import signal
from pathlib import Path

import pytest

from ner_lightning.__main__ import main
from ner_lightning.commands.fit.resuming import exclusive_lock
from support.command_line import TINY_RUN


def test_two_runs_that_start_together_do_not_share_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_dir = tmp_path / "new"
    with exclusive_lock(run_dir):  # held by another process that has written nothing yet
        assert main(["fit", *TINY_RUN, "--run_dir", str(run_dir)]) == 2
    assert f"another process is already training in {run_dir}" in capsys.readouterr().err
    assert not list(run_dir.iterdir())
    with exclusive_lock(run_dir):
        pass


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_worker_that_outlives_its_run_does_not_block_the_folder(tmp_path: Path) -> None:
    begun, begin = os.pipe()
    with exclusive_lock(tmp_path):
        worker = os.fork()
        if not worker:
            os.write(begin, b".")
            signal.pause()
        os.read(begun, 1)
    try:
        with exclusive_lock(tmp_path):
            pass
    finally:
        os.kill(worker, signal.SIGKILL)
        os.waitpid(worker, 0)
