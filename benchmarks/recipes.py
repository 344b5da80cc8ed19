"""Measures what each training option gains and costs: one ``fit`` for every overlay and seed, as Markdown tables.

    python benchmarks/recipes.py --encoder sentence-transformers/all-MiniLM-L6-v2 --seeds 0 1 2 --runs runs/recipes

Every overlay is added by itself to the same recipe. A second start with the same ``--runs`` skips the finished runs and
restarts the unfinished one. benchmarks/README.md explains the tables.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from column_data import FILE_PATTERNS, ROOT, MissingInputError, corpus_files, limited_files
from training import RunFailedError, require_encoder, run_command

from ner_lightning.evaluation.scores import score
from ner_lightning.metrics.span_counts import SpanCounts
from ner_lightning.predictions import read_predictions

CONFIGS = ROOT / "configs"
AXES = ("adapter", "augmentation", "fine_tuning", "loss", "sampling", "schedule")
PLAIN = "none"
LAST_FILE = "training_entities.json"  # the file that a run writes last
ORIGIN = ("commit", "corpus_checksum", "versions", "device", "precision", "threads")  # keys in run.json
SETTINGS = ("corpus", "encoder", "epochs", "learning_rate", "batch", "limit", "threads")


@dataclass(frozen=True, slots=True)
class Run:
    """The results of one finished run: times in seconds, memory in MiB. All F1 except the first are those of test."""

    overlay: str
    seed: int
    validation_f1: float
    test_f1: float
    rarest_type: str
    rarest_type_f1: float
    training_seconds: float
    peak_memory_mib: int
    trained_parameters: int
    test_by_decoder: Mapping[str, Mapping[str, float]]
    origin: Mapping[str, Any]


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--corpus", choices=sorted(FILE_PATTERNS), default="wnut17")
    parser.add_argument("--encoder", required=True, help="folder of the encoder, or its name on the hub")
    parser.add_argument("--runs", type=Path, required=True, help="folder of the runs; the same folder resumes")
    parser.add_argument("--overlays", type=Path, nargs="+", help=f"overlay files; by default all in {AXES}")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument(
        "--learning_rate", type=float, default=2e-4, help="for every run whose overlay does not set another"
    )
    parser.add_argument("--batch", type=int, default=16, help="windows per training batch")
    parser.add_argument("--limit", type=int, help="use only the first sentences of every split, for a trial")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="OMP_NUM_THREADS")
    parser.add_argument("--output", type=Path, help="JSON file with every run")
    return parser.parse_args(arguments)


def overlays_of(paths: Sequence[Path] | None) -> dict[str, Path | None]:
    """Return the overlays to measure by name, after the recipe without an overlay.

    Raises:
        MissingInputError: If a file is missing.
    """
    if paths is None:
        paths = [path for axis in AXES for path in sorted((CONFIGS / axis).glob("*.yaml"))]
    for path in paths:
        if not path.is_file():
            raise MissingInputError(f"--overlays: {path} is missing")
    return {PLAIN: None} | {f"{path.parent.name}/{path.stem}": path.resolve() for path in paths}


def fit_command(
    options: argparse.Namespace, files: Mapping[str, Path], overlay: Path | None, seed: int, run_dir: Path
) -> list[str]:
    """Return the command line of one run; the overlay comes last, so that its settings win."""
    settings = {
        **{f"data.corpus.init_args.{split}": path for split, path in files.items()},
        "data.batches.max_windows": options.batch,
        "model.encoder.init_args.name_or_path": options.encoder,
        "model.optimizer.init_args.lr": options.learning_rate,
        "trainer.max_epochs": options.epochs,
        "seed_everything": seed,
        "run_dir": run_dir,
    }
    config = CONFIGS / "experiment" / f"{options.corpus}.yaml"
    return [
        *(sys.executable, "-m", "ner_lightning", "fit", "--config", str(config)),
        *(part for key, value in settings.items() for part in (f"--{key}", str(value))),
        *(() if overlay is None else ("--config", str(overlay))),
    ]


def require_same_settings(options: argparse.Namespace) -> None:
    """Record the settings of the runs in a folder; runs with different settings cannot share a table.

    Raises:
        MissingInputError: If the folder has runs with other settings.
    """
    path = options.runs / "settings.json"
    own = {name: getattr(options, name) for name in SETTINGS}
    if path.exists() and (found := json.loads(path.read_text(encoding="utf-8"))) != own:
        raise MissingInputError(f"--runs must be a new folder or have the same settings; {options.runs} has {found}")
    options.runs.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(own, indent=2) + "\n", encoding="utf-8")


def measure_all(options: argparse.Namespace, overlays: Mapping[str, Path | None]) -> list[Run]:
    """Return all runs. Overlays take turns within a seed, so that a slow minute of the machine affects all of them."""
    files = corpus_files(options.corpus)
    if options.limit:
        folder = options.runs / "corpus"
        folder.mkdir(exist_ok=True)
        files = limited_files(files, options.limit, folder)
    runs = []
    for seed in options.seeds:
        for name, overlay in overlays.items():
            run_dir = options.runs / name / f"seed-{seed}"
            if not (run_dir / LAST_FILE).exists():
                shutil.rmtree(run_dir, ignore_errors=True)  # the time of an interrupted run would be wrong
                run_command(fit_command(options, files, overlay, seed, run_dir), options.threads)
            runs.append(read_run(run_dir, name, seed))
            print(f"seed {seed}, {name}: validation F1 {100 * runs[-1].validation_f1:.2f} %", file=sys.stderr)
    return runs


def read_run(run_dir: Path, overlay: str, seed: int) -> Run:
    """Read the results of a finished run."""
    record = json.loads((run_dir / "run.json").read_text(encoding="utf-8"))
    validation, test = (
        score(read_predictions(run_dir / "predictions" / f"{split}.jsonl")) for split in ("validation", "test")
    )
    rarest = rarest_type(run_dir)
    return Run(
        overlay,
        seed,
        validation.overall.f1,
        test.overall.f1,
        rarest,
        test.by_type.get(rarest, SpanCounts()).f1,  # there may be none in the first sentences
        record["training_seconds"],
        record["peak_memory_mib"],
        record["parameters"]["trained"],
        json.loads((run_dir / "predictions" / "test.decoders.json").read_text(encoding="utf-8")),
        {key: record[key] for key in ORIGIN},
    )


def rarest_type(run_dir: Path) -> str:
    """Return the entity type with the fewest annotations in training."""
    counts: Counter[str] = Counter()
    for by_type in json.loads((run_dir / LAST_FILE).read_text(encoding="utf-8")).values():
        counts.update(by_type)
    return min(counts, key=lambda kind: (counts[kind], kind))


def f1_table(runs: Sequence[Run]) -> str:
    """Return a row per overlay: mean F1 ± standard deviation over seeds, and the change.

    A change is the mean over seeds of the difference from the run without an overlay and with the same seed. The rarest
    type is scored on test.
    """
    plain = {run.seed: run for run in runs if run.overlay == PLAIN}
    measures = {
        "validation F1 (%)": "validation_f1",
        "test F1 (%)": "test_f1",
        f"F1 of {runs[0].rarest_type} (%)": "rarest_type_f1",
    }
    rows = []
    for overlay, of_overlay in by_overlay(runs).items():
        cells = [overlay]
        for measure in measures.values():
            values = [100 * getattr(run, measure) for run in of_overlay]
            changes = [
                value - 100 * getattr(plain[run.seed], measure) for value, run in zip(values, of_overlay, strict=True)
            ]
            cells += [_mean_and_deviation(values), f"{statistics.mean(changes):+.2f}"]
        rows.append(cells)
    return _markdown(["overlay", *(cell for name in measures for cell in (name, "change"))], rows)


def cost_table(runs: Sequence[Run]) -> str:
    """Return a row per overlay: median training time relative to no overlay, memory, and trained parameters."""
    seconds = {
        overlay: statistics.median(run.training_seconds for run in of_overlay)
        for overlay, of_overlay in by_overlay(runs).items()
    }
    rows = [
        [
            overlay,
            f"{seconds[overlay] / seconds[PLAIN]:.2f} ×",
            f"{max(run.peak_memory_mib for run in of_overlay):,}",
            f"{of_overlay[0].trained_parameters:,}",
        ]
        for overlay, of_overlay in by_overlay(runs).items()
    ]
    return _markdown(["overlay", "training time", "memory, MiB", "trained parameters"], rows)


def decoder_table(runs: Sequence[Run]) -> str:
    """Return a row per overlay and decoder: test F1 overall and of the rarest type, and ill-formed sentences."""
    measures = {
        "test F1 (%)": "f1",
        f"F1 of {runs[0].rarest_type} (%)": f"f1/{runs[0].rarest_type}",
        "ill-formed (%)": "ill_formed",
    }
    rows = [
        [
            *(overlay, decoder),
            *(
                _mean_and_deviation([100 * run.test_by_decoder[decoder][key] for run in of_overlay])
                for key in measures.values()
            ),
        ]
        for overlay, of_overlay in by_overlay(runs).items()
        for decoder in of_overlay[0].test_by_decoder
    ]
    return _markdown(["overlay", "decoder", *measures], rows)


def by_overlay(runs: Sequence[Run]) -> dict[str, list[Run]]:
    """Return the runs of each overlay, in order of appearance."""
    grouped: dict[str, list[Run]] = {}
    for run in runs:
        grouped.setdefault(run.overlay, []).append(run)
    return grouped


def _markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (header, ["---"] * len(header), *rows))


def _mean_and_deviation(values: Sequence[float]) -> str:
    deviation = f" ± {statistics.stdev(values):.2f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.2f}{deviation}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Train what is missing and print the tables.

    Returns:
        The exit status: 0, 2 for missing input, 1 for a run that failed.
    """
    options = parse_arguments(arguments)
    try:
        require_encoder(options.encoder)
        overlays = overlays_of(options.overlays)
        require_same_settings(options)
        runs = measure_all(options, overlays)
    except (MissingInputError, RunFailedError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2 if isinstance(error, MissingInputError) else 1
    print(f1_table(runs), decoder_table(runs), cost_table(runs), sep="\n\n")
    if options.output:
        settings = {name: getattr(options, name) for name in SETTINGS}
        content = {"settings": settings, "runs": [asdict(run) for run in runs]}
        options.output.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
