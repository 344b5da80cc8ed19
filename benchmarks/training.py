"""Compares the training speed of ``ner_lightning fit`` with that of the notebook recipe of Hugging Face.

    python benchmarks/training.py --corpus wnut17 --encoder sentence-transformers/all-MiniLM-L6-v2

Only training is timed: loading and collating batches, forward, backward, clipping and optimizer steps on the same
sentences for the same number of epochs. Reading, encoding, validation, checkpoints and the final scores are excluded
on both sides. benchmarks/README.md explains the numbers.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from column_data import FILE_PATTERNS, ROOT, MissingInputError, corpus_files, limited_files
from rich.console import Console
from rich.table import Column, Table
from transformers import AutoConfig

from ner_lightning.evaluation.scores import score
from ner_lightning.predictions import read_predictions

PEERS = ROOT / "benchmarks" / "peers"
SIDES = ("peer", "ours")
MEASURES = ("examples_per_second", "padding", "validation_f1", "test_f1")


class RunFailedError(RuntimeError):
    """A run ended with an error; the message contains its last lines."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """The results of one run of one side; ``record`` is the report of the run itself."""

    side: str
    seed: int
    repeat: int
    training_seconds: float
    examples_per_second: float
    padding: float
    validation_f1: float
    test_f1: float
    record: Mapping[str, Any]


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--corpus", choices=sorted(FILE_PATTERNS), default="wnut17")
    parser.add_argument("--encoder", required=True, help="folder of the encoder, or its name on the hub")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--learning_rate", type=float, default=2e-4)
    parser.add_argument("--batch", type=int, default=16, help="sentences per training batch")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--repeats", type=int, default=3, help="pairs of runs for every seed")
    parser.add_argument("--limit", type=int, help="use only the first sentences of every split, for a quick ratio")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="OMP_NUM_THREADS of both sides")
    parser.add_argument("--output", type=Path, help="JSON file with every run")
    return parser.parse_args(arguments)


def peer_command(options: argparse.Namespace, python: Path, files: Mapping[str, Path], seed: int) -> list[str]:
    """Return the command line of the peer."""
    return [
        *(str(python), str(PEERS / "hf_recipe.py"), "--encoder", options.encoder),
        *(part for split, path in files.items() for part in (f"--{split}", str(path))),
        *("--epochs", str(options.epochs), "--batch", str(options.batch)),
        *("--learning_rate", str(options.learning_rate), "--seed", str(seed)),
    ]


def fit_command(
    options: argparse.Namespace, files: Mapping[str, Path], seed: int, run_dir: Path, clock_path: Path
) -> list[str]:
    """Return the command line of ``fit``."""
    clock = {"class_path": "training_clock.TrainingClock", "init_args": {"path": str(clock_path)}}
    overrides = {
        **{f"data.corpus.init_args.{split}": path for split, path in files.items()},
        "data.batches.max_windows": options.batch,
        "model.encoder.init_args.name_or_path": options.encoder,
        "model.optimizer.init_args.lr": options.learning_rate,
        "trainer.max_epochs": options.epochs,
        "trainer.callbacks": json.dumps([clock]),
        "seed_everything": seed,
        "run_dir": run_dir,
    }
    config = ROOT / "configs" / "experiment" / f"{options.corpus}.yaml"
    return [
        *(sys.executable, "-m", "ner_lightning", "fit", "--config", str(config)),
        *(part for key, value in overrides.items() for part in (f"--{key}", str(value))),
    ]


def run_command(command: Sequence[str], threads: int) -> str:
    """Run one side with its threads.

    Returns:
        What it wrote to its standard output.

    Raises:
        RunFailedError: If it did not end well.
    """
    search_path = [str(ROOT / "benchmarks"), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {
        "OMP_NUM_THREADS": str(threads),
        "PYTHONPATH": os.pathsep.join(search_path),  # where ``fit`` finds the clock
    }
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        last_lines = "\n".join((done.stderr or done.stdout).splitlines()[-5:])
        raise RunFailedError(f"{' '.join(command)}\nended with status {done.returncode}:\n{last_lines}")
    return done.stdout


def measure_peer(
    options: argparse.Namespace, python: Path, files: Mapping[str, Path], seed: int, repeat: int
) -> Measurement:
    """Run the peer once."""
    output = run_command(peer_command(options, python, files, seed), options.threads)
    record = json.loads(output.splitlines()[-1])
    return Measurement(
        "peer",
        seed,
        repeat,
        record["training_seconds"],
        record["samples_per_second"],
        record["padding"],
        record["validation_f1"],
        record["test_f1"],
        record,
    )


def measure_fit(
    options: argparse.Namespace, files: Mapping[str, Path], num_sentences: int, seed: int, repeat: int
) -> Measurement:
    """Run ``fit`` once; its scores are read from the predictions of the best checkpoint."""
    with tempfile.TemporaryDirectory() as folder:
        run_dir, clock_path = Path(folder) / "run", Path(folder) / "clock.json"
        run_command(fit_command(options, files, seed, run_dir, clock_path), options.threads)
        record = json.loads((run_dir / "run.json").read_text(encoding="utf-8"))
        seconds = json.loads(clock_path.read_text(encoding="utf-8"))["training_seconds"]
        f1 = {
            split: score(read_predictions(run_dir / "predictions" / f"{split}.jsonl")).overall.f1
            for split in ("validation", "test")
        }
    return Measurement(
        "ours",
        seed,
        repeat,
        seconds,
        num_sentences * options.epochs / seconds,
        record["padding"],
        f1["validation"],
        f1["test"],
        record,
    )


def peer_python() -> Path:
    """Return the interpreter of the peers' environment, created if it is missing or has other requirements."""
    environment, requirements = PEERS / ".venv", PEERS / "requirements.txt"
    python, installed = environment / "bin" / "python", environment / "requirements.txt"
    wanted = requirements.read_text(encoding="utf-8")
    if not installed.is_file() or installed.read_text(encoding="utf-8") != wanted:
        print(f"creating {environment} (once, takes minutes)", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(environment)], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "-r", str(requirements)], check=True)
        installed.write_text(wanted, encoding="utf-8")  # last, so that a failed installation is repeated
    return python


def require_encoder(name_or_path: str) -> None:
    """Fail before the first run rather than during it.

    Raises:
        MissingInputError: If there is no such encoder.
    """
    try:
        AutoConfig.from_pretrained(name_or_path)
    except (OSError, ValueError) as error:
        raise MissingInputError(
            f"--encoder must be a folder with an encoder, or its name on a hub that can be reached, "
            f"got {name_or_path!r} ({str(error).splitlines()[0]})"
        ) from error


def measure_all(options: argparse.Namespace, files: Mapping[str, Path]) -> list[Measurement]:
    """Run the peer and ours in turn, so that a slow minute of the machine affects both."""
    python = peer_python()
    measurements: list[Measurement] = []
    for seed in options.seeds:
        for repeat in range(options.repeats):
            peer = measure_peer(options, python, files, seed, repeat)
            ours = measure_fit(options, files, peer.record["sentences"], seed, repeat)
            measurements += [peer, ours]
            for run in (peer, ours):
                print(f"seed {seed}: {run.side} {run.examples_per_second:.1f} examples/s", file=sys.stderr)
    return measurements


def pair_ratios(measurements: Sequence[Measurement]) -> list[float]:
    """Return the ratio of our examples/s to the peer's, for each pair of neighboring runs."""
    peers, ours = ([run.examples_per_second for run in measurements if run.side == side] for side in SIDES)
    return [our / peer for our, peer in zip(ours, peers, strict=True)]


def summarise(measurements: Sequence[Measurement]) -> dict[str, Any]:
    """Return median, minimum and maximum of every measure by side, and the ratios of speed."""
    by_side = {
        side: {
            measure: _spread([getattr(run, measure) for run in measurements if run.side == side])
            for measure in MEASURES
        }
        for side in SIDES
    }
    speed = {side: by_side[side]["examples_per_second"]["median"] for side in SIDES}
    ratios = pair_ratios(measurements)
    return {**by_side, "ratio_of_medians": speed["ours"] / speed["peer"], "ratio_per_pair": ratios}


def _spread(values: Sequence[float]) -> dict[str, float]:
    return {"median": statistics.median(values), "least": min(values), "greatest": max(values)}


def result_table(summary: Mapping[str, Any], title: str) -> Table:
    """Return a table of medians with minimum and maximum."""
    sides = [Column(side, justify="right") for side in SIDES]
    table = Table("median (least–greatest)", *sides, title=title, title_justify="left")
    for measure, digits in zip(MEASURES, (1, 3, 4, 4), strict=True):
        cells = (
            f"{spread['median']:.{digits}f} ({spread['least']:.{digits}f}–{spread['greatest']:.{digits}f})"
            for spread in (summary[side][measure] for side in SIDES)
        )
        table.add_row(measure.replace("_per_", "/").replace("_", " "), *cells)
    return table


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the table and write the JSON.

    Returns:
        The exit status: 0, 2 for missing input, 1 for a run that failed.
    """
    options = parse_arguments(arguments)
    try:
        require_encoder(options.encoder)
        files = corpus_files(options.corpus)
        with tempfile.TemporaryDirectory() as folder:
            if options.limit:
                files = limited_files(files, options.limit, Path(folder))
            measurements = measure_all(options, files)
    except (MissingInputError, RunFailedError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2 if isinstance(error, MissingInputError) else 1
    summary = summarise(measurements)
    title = f"{options.corpus}, {options.epochs} epochs, {options.threads} threads"
    Console().print(result_table(summary, title))
    ratios = summary["ratio_per_pair"]
    print(f"ours / peer: {summary['ratio_of_medians']:.2f} × by medians, {min(ratios):.2f}–{max(ratios):.2f} by pairs")
    if options.output:
        settings = {**vars(options), "output": str(options.output)}
        machine = {"platform": platform.platform(), "cores": os.cpu_count()}
        runs = [asdict(run) for run in measurements]
        content = {"settings": settings, "machine": machine, "summary": summary, "runs": runs}
        options.output.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
