"""Tests of the display of current runs, with and without progress bars."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from ner_lightning.commands.compare.plan import PlannedRun
from ner_lightning.commands.compare.progress import RunsDisplay
from ner_lightning.commands.compare.runs import Attempt, Outcome


@pytest.fixture
def attempt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Attempt:
    monkeypatch.setattr("time.monotonic", iter(range(0, 6000, 60)).__next__)
    return Attempt(PlannedRun("bio", 3, tmp_path / "seed-3", {}, ()), {})


def shown(attempt: Attempt, console: Console, file: io.StringIO) -> list[str]:
    display = RunsDisplay(console, num_runs=2)
    with display.bars:
        display.show([attempt])
        attempt.process = object()  # type: ignore[assignment] # it is only compared with None
        attempt.run.log_path.write_text("trains 1 of 1 parameters\n")
        display.show([attempt])
        attempt.run.log_path.write_text("trains 1 of 1 parameters\nepoch 1/2, step 5: validation/f1 0.5\n")
        display.show([attempt])
        display.show([attempt])
        display.end(Outcome(attempt.run, "a loss must be finite"))
    return file.getvalue().splitlines()


def test_without_a_terminal_every_change_is_printed_as_a_line(attempt: Attempt) -> None:
    file = io.StringIO()
    assert shown(attempt, Console(file=file), file) == [
        "bio seed 3: waiting for a process of an earlier comparison",
        "bio seed 3: running",
        "bio seed 3: epoch 1 of 2 done",
        "bio seed 3: not finished: a loss must be finite (1 of 2, about 0:05:00 left)",
    ]


def test_a_terminal_shows_progress_bars(attempt: Attempt, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    file = io.StringIO()
    text = "\n".join(shown(attempt, Console(file=file, force_terminal=True, width=120), file))
    assert "all runs" in text
    assert "bio seed 3: not finished: a loss must be finite (1 of 2" in text
    assert "bio seed 3: running" not in text
