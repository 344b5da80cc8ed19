"""The runs of a comparison: the state of each, and the processes that train those that are missing."""

from __future__ import annotations

import fcntl
import json
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

from ner_lightning.atomic_files import write_json
from ner_lightning.commands.compare.plan import PlannedRun, difference_text
from ner_lightning.runs.folders import FINISHED, read_config
from ner_lightning.runs.settings import deciding, differences, settings_of

FIT: Final = (sys.executable, "-m", "ner_lightning", "fit")
POLL_SECONDS: Final = 0.2
STOPPED: Final = (128 + signal.SIGINT, 128 + signal.SIGTERM, -signal.SIGTERM)  # the last before Python could handle it
EPOCH_LINE: Final = re.compile(r"^epoch (\d+)/(\d+)", re.MULTILINE)


class Terminated(KeyboardInterrupt):
    """SIGTERM, which ends a comparison in the same way as Ctrl-C."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of a run.

    Args:
        run: The run.
        failure: The reason why it is not finished; None if it is.
    """

    run: PlannedRun
    failure: str | None = None


class Display(Protocol):
    """Shows the progress of the runs."""

    def show(self, attempts: Sequence[Attempt]) -> None:
        """Show the current runs."""

    def end(self, outcome: Outcome) -> None:
        """Show that a run has ended."""


@dataclass(slots=True)
class Attempt:
    """An attempt to train a run in a separate process.

    The process writes to the run's log and locks it as long as it or one of its children is alive. So if a killed
    comparison left a process running, the next one waits for it, and no run is ever trained by two processes.

    Args:
        run: The run.
        environment: The environment of the process.
        process: The process; None as long as another process locks the log.
        log_start: The position in the log at which this attempt starts.
    """

    run: PlannedRun
    environment: Mapping[str, str]
    process: subprocess.Popen[bytes] | None = None
    log_start: int = 0

    def poll(self) -> Outcome | None:
        """Start the process once the log is free, and return the outcome once the run has ended.

        Raises:
            ValueError: If the run folder was written with other settings.
        """
        if self.process is None:
            return self._start()
        status = self.process.poll()
        if status is None:
            return None
        if is_finished(self.run):
            return Outcome(self.run)
        if status in STOPPED:
            return Outcome(self.run, "was stopped; repeat the command to resume it")
        failure = failure_line(self.log(), status)
        write_json(self.run.failure_path, {"failure": failure, "settings": self.run.settings})
        return Outcome(self.run, failure)

    def _start(self) -> Outcome | None:
        self.run.log_path.parent.mkdir(parents=True, exist_ok=True)
        with self.run.log_path.open("ab") as log:
            try:
                fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return None
            require_same_settings(self.run)
            if is_finished(self.run):
                return Outcome(self.run)
            command = [*FIT, *self.run.fit_arguments, *resume_arguments(self.run)]
            log.write(f"$ {shlex.join(command)}\n".encode())
            log.flush()
            self.log_start = log.tell()
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.environment,
                process_group=0,  # so that Ctrl-C reaches only the comparison, which then stops its runs
            )
        return None

    def log(self) -> str:
        """Return the output of this attempt."""
        with self.run.log_path.open("rb") as log:
            log.seek(self.log_start)
            return log.read().decode(errors="replace")

    def epoch(self) -> tuple[int, int]:
        """Return the number of finished epochs and the maximum number; 0 and 1 if they are not known yet."""
        done = EPOCH_LINE.findall(self.log()) if self.process is not None else []
        return (int(done[-1][0]), int(done[-1][1])) if done else (0, 1)


def execute(runs: Sequence[PlannedRun], environments: Sequence[Mapping[str, str]], display: Display) -> list[Outcome]:
    """Train runs, one at a time in each environment, and return their outcomes.

    An interrupt stops the runs, each of which saves its last checkpoint first.

    Raises:
        ValueError: If a run folder was written with other settings.
    """
    waiting, free = deque(runs), list(environments)
    attempts: list[Attempt] = []
    outcomes: list[Outcome] = []
    previous_handler = signal.signal(signal.SIGTERM, _terminate)
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
        signal.signal(signal.SIGTERM, previous_handler)
    return outcomes


def _terminate(*_: object) -> Never:
    raise Terminated


def stop(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """Stop runs and wait until they have saved their checkpoints; a second interrupt kills them.

    Only the first process of each run gets the signal. It stops its other ranks, and needs its workers to the end.
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
    """Return True if ``fit`` has completed the run."""
    return (run.run_dir / FINISHED).is_file()


def has_checkpoint(run: PlannedRun) -> bool:
    """Return whether the run has a checkpoint to resume from."""
    return (run.run_dir / "checkpoints" / "last.ckpt").is_file()


def known_failure(run: PlannedRun) -> str | None:
    """Return the reason why the run failed in an earlier attempt, or None.

    A run that failed before it had a checkpoint counts as corrected if its settings have changed since.

    Raises:
        ValueError: If the file that records the failure is damaged.
    """
    path = run.failure_path
    if is_finished(run) or not path.is_file():
        return None
    try:
        recorded = json.loads(path.read_text(encoding="utf-8"))
        failure, settings = str(recorded["failure"]), dict(recorded["settings"])
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is damaged ({error}); remove it") from error
    is_corrected = not has_checkpoint(run) and differences(settings, run.settings)
    return None if is_corrected else failure


def forget_failure(run: PlannedRun) -> None:
    """Prepare a failed run for another attempt: from its last checkpoint, or from scratch if its arm has changed."""
    run.failure_path.unlink(missing_ok=True)
    if differing_settings(run):
        shutil.rmtree(run.run_dir)


def require_same_settings(run: PlannedRun) -> None:
    """Check that an existing run folder was started by a comparison, with the settings that its arm has now.

    Raises:
        ValueError: If it was started otherwise, or with other settings.
    """
    if run.run_dir.exists() and not run.log_path.exists():
        raise ValueError(
            f"{run.run_dir} was not started by compare: {run.log_path.name} is missing; choose another --output"
        )
    found = differing_settings(run)
    if found:
        raise ValueError(
            f"{run.run_dir} was trained with other settings than its arm has now: {difference_text(found)} (in the run "
            "folder, now); choose another --output, or remove the run"
        )


def differing_settings(run: PlannedRun) -> dict[str, tuple[object, object]]:
    """Return the settings in which an existing run differs from its arm; empty if there is no run."""
    path = run.run_dir / "config.yaml"
    if not path.is_file():
        return {}
    found = differences(deciding(settings_of(read_config(path))), run.settings)
    return found if has_checkpoint(run) or is_finished(run) else {}


def resume_arguments(run: PlannedRun) -> list[str]:
    """Return the arguments that make ``fit`` resume a run. A run without a checkpoint is removed and starts again."""
    if has_checkpoint(run):
        return ["--ckpt_path", "last"]
    if run.run_dir.exists():
        shutil.rmtree(run.run_dir)
    return []


def failure_line(log: str, status: int) -> str:
    r"""Return the reason why a run failed: its last error line, or otherwise the last line of its output.

    >>> failure_line("epoch 1/2\nerror: the loss must be finite\nrun folder: x\n", 1)
    'the loss must be finite'
    >>> failure_line("", -9)
    'ended by SIGKILL'
    """
    if status < 0:
        named = {member.value: member.name for member in signal.Signals}
        return f"ended by {named.get(-status, f'signal {-status}')}"  # most real-time signals have no name
    if status == 0:
        return f"ended without {FINISHED}, the last file that fit writes"
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    errors = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    return (errors or lines or [f"ended with status {status}"])[-1]


def worker_environments(workers: int, threads: str, devices: Sequence[str], group: str) -> list[dict[str, str]]:
    """Return the environment for the runs of each worker.

    Args:
        workers: The number of runs at the same time.
        threads: The number of threads of each run; the same for all, since the last bits of sums depend on it.
        devices: The names of the GPUs, which the workers share; empty without GPUs.
        group: The name of the runs' group in W&B, unless the user sets one.
    """
    shared = {"WANDB_RUN_GROUP": group, **os.environ, "OMP_NUM_THREADS": threads}
    return [
        shared | ({"CUDA_VISIBLE_DEVICES": devices[worker % len(devices)]} if devices else {})
        for worker in range(workers)
    ]
