"""Tests of the processes that a comparison starts, with a replacement for `fit`."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml

from ner_lightning.commands.compare import runs as comparison_runs
from ner_lightning.commands.compare.plan import PlannedRun
from ner_lightning.commands.compare.runs import (
    Attempt,
    Outcome,
    Terminated,
    execute,
    failure_line,
    forget_failure,
    is_finished,
    known_failure,
    require_same_settings,
    worker_environments,
)
from ner_lightning.quiet_libraries import silence_libraries

STUB = Path(__file__).parents[2] / "support" / "stub_fit.py"


class Recorder:
    """A display that records the outcomes, and can interrupt the comparison."""

    def __init__(self, interrupt: BaseException | None = None) -> None:
        self.interrupt = interrupt
        self.ended: list[Outcome] = []
        self.max_at_once = 0

    def show(self, attempts: Sequence[Attempt]) -> None:
        self.max_at_once = max(self.max_at_once, len(attempts))
        started = [attempt for attempt in attempts if attempt.process is not None and attempt.epoch() == (1, 2)]
        if self.interrupt is not None and started and len(started) == len(attempts):
            raise self.interrupt

    def end(self, outcome: Outcome) -> None:
        self.ended.append(outcome)


@pytest.fixture(autouse=True)
def _stub_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparison_runs, "FIT", (sys.executable, "-S", str(STUB)))
    monkeypatch.setattr(comparison_runs, "POLL_SECONDS", 0.01)


def planned(folder: Path, num_runs: int, *options: str | Path) -> list[PlannedRun]:
    return [
        PlannedRun(
            "arm",
            seed,
            folder / f"seed-{seed}",
            {"key": 1},
            (*map(str, options), f"--seed_everything={seed}", f"--run_dir={folder / f'seed-{seed}'}"),
        )
        for seed in range(num_runs)
    ]


def environments(workers: int) -> list[dict[str, str]]:
    return worker_environments(workers, "3", [], "group")


def starts(folder: Path) -> list[str]:
    return sorted((folder / "starts").read_text().splitlines())


def test_every_run_is_trained_once_by_the_given_number_of_workers(tmp_path: Path) -> None:
    runs, recorder = planned(tmp_path, 5), Recorder()
    outcomes = execute(runs, environments(2), recorder)
    assert sorted(outcome.run.seed for outcome in outcomes) == [0, 1, 2, 3, 4]
    assert outcomes == recorder.ended
    assert all(outcome.failure is None for outcome in outcomes)
    assert recorder.max_at_once <= 2
    assert starts(tmp_path) == [f"seed-{seed} None 3" for seed in range(5)]
    command = f"$ {sys.executable} -S {STUB} --seed_everything=4 --run_dir={tmp_path}/seed-4"
    assert runs[4].log_path.read_text().splitlines()[0] == command


def test_a_failure_is_reported_and_recorded_and_the_other_runs_continue(tmp_path: Path) -> None:
    runs = planned(tmp_path, 3, "--fail_at=1")
    outcomes = execute(runs, environments(1), Recorder())
    assert [outcome.failure for outcome in outcomes] == [None, "a loss must be finite", None]
    assert [is_finished(run) for run in runs] == [True, False, True]
    assert [known_failure(run) for run in runs] == [None, "a loss must be finite", None]
    forget_failure(runs[1])
    (again,) = execute(planned(tmp_path, 3)[1:2], environments(1), Recorder())
    assert again.failure is None
    assert starts(tmp_path) == ["seed-0 None 3", "seed-1 None 3", "seed-1 None 3", "seed-2 None 3"]


def test_a_killed_process_counts_as_failed(tmp_path: Path) -> None:
    attempt = Attempt(planned(tmp_path, 1, "--wait_at=0", "--wait_for", tmp_path / "never")[0], environments(1)[0])
    assert attempt.poll() is None
    attempt.process.kill()
    attempt.process.wait()
    assert attempt.poll().failure == known_failure(attempt.run) == "ended by SIGKILL"


def test_every_signal_is_described_in_a_line() -> None:
    assert failure_line("", -signal.SIGSEGV) == "ended by SIGSEGV"
    assert failure_line("", -signal.SIGRTMIN - 1) == "ended by signal 35"  # a real-time signal, which has no name


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, Terminated])
def test_an_interrupted_run_saves_a_checkpoint_and_is_resumed(
    tmp_path: Path, interrupt: type[KeyboardInterrupt]
) -> None:
    runs = planned(tmp_path, 1, "--wait_at=0", "--wait_for", tmp_path / "go")
    with pytest.raises(interrupt):
        execute(runs, environments(1), Recorder(interrupt()))
    assert (runs[0].run_dir / "checkpoints" / "last.ckpt").exists()
    assert known_failure(runs[0]) is None
    (tmp_path / "go").touch()
    (outcome,) = execute(runs, environments(1), Recorder())
    assert outcome.failure is None
    assert starts(tmp_path) == ["seed-0 None 3", "seed-0 last 3"]


def test_sigterm_interrupts_the_comparison(tmp_path: Path) -> None:
    runs = planned(tmp_path, 1, "--wait_at=0", "--wait_for", tmp_path / "never")

    class Terminating(Recorder):
        def show(self, attempts: Sequence[Attempt]) -> None:
            if attempts[0].epoch() == (1, 2):
                os.kill(os.getpid(), signal.SIGTERM)

    previous = signal.getsignal(signal.SIGTERM)
    with pytest.raises(Terminated):
        execute(runs, environments(1), Terminating())
    assert signal.getsignal(signal.SIGTERM) == previous
    assert (runs[0].run_dir / "checkpoints" / "last.ckpt").exists()


def test_a_run_that_somebody_stops_does_not_count_as_failed(tmp_path: Path) -> None:
    attempt = Attempt(planned(tmp_path, 1, "--wait_at=0", "--wait_for", tmp_path / "never")[0], environments(1)[0])
    attempt.poll()
    while attempt.epoch() == (0, 1):
        time.sleep(0.01)
    attempt.process.terminate()
    attempt.process.wait()
    assert "was stopped; repeat the command to resume it" in attempt.poll().failure
    assert known_failure(attempt.run) is None


KILLED = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from test_runs import STUB, Recorder, comparison_runs, environments, execute, planned
comparison_runs.FIT = (sys.executable, "-S", str(STUB))
execute(planned(Path(sys.argv[2]), *WAITING), environments(1), Recorder())
"""


def test_a_run_that_outlives_its_comparison_is_waited_for_and_not_trained_twice(tmp_path: Path) -> None:
    waiting = 2, "--wait_at=0", f"--wait_for={tmp_path / 'go'}"
    code = KILLED.replace("WAITING", repr(waiting))
    killed = subprocess.Popen([sys.executable, "-c", code, str(Path(__file__).parent), str(tmp_path)])
    while not (tmp_path / "starts").exists():
        time.sleep(0.01)
        assert killed.poll() is None
    killed.kill()
    killed.wait()

    class Releasing(Recorder):
        def show(self, attempts: Sequence[Attempt]) -> None:
            if len(self.ended) == 0:
                assert [attempt.process for attempt in attempts] == [None]
                (tmp_path / "go").touch()

    outcomes = execute(planned(tmp_path, *waiting), environments(1), Releasing())
    assert [outcome.failure for outcome in outcomes] == [None, None]
    assert starts(tmp_path) == ["seed-0 None 3", "seed-1 None 3"]


def test_a_run_without_a_checkpoint_starts_again(tmp_path: Path) -> None:
    (run,) = planned(tmp_path, 1)
    run.run_dir.mkdir()
    (run.run_dir / "metrics.csv").touch()
    run.log_path.touch()
    require_same_settings(run)
    assert execute([run], environments(1), Recorder()) == [Outcome(run)]
    assert not (run.run_dir / "metrics.csv").exists()


def test_a_folder_that_no_comparison_started_is_left_untouched(tmp_path: Path) -> None:
    (run,) = planned(tmp_path, 1)
    run.run_dir.mkdir()
    with pytest.raises(
        ValueError, match=r"seed-0 was not started by compare: seed-0.log is missing; choose another --output"
    ):
        require_same_settings(run)


@pytest.mark.parametrize("text", ["{torn: [", "[]"])
def test_a_damaged_configuration_is_named(tmp_path: Path, text: str) -> None:
    (run,) = planned(tmp_path, 1)
    run.run_dir.mkdir()
    run.log_path.touch()
    (run.run_dir / "config.yaml").write_text(text)
    with pytest.raises(ValueError, match=r"seed-0/config.yaml must (be YAML|contain settings), got"):
        require_same_settings(run)


def test_a_run_with_other_settings_is_rejected_and_a_failed_one_starts_again(tmp_path: Path) -> None:
    silence_libraries()
    (run,) = planned(tmp_path, 1)
    (run.run_dir / "checkpoints").mkdir(parents=True)
    (run.run_dir / "checkpoints" / "last.ckpt").touch()
    run.log_path.touch()
    (run.run_dir / "config.yaml").write_text(yaml.safe_dump({"key": 1, "seed_everything": 0, "run_dir": "x"}))
    require_same_settings(run)
    forget_failure(run)
    assert run.run_dir.exists()
    (run.run_dir / "config.yaml").write_text(yaml.safe_dump({"key": 2, "seed_everything": 0, "run_dir": "x"}))
    with pytest.raises(
        ValueError,
        match=r"seed-0 was trained with other settings than its arm has now: key \(2, 1\) \(in the run folder, now\)",
    ):
        require_same_settings(run)
    forget_failure(run)
    assert not run.run_dir.exists()


def test_workers_share_the_gpus_and_have_the_same_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    environments_of_workers = worker_environments(3, "2", ["0", "GPU-1"], "bio-vs-bioes")
    assert [environment["CUDA_VISIBLE_DEVICES"] for environment in environments_of_workers] == ["0", "GPU-1", "0"]
    assert {environment["OMP_NUM_THREADS"] for environment in environments_of_workers} == {"2"}
    assert {environment["WANDB_RUN_GROUP"] for environment in environments_of_workers} == {"bio-vs-bioes"}
    assert "CUDA_VISIBLE_DEVICES" not in worker_environments(1, "2", [], "group")[0]
