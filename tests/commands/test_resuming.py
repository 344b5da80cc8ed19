"""Who may write a run folder."""

from pathlib import Path

import pytest
from integration.command_line import TINY_RUN

from ner_lightning.__main__ import main
from ner_lightning.commands.resuming import alone_in


def test_two_runs_that_start_together_do_not_share_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_dir = tmp_path / "new"
    with alone_in(run_dir):  # as by another process, which has written nothing yet
        assert main(["fit", *TINY_RUN, "--run_dir", str(run_dir)]) == 2
    assert f"one run at a time must train in a folder, another one does in {run_dir}" in capsys.readouterr().err
    assert not list(run_dir.iterdir())
    with alone_in(run_dir):
        pass
