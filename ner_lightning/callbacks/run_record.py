"""Writes `run.json`, the record of a run, next to the `config.yaml` that the command line writes."""

from __future__ import annotations

import platform
import resource
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import lightning as L
import torch

from ner_lightning.atomic_files import write_json
from ner_lightning.callbacks.best_checkpoint import BestCheckpoint
from ner_lightning.callbacks.metrics_file import MetricsFile
from ner_lightning.callbacks.ranks import gathered
from ner_lightning.callbacks.start_lines import count_parameters
from ner_lightning.corpora.reader import SplitName
from ner_lightning.encoding.batches import Batch
from ner_lightning.runs.folders import RECORD
from ner_lightning.serialization import to_plain
from ner_lightning.training.data_module import data_module_of
from ner_lightning.training.tagger import tagger_of

PACKAGES = ("ner-lightning", "torch", "lightning", "transformers", "tokenizers", "torchmetrics", "seqeval")
COUNTS = ("windows", "subwords", "computed_subwords")
KIB = 1024


class RunRecord(L.Callback):
    """Writes seed, commit, corpus checksum, main settings, versions, time, memory and throughput to ``run.json``.

    Times are recorded here and not in ``metrics.csv``, so that equal runs have equal metrics. A resumed run adds to the
    values recorded in its checkpoint, so repeated steps count once. ``padding`` is the number of subwords computed
    outside attention divided by the number of real subwords; it is 1 if windows are packed.

    Args:
        run_dir: The run folder.
        metrics: The metrics of the run; a checkpoint records how many rows they had.
        best: The callback that saves the best checkpoint; a user may add other checkpoint callbacks.
    """

    def __init__(self, run_dir: Path, metrics: MetricsFile, best: BestCheckpoint) -> None:
        self.run_dir, self.metrics, self.best = run_dir, metrics, best
        self.counts: Counter[str] = Counter()  # of finished steps
        self.counts_of_step: Counter[str] = Counter()
        self.training_seconds = 0.0
        self.rows_of_checkpoint: int | None = None
        self.earlier: Counter[str] = Counter()
        self.started = self.clock = time.perf_counter()

    def setup(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        self.trainer = trainer

    def state_dict(self) -> dict[str, Any]:
        return {"metrics_rows": len(self.metrics.rows), "taken": self.usage()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.rows_of_checkpoint = state_dict["metrics_rows"]
        self.earlier = Counter(state_dict["taken"])

    def usage(self) -> dict[str, float]:
        """Return the time, memory and counts of the run over all ranks and starts so far; every rank must call this."""
        counts, peaks = zip(*gathered(self.trainer, (self.counts, peak_memory_mib())), strict=True)
        return {
            "wall_seconds": self.earlier["wall_seconds"] + time.perf_counter() - self.started,
            "training_seconds": self.earlier["training_seconds"] + self.training_seconds,
            **{key: self.earlier[key] + sum(of_rank[key] for of_rank in counts) for key in COUNTS},
            "peak_memory_mib": max(self.earlier["peak_memory_mib"], *peaks),
        }

    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Drop the metrics after the checkpoint of a resumed run; validate and test also load one, but drop nothing."""
        if self.rows_of_checkpoint is not None and self.metrics.path.exists():
            self.metrics.keep_first_rows(self.rows_of_checkpoint)

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.clock = time.perf_counter()

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.clock = time.perf_counter()  # loading batches counts as training time, but validation does not

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: Batch, batch_idx: int
    ) -> None:
        real = int(batch.attention_mask.sum())
        computed = batch.input_ids.numel() if tagger_of(trainer).classifier.computes_padding else real
        self.counts_of_step.update(dict(zip(COUNTS, (len(batch.input_ids), real, computed), strict=True)))

    def on_before_optimizer_step(
        self, trainer: L.Trainer, pl_module: L.LightningModule, optimizer: torch.optim.Optimizer
    ) -> None:
        """Count the step; one that is rejected because its loss is NaN is repeated, and not counted here."""
        self.counts.update(self.counts_of_step)
        self.counts_of_step.clear()

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Batch, batch_idx: int
    ) -> None:
        self.training_seconds += time.perf_counter() - self.clock
        self.clock = time.perf_counter()

    def on_fit_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        usage = self.usage()
        if trainer.is_global_zero:
            self._write(trainer, usage)

    def _write(self, trainer: L.Trainer, usage: Mapping[str, float]) -> None:
        tagger, data = tagger_of(trainer), data_module_of(trainer)
        bound = data.bound
        splits: list[SplitName] = list(bound.corpus.splits)
        best_score = self.best.best_model_score
        record = {
            "seed": data.seed,
            "commit": current_commit(),
            "corpus_checksum": bound.checksum,
            "training_sentences": len(bound.corpus.splits["train"]),
            "tags": bound.tags.to_plain(),
            "loss": to_plain(tagger.loss),
            "class_weights": tagger.objective.weights_by_type,
            "repeat_factors": dict(bound.repeat_factors),
            "decoder": to_plain(tagger.decoder),
            "precision": str(trainer.precision),
            "ranks": trainer.world_size,
            "threads": torch.get_num_threads(),
            "device": str(tagger.device),
            "parameters": count_parameters(tagger),
            "versions": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
            "best_checkpoint_score": None if best_score is None else float(best_score),
            "epochs": trainer.current_epoch,
            "steps": trainer.global_step,
            "wall_seconds": round(usage["wall_seconds"], 1),
            "training_seconds": round(usage["training_seconds"], 1),
            "windows_per_second": round(usage["windows"] / max(usage["training_seconds"], 1e-9), 2),
            "padding": round(usage["computed_subwords"] / max(usage["subwords"], 1), 4),
            "peak_memory_mib": usage["peak_memory_mib"],
            "coverage": {split: asdict(bound.coverage(split)) for split in splits},
        }
        write_json(self.run_dir / RECORD, record)


def peak_memory_mib() -> int:
    """Return the peak memory of the GPU, or of this process if there is no GPU."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() // KIB**2
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (KIB**2 if sys.platform == "darwin" else KIB)


def current_commit() -> str | None:
    """Return the commit of the working folder, or None outside a git checkout."""
    try:
        found = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return found.stdout.strip() or None
