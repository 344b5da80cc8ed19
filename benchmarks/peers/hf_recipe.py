"""The notebook recipe for token classification with the Hugging Face Trainer, on local column files.

First-subword labels by ``datasets.map``, random batches padded to their longest sentence, float32, and the
Trainer's defaults wherever the command line says nothing. Prints one JSON line; runs in an environment of its
own (requirements.txt).
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from seqeval.metrics import f1_score
from transformers import (
    AutoModelForTokenClassification,
    AutoTokenizer,
    DataCollatorForTokenClassification,
    PreTrainedTokenizerBase,
    Trainer,
    TrainingArguments,
    set_seed,
)

IGNORED = -100
SPLITS = ("train", "validation", "test")
PACKAGES = ("transformers", "datasets", "seqeval", "accelerate", "torch")


def read_columns(path: Path) -> dict[str, list[list[str]]]:
    """Read words (first column) and tags (last column); an empty line ends a sentence."""
    words: list[list[str]] = [[]]
    tags: list[list[str]] = [[]]
    for line in path.read_text(encoding="utf-8").split("\n"):
        if not line.strip():
            if words[-1]:
                words.append([])
                tags.append([])
            continue
        columns = line.split("\t") if "\t" in line else line.split()
        words[-1].append(columns[0])
        tags[-1].append(columns[-1].strip())
    return {"words": [row for row in words if row], "tags": [row for row in tags if row]}


def tag_names(columns: Iterable[dict[str, list[list[str]]]]) -> list[str]:
    """Return all tags, ``O`` first, then by entity type."""
    found = {tag for split in columns for row in split["tags"] for tag in row}
    return sorted(found, key=lambda tag: (tag != "O", tag.partition("-")[::-1]))


def first_subword_labels(word_ids: Sequence[int | None], tag_ids: Sequence[int]) -> list[int]:
    """Return the tag of each word on its first subword, and -100 elsewhere."""
    before = [None, *word_ids[:-1]]
    return [
        IGNORED if word is None or word == previous else tag_ids[word]
        for word, previous in zip(word_ids, before, strict=True)
    ]


def encode(rows: dict[str, list[Any]], tokenizer: PreTrainedTokenizerBase, id_by_tag: dict[str, int]) -> dict[str, Any]:
    """Return subwords and labels of sentences, truncated to the maximum length of the encoder."""
    encoded = tokenizer(rows["words"], truncation=True, is_split_into_words=True)
    labels = [
        first_subword_labels(encoded.word_ids(row), [id_by_tag[tag] for tag in tags])
        for row, tags in enumerate(rows["tags"])
    ]
    return {**encoded, "labels": labels}


class CountingCollator:
    """Pads as the stock collator does, and counts real and computed subwords."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self.collate = DataCollatorForTokenClassification(tokenizer)
        self.real = self.computed = 0

    def __call__(self, features: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        batch = self.collate(features)
        self.real += int(batch["attention_mask"].sum())
        self.computed += batch["input_ids"].numel()
        return batch


def seqeval_f1(trainer: Trainer, dataset: Dataset, names: Sequence[str]) -> float:
    """Return entity F1 over the words that the encoding kept."""
    output: Any = trainer.predict(dataset)
    gold, predicted = [], []
    for labels, best in zip(output.label_ids, output.predictions.argmax(axis=-1), strict=True):
        scored = labels != IGNORED
        gold.append([names[tag_id] for tag_id in labels[scored]])
        predicted.append([names[tag_id] for tag_id in best[scored]])
    return float(f1_score(gold, predicted))


def run(options: argparse.Namespace, output_dir: str) -> dict[str, Any]:
    """Train, time and score."""
    set_seed(options.seed)
    columns = {split: read_columns(getattr(options, split)) for split in SPLITS}
    names = tag_names(columns.values())
    id_by_tag = {name: tag_id for tag_id, name in enumerate(names)}
    tokenizer = AutoTokenizer.from_pretrained(options.encoder)
    datasets = {
        split: Dataset.from_dict(content).map(
            encode,
            batched=True,
            remove_columns=["words", "tags"],
            fn_kwargs={"tokenizer": tokenizer, "id_by_tag": id_by_tag},
        )
        for split, content in columns.items()
    }
    collator = CountingCollator(tokenizer)
    trainer = Trainer(
        model=AutoModelForTokenClassification.from_pretrained(
            options.encoder, dtype=torch.float32, id2label=dict(enumerate(names)), label2id=id_by_tag
        ),
        args=TrainingArguments(
            output_dir,
            learning_rate=options.learning_rate,
            num_train_epochs=options.epochs,
            per_device_train_batch_size=options.batch,
            per_device_eval_batch_size=64,
            weight_decay=0.01,
            seed=options.seed,
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
        ),
        train_dataset=datasets["train"],
        data_collator=collator,
        processing_class=tokenizer,
    )
    started = time.perf_counter()
    trainer.train()
    seconds = time.perf_counter() - started
    padding = collator.computed / collator.real
    return {
        "training_seconds": seconds,
        "samples_per_second": len(datasets["train"]) * options.epochs / seconds,
        "padding": padding,
        "validation_f1": seqeval_f1(trainer, datasets["validation"], names),
        "test_f1": seqeval_f1(trainer, datasets["test"], names),
        "sentences": len(datasets["train"]),
        "threads": torch.get_num_threads(),
        "versions": {package: version(package) for package in PACKAGES},
    }


def parse_options() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--encoder", required=True, help="folder of the encoder, or its name on the hub")
    for split in SPLITS:
        parser.add_argument(f"--{split}", required=True, type=Path, help="column file")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch", type=int, default=16, help="sentences per batch")
    parser.add_argument("--learning_rate", type=float, default=2e-4)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(run(parse_options(), folder)))
