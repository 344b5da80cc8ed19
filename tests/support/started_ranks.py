"""Runs of several ranks, started as a user does."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from support.command_line import TINY_RUN, finished, start, torchrun

CORPUS = {"num_train": 300, "num_validation": 24, "num_test": 24}
RUN = [  # long enough to find some entities
    *TINY_RUN,
    *(f"--data.corpus.{name}={number}" for name, number in CORPUS.items()),
    "--data.batches.max_windows=2",
    "--data.batches.evaluation_subwords=100",
    "--model.encoder.hidden_size=64",
    "--model.optimizer.lr=0.003",
    "--trainer.max_epochs=4",
    "--save_every_n_steps=20",
]
ON_GPUS = (pytest.mark.gpu, pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two CUDA devices"))


@dataclass(frozen=True)
class Ranks:
    """The number of ranks, the program that starts them, and their devices."""

    number: int = 2
    launcher: str = "lightning"
    accelerator: str = "cpu"

    def __str__(self) -> str:
        return f"{self.number}-{self.launcher}-{self.accelerator}"

    def start(self, command: str, *options: str | Path) -> subprocess.Popen[str]:
        place = [f"--trainer.devices={self.number}", f"--trainer.accelerator={self.accelerator}"]
        arguments = [command, *options, *place, "--trainer.strategy=ddp"]
        if self.launcher == "torchrun":
            return torchrun(self.number, "-m", "ner_lightning", *arguments)
        return start(*arguments)

    def run(self, command: str, *options: str | Path) -> subprocess.CompletedProcess[str]:
        done = finished(self.start(command, *options))
        assert done.returncode == 0, done.stderr[-3000:]
        return done

    def ids(self, process: subprocess.Popen[str]) -> list[int]:
        """Return the process ids of the running ranks; with Lightning, the first rank starts the others."""
        threads = Path(f"/proc/{process.pid}/task")
        children = [int(pid) for path in threads.glob("*/children") for pid in path.read_text().split()]
        started = [pid for pid in children if "ner_lightning" in Path(f"/proc/{pid}/cmdline").read_text()]
        return started if self.launcher == "torchrun" else [process.pid, *started]


TWO, THREE = Ranks(), Ranks(3)
TWO_OF_TORCHRUN, THREE_OF_TORCHRUN = Ranks(2, "torchrun"), Ranks(3, "torchrun")
TWO_ON_GPUS, TWO_OF_TORCHRUN_ON_GPUS = Ranks(accelerator="cuda"), Ranks(2, "torchrun", "cuda")


def is_alive(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def wait_until(holds: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert holds()


@contextmanager
def running_ranks(ranks: Ranks, run_dir: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], list[int]]]:
    """Start ranks and wait for a checkpoint in the first epoch; yield the started process and the ids of the ranks."""
    process = ranks.start("fit", *RUN, *options, "--run_dir", run_dir)
    ids: list[int] = []
    try:
        last = run_dir / "checkpoints" / "last.ckpt"
        wait_until(lambda: last.exists() or process.poll() is not None, 240)
        ids = ranks.ids(process)
        assert len(ids) == ranks.number
        yield process, ids
    finally:
        for pid in filter(is_alive, {*ids, *ranks.ids(process)}):
            os.kill(pid, signal.SIGKILL)
        process.kill()
        process.communicate(timeout=100)
