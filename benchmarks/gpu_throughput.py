"""Measures the training throughput of an encoder of BERT-base's size on one device, with random weights.

    python benchmarks/gpu_throughput.py --output throughput.json

Sentences are generated (none exceeds the budget), and steps are those of `fit`: packed windows, mixed bfloat16, fused
AdamW, clipping. The steps after a warm-up are measured, without reading, encoding and validation.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path

import lightning as L
import torch

from ner_lightning.callbacks.run_record import peak_memory_mib
from ner_lightning.corpora.example_corpus import ExampleCorpus
from ner_lightning.encoding.batches import Batch
from ner_lightning.modeling.encoders import SmallBert
from ner_lightning.quiet_libraries import silence_libraries
from ner_lightning.training.data_module import BatchSettings, NERDataModule
from ner_lightning.training.tagger import NERTagger

SIZES = {
    "bert-base": SmallBert(vocabulary_size=30_522, hidden_size=768, num_layers=12, num_heads=12, max_subwords=510),
    "tiny": SmallBert(vocabulary_size=300, hidden_size=32, num_layers=1, num_heads=2),
}


@dataclass(frozen=True, slots=True)
class Throughput:
    """The measurements; utilization is in % and counted by the device (needs nvidia-ml-py)."""

    examples_per_second: float
    subwords_per_second: float
    peak_memory_mib: int
    utilization: float | None
    parameters: int
    steps: int
    device: str


class StepClock(L.Callback):
    """Measures the time and content of the steps after a warm-up.

    Args:
        warmup_steps: Steps that are not measured, because the first ones choose kernels and reserve memory.
    """

    def __init__(self, warmup_steps: int) -> None:
        self.warmup_steps = warmup_steps
        self.windows = self.subwords = self.steps = 0
        self.seconds = 0.0
        self.utilizations: list[int] = []

    def on_train_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: object,  # noqa: ARG002
        batch: Batch,
        batch_idx: int,
    ) -> None:
        on_gpu = pl_module.device.type == "cuda"
        if batch_idx + 1 == self.warmup_steps:
            if on_gpu:
                torch.cuda.synchronize()
            self.begun = time.perf_counter()
        if batch_idx < self.warmup_steps:
            return
        self.steps += 1
        self.windows += len(batch.input_ids)
        self.subwords += int(batch.attention_mask.sum())
        if on_gpu and find_spec("pynvml"):
            self.utilizations.append(torch.cuda.utilization())
        if batch_idx + 1 == trainer.num_training_batches:
            if on_gpu:
                torch.cuda.synchronize()
            self.seconds = time.perf_counter() - self.begun


def measure(options: argparse.Namespace) -> Throughput:
    """Train for the warm-up and the measured steps."""
    encoder = SIZES[options.size]
    num_steps = options.warmup_steps + options.steps
    corpus = ExampleCorpus(num_train=num_steps * options.batch, num_validation=8, num_test=8)
    batches = BatchSettings(max_windows=options.batch, max_subwords=options.batch * 510)
    clock = StepClock(options.warmup_steps)
    tagger = NERTagger(encoder)
    trainer = L.Trainer(
        accelerator="gpu" if options.device == "cuda" else "cpu",
        devices=1,
        precision=options.precision,
        max_epochs=1,
        limit_train_batches=num_steps,
        limit_val_batches=0,
        gradient_clip_val=1.0,
        callbacks=[clock],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )
    trainer.fit(tagger, NERDataModule(corpus, encoder, batches=batches))
    return Throughput(
        examples_per_second=round(clock.windows / clock.seconds, 1),
        subwords_per_second=round(clock.subwords / clock.seconds, 1),
        peak_memory_mib=peak_memory_mib(),
        utilization=sum(clock.utilizations) / len(clock.utilizations) if clock.utilizations else None,
        parameters=sum(parameter.numel() for parameter in tagger.parameters()),
        steps=clock.steps,
        device=torch.cuda.get_device_name() if options.device == "cuda" else platform.processor() or "cpu",
    )


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--size", choices=sorted(SIZES), default="bert-base")
    parser.add_argument("--precision", choices=["bf16-mixed", "32-true"], default="bf16-mixed")
    parser.add_argument("--batch", type=int, default=32, help="sentences per batch")
    parser.add_argument("--warmup_steps", type=int, default=10)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--output", type=Path, help="JSON file")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and write.

    Returns:
        The exit status: 0, or 2 if there is no such device.
    """
    options = parse_arguments(arguments)
    if options.device == "cuda" and not torch.cuda.is_available():
        print("error: no CUDA device found; use --device cpu to measure the processor", file=sys.stderr)
        return 2
    if min(options.warmup_steps, options.steps, options.batch) < 1:
        print("error: --warmup_steps, --steps and --batch must be at least 1", file=sys.stderr)
        return 2
    silence_libraries()
    found = asdict(measure(options))
    print("\n".join(f"{name.replace('_', ' ')}: {value}" for name, value in found.items()))
    if options.output:
        settings = {name: str(value) for name, value in vars(options).items()}
        content = {"settings": settings, "torch": torch.__version__, "found": found}
        options.output.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
