"""Functions that run the command line as a user does, in separate processes."""

import os
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
TINY_RUN = [
    "--data.corpus=ExampleCorpus",
    "--data.corpus.num_train=96",
    "--data.corpus.num_validation=24",
    "--data.corpus.num_test=24",
    "--model.encoder=SmallBert",
    "--model.encoder.hidden_size=32",
    "--model.encoder.vocabulary_size=300",
    "--model.optimizer.lr=0.002",
    "--trainer.log_every_n_steps=1",
    "--trainer.max_epochs=2",
]


def heed_ctrl_c() -> None:
    """Accept Ctrl-C, which a shell disables for processes that it starts in the background."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def start_python(*arguments: str | Path, process_group: int | None = None) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heed_ctrl_c,
        process_group=process_group,
    )


def start(*arguments: str | Path, process_group: int | None = None) -> subprocess.Popen[str]:
    return start_python("-m", "ner_lightning", *arguments, process_group=process_group)


def torchrun(num_ranks: int, *arguments: str | Path) -> subprocess.Popen[str]:
    ranks = ["--standalone", f"--nproc-per-node={num_ranks}"]
    return start_python("-m", "torch.distributed.run", *ranks, *arguments)


def finished(process: subprocess.Popen[str]) -> subprocess.CompletedProcess[str]:
    stdout, stderr = process.communicate(timeout=300)
    return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return finished(start(*arguments))
