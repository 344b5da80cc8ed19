"""Runs the command line as a user does, in processes of its own."""

import os
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


def start(*arguments: str | Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "ner_lightning", *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    process = start(*arguments)
    stdout, stderr = process.communicate(timeout=300)
    return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)
