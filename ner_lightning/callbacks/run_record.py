"""The files of a run folder that tell what was run: `config.yaml` is the command line's, `run.json` is this one's."""

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
from typing import Any, TypedDict

import lightning as L
import torch

from ner_lightning.callbacks.best_checkpoint import BestCheckpoint
from ner_lightning.callbacks.metrics_file import MetricsFile
from ner_lightning.callbacks.ranks import gathered
from ner_lightning.callbacks.start_lines import count_parameters
from ner_lightning.corpora.reader import SplitName
from ner_lightning.encoding.batches import Batch
from ner_lightning.evaluation.run_folders import RECORD
from ner_lightning.plain_data import Count, typed
from ner_lightning.whole_files import write_json

PACKAGES = ("ner-lightning", "torch", "lightning", "transformers", "tokenizers", "torchmetrics", "seqeval")
COUNTS = ("windows", "subwords", "computed_subwords")
KIB = 1024


class SavedRecord(TypedDict):
    """The part of the record that a checkpoint keeps."""

    metrics_rows: Count
    taken: dict[str, float]


class RunRecord(L.Callback):
    """Writes seed, commit, corpus checksum, versions, wall time, peak memory and throughput to ``run.json``.

    What depends on the clock stands here and not in ``metrics.csv``, which is equal for equal runs. A resumed run
    goes on with what it took up to its checkpoint; steps that were lost and came again count once. ``padding`` is the
    subwords that everything but attention computed over the real ones: 1 where windows are packed.

    Args:
        run_dir: The run folder.
        metrics: The run's metrics; a checkpoint remembers how many rows it had.
        best: Keeps the run's best checkpoint; a user may have others kept.
    """

    def __init__(self, run_dir: Path, metrics: MetricsFile, best: BestCheckpoint) -> None:
        self.run_dir, self.metrics, self.best = run_dir, metrics, best
        self.counts: Counter[str] = Counter()  # of finished steps
        self.counts_of_step: Counter[str] = Counter()
        self.training_seconds = 0.0
        self.rows_of_checkpoint: int | None = None
        self.former: Counter[str] = Counter()
        self.started = self.clock = time.perf_counter()

    def setup(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        self.trainer = trainer

    def state_dict(self) -> dict[str, Any]:
        return {"metrics_rows": len(self.metrics.rows), "taken": self.taken()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        state = typed(state_dict, SavedRecord)
        self.rows_of_checkpoint, self.former = state["metrics_rows"], Counter(state["taken"])

    def taken(self) -> dict[str, float]:
        """What the run has taken so far on all ranks, with its former starts; every rank must ask."""
        counts, peaks = zip(*gathered(self.trainer, (self.counts, peak_memory_mib())), strict=True)
        return {
            "wall_seconds": self.former["wall_seconds"] + time.perf_counter() - self.started,
            "training_seconds": self.former["training_seconds"] + self.training_seconds,
            **{key: self.former[key] + sum(of_rank[key] for of_rank in counts) for key in COUNTS},
            "peak_memory_mib": max(self.former["peak_memory_mib"], *peaks),
        }

    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Go on behind the rows of the checkpoint; validate and test load one too, and change nothing."""
        if self.rows_of_checkpoint is not None and self.metrics.path.exists():
            self.metrics.go_back_to(self.rows_of_checkpoint)

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.clock = time.perf_counter()

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.clock = time.perf_counter()  # validation is no training; loading batches is

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: Batch, batch_idx: int
    ) -> None:
        real = int(batch.attention_mask.sum())
        computed = real if pl_module.classifier.packs else batch.input_ids.numel()  # type: ignore[union-attr]
        self.counts_of_step.update(dict(zip(COUNTS, (len(batch.input_ids), real, computed), strict=True)))

    def on_before_optimizer_step(
        self, trainer: L.Trainer, pl_module: L.LightningModule, optimizer: torch.optim.Optimizer
    ) -> None:
        """Count the step; one that is refused, since its loss is no number, comes again."""
        self.counts.update(self.counts_of_step)
        self.counts_of_step.clear()

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Batch, batch_idx: int
    ) -> None:
        self.training_seconds += time.perf_counter() - self.clock
        self.clock = time.perf_counter()

    def on_fit_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        taken = self.taken()
        if trainer.is_global_zero:
            self._write(trainer, pl_module, taken)

    def _write(self, trainer: L.Trainer, pl_module: L.LightningModule, taken: Mapping[str, float]) -> None:
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        splits: list[SplitName] = list(data.corpus.splits)
        best_score = self.best.best_model_score
        record = {
            "seed": data.seed,
            "commit": current_commit(),
            "corpus_checksum": data.corpus_checksum,
            "training_sentences": len(data.corpus.splits["train"]),
            "tags": data.tags.to_plain(),
            "loss": repr(pl_module.loss),
            "class_weights": pl_module.objective.weights_by_type,  # type: ignore[union-attr]
            "repeat_factors": data.repeat_factors,
            "decoder": repr(pl_module.decoder),
            "precision": str(trainer.precision),
            "ranks": trainer.world_size,
            "threads": torch.get_num_threads(),
            "device": str(pl_module.device),
            "parameters": count_parameters(pl_module),
            "versions": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
            "best_checkpoint_score": None if best_score is None else float(best_score),
            "epochs": trainer.current_epoch,
            "steps": trainer.global_step,
            "wall_seconds": round(taken["wall_seconds"], 1),
            "training_seconds": round(taken["training_seconds"], 1),
            "windows_per_second": round(taken["windows"] / max(taken["training_seconds"], 1e-9), 2),
            "padding": round(taken["computed_subwords"] / max(taken["subwords"], 1), 4),
            "peak_memory_mib": taken["peak_memory_mib"],
            "coverage": {split: asdict(data.coverage(split)) for split in splits},
        }
        write_json(self.run_dir / RECORD, record)


def peak_memory_mib() -> int:
    """The most memory of the GPU where there is one, else of this process."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() // KIB**2
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (KIB**2 if sys.platform == "darwin" else KIB)


def current_commit() -> str | None:
    """The commit of the working folder, or None where it is no git checkout."""
    try:
        found = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return found.stdout.strip() or None
