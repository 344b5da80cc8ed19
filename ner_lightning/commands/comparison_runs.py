"""The runs of a comparison: what is there of each, and the processes that train what is missing."""

from __future__ import annotations

import fcntl
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Never, Protocol

from ner_lightning.commands.comparison_plan import PlannedRun, difference_text
from ner_lightning.evaluation.run_folders import FINISHED, read_config
from ner_lightning.evaluation.run_settings import deciding, differences, settings_of
from ner_lightning.whole_files import whole_file

FIT: Final = (sys.executable, "-m", "ner_lightning", "fit")
POLL_SECONDS: Final = 0.2
STOPPED: Final = (128 + signal.SIGTERM, -signal.SIGTERM)  # after saving, and before there was anything to save
EPOCH_LINE: Final = re.compile(r"^epoch (\d+)/(\d+)", re.MULTILINE)


class Terminated(KeyboardInterrupt):
    """SIGTERM, which ends a comparison as Ctrl-C does."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended.

    Args:
        run: The run.
        failure: Why it is not finished; None where it is.
    """

    run: PlannedRun
    failure: str | None = None


class Display(Protocol):
    """Shows how far the runs are."""

    def show(self, attempts: Sequence[Attempt]) -> None:
        """Show those under way."""

    def end(self, outcome: Outcome) -> None:
        """Show that one has ended."""


@dataclass(slots=True)
class Attempt:
    """A run under way in a process of its own.

    The process writes to the run's log, and holds a lock on it as long as anything of it lives. So what a killed
    comparison left running is waited for and taken over, and no run is ever trained twice at once.

    Args:
        run: The run.
        environment: That of the process.
        process: None as long as another process holds the log.
        log_start: Where in the log this attempt begins.
    """

    run: PlannedRun
    environment: Mapping[str, str]
    process: subprocess.Popen[bytes] | None = None
    log_start: int = 0

    def poll(self) -> Outcome | None:
        """Begin, as soon as the log is free, and see whether the run has ended.

        Raises:
            ValueError: If what is there of the run has other settings.
        """
        if self.process is None:
            return self._begin()
        status = self.process.poll()
        if status is None:
            return None
        if is_finished(self.run):
            return Outcome(self.run)
        if status in STOPPED:
            return Outcome(self.run, "was told to stop; the same command goes on with it")
        failure = failure_line(self.log(), status)
        with whole_file(self.run.failure_path) as file:
            file.write(failure + "\n")
        return Outcome(self.run, failure)

    def _begin(self) -> Outcome | None:
        self.run.log_path.parent.mkdir(parents=True, exist_ok=True)
        with self.run.log_path.open("ab") as log:
            try:
                fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return None
            require_same_settings(self.run)
            if is_finished(self.run):
                return Outcome(self.run)
            command = [*FIT, *self.run.fit_arguments, *way_to_go_on(self.run)]
            log.write(f"$ {shlex.join(command)}\n".encode())
            log.flush()
            self.log_start = log.tell()
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.environment,
                process_group=0,  # Ctrl-C is for the comparison, which tells its runs
            )
        return None

    def log(self) -> str:
        """What the attempt has printed."""
        with self.run.log_path.open("rb") as log:
            log.seek(self.log_start)
            return log.read().decode(errors="replace")

    def epoch(self) -> tuple[int, int]:
        """How many epochs are done, and how many there will be at most; 0 of 1 where none is known."""
        done = EPOCH_LINE.findall(self.log()) if self.process is not None else []
        return (int(done[-1][0]), int(done[-1][1])) if done else (0, 1)


def execute(runs: Sequence[PlannedRun], environments: Sequence[Mapping[str, str]], display: Display) -> list[Outcome]:
    """Train runs, as many at once as there are environments, and tell how each ended.

    When interrupted, the runs are told to stop; each saves its last checkpoint first.

    Raises:
        ValueError: If what is there of a run has other settings.
    """
    waiting, free = deque(runs), list(environments)
    attempts: list[Attempt] = []
    outcomes: list[Outcome] = []
    former = signal.signal(signal.SIGTERM, _terminate)
    try:
        while waiting or attempts:
            while waiting and free:
                attempts.append(Attempt(waiting.popleft(), free.pop()))
            for attempt in [*attempts]:
                outcome = attempt.poll()
                if outcome is not None:
                    attempts.remove(attempt)
                    free.append(attempt.environment)
                    outcomes.append(outcome)
                    display.end(outcome)
            display.show(attempts)
            time.sleep(POLL_SECONDS if attempts else 0)
    finally:
        stop([attempt.process for attempt in attempts if attempt.process is not None])
        signal.signal(signal.SIGTERM, former)
    return outcomes


def _terminate(*_: object) -> Never:
    raise Terminated


def stop(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """Tell runs to stop, and wait until they have saved; a second interrupt kills them.

    Only the first process of each run is told: it tells its ranks, and needs its workers to the end.
    """
    try:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait()
    finally:
        for process in processes:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def is_finished(run: PlannedRun) -> bool:
    """Whether ``fit`` has come to its end."""
    return (run.run_dir / FINISHED).is_file()


def known_failure(run: PlannedRun) -> str | None:
    """Why the run failed on a former start, if it did."""
    if is_finished(run) or not run.failure_path.is_file():
        return None
    return run.failure_path.read_text(encoding="utf-8").strip()


def forget_failure(run: PlannedRun) -> None:
    """Let a failed run be tried again: from its last checkpoint, or anew where its arm has changed since."""
    run.failure_path.unlink(missing_ok=True)
    if differing_settings(run):
        shutil.rmtree(run.run_dir)


def require_same_settings(run: PlannedRun) -> None:
    """Check that what is there of a run was begun by a comparison, and with the settings that its arm has now.

    Raises:
        ValueError: If not.
    """
    if run.run_dir.exists() and not run.log_path.exists():
        raise ValueError(f"{run.run_dir} must be new or begun by compare, found a folder without {run.log_path.name}")
    found = differing_settings(run)
    if found:
        raise ValueError(
            f"a run that is there must have the settings of its arm, {run.run_dir} (there, now) differs in "
            f"{difference_text(found)}; choose another --output, or remove the run"
        )


def differing_settings(run: PlannedRun) -> dict[str, tuple[object, object]]:
    """In which settings the run that is there differs from its arm; none where there is no run."""
    path = run.run_dir / "config.yaml"
    if not path.is_file():
        return {}
    return differences(deciding(settings_of(read_config(path))), run.settings)


def way_to_go_on(run: PlannedRun) -> list[str]:
    """What ``fit`` is told to go on with a run; what has no checkpoint yet is removed and begins anew."""
    if (run.run_dir / "checkpoints" / "last.ckpt").is_file():
        return ["--ckpt_path", "last"]
    if run.run_dir.exists():
        shutil.rmtree(run.run_dir)
    return []


def failure_line(log: str, status: int) -> str:
    r"""Why a run failed: its last error line, or else the last line that it printed.

    >>> failure_line("epoch 1/2\nerror: the loss must be finite\nrun folder: x\n", 1)
    'the loss must be finite'
    >>> failure_line("", -9)
    'ended by SIGKILL'
    """
    if status < 0:
        named = {member.value: member.name for member in signal.Signals}
        return f"ended by {named.get(-status, f'signal {-status}')}"  # most real-time signals have no name
    if status == 0:
        return f"ended without {FINISHED}, which fit writes last"
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    errors = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    return (errors or lines or [f"ended with status {status}"])[-1]


def worker_environments(workers: int, threads: str, devices: Sequence[str], group: str) -> list[dict[str, str]]:
    """The environment of the runs of each worker.

    Args:
        workers: How many runs there are at once.
        threads: Cores for each; equal for all runs, since sums depend on them to the last bit.
        devices: Names of the GPUs, which are dealt out; empty where there are none.
        group: What W&B shows the runs under, where the user names nothing.
    """
    shared = {"WANDB_RUN_GROUP": group, **os.environ, "OMP_NUM_THREADS": threads}
    return [
        shared | ({"CUDA_VISIBLE_DEVICES": devices[worker % len(devices)]} if devices else {})
        for worker in range(workers)
    ]
