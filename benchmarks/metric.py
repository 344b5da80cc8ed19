"""Compares the speed of ``SpanF1`` and of seqeval's report on the same tags.

    python benchmarks/metric.py

Each side is given what an evaluation loop has: ``SpanF1`` padded tensors of tag ids, seqeval lists of
strings. Both must agree to 1e-12. benchmarks/README.md says how to read the numbers.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from column_data import FILE_PATTERNS, MissingInputError, corpus_files
from rich.console import Console
from rich.table import Column, Table
from seqeval.metrics import classification_report
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from ner_lightning.corpora.column_files import ColumnFiles
from ner_lightning.encoding.batch_sampler import plan_evaluation
from ner_lightning.entities import EntitySpan
from ner_lightning.metrics.span_f1 import SpanF1
from ner_lightning.schemes import BIO, IGNORE_INDEX, TagSet

GENERATED = "generated"
TOLERANCE = 1e-12
WORDS_IN_BUDGET = 2700  # in `evaluation_subwords: 4096`, with one and a half subwords per word
Rows = list[list[int]]
Batches = list[tuple[Tensor, Tensor]]


@dataclass(frozen=True, slots=True)
class TaggedText:
    """Predicted and gold tag ids of sentences."""

    tags: TagSet
    gold: Rows
    predicted: Rows

    @property
    def num_words(self) -> int:
        return sum(map(len, self.gold))

    def names(self, rows: Rows) -> list[list[str]]:
        """Return the tags in the format of seqeval."""
        return [[self.tags.tags[tag_id] for tag_id in row] for row in rows]


def tagged_text(corpus: str, num_words: int, seed: int) -> TaggedText:
    """Return at least ``num_words`` words of a corpus, repeated as needed, with predictions that contain some errors.

    One word in fifty is predicted at random: types confused, entities cut or invented, ill-formed tags.
    """
    generator = random.Random(seed)
    tags, sentences = _generated_sentences(generator) if corpus == GENERATED else _corpus_sentences(corpus)
    gold: Rows = []
    missing = num_words
    while missing > 0:
        gold.append(sentences[len(gold) % len(sentences)])
        missing -= len(gold[-1])
    num_tags = len(tags.tags)
    predicted = [
        [generator.randrange(num_tags) if generator.random() < 0.02 else tag_id for tag_id in row] for row in gold
    ]
    return TaggedText(tags, gold, predicted)


def _corpus_sentences(corpus: str) -> tuple[TagSet, Rows]:
    files = corpus_files(corpus)
    read = ColumnFiles(str(files["train"]), str(files["validation"]), str(files["test"])).read()
    types = sorted({kind for split in read.splits for kind in read.entity_types(split)})
    tags = TagSet(BIO(), tuple(types))
    return tags, [tags.write(s.entities, len(s)) for split in read.splits.values() for s in split]


def _generated_sentences(generator: random.Random) -> tuple[TagSet, Rows]:
    """Return sentences of 5 to 35 words, about 8 % of them in entities of one to four words."""
    tags = TagSet(BIO(), ("LOC", "MISC", "ORG", "PER"))
    rows = []
    for _ in range(2000):
        length, end = generator.randint(5, 35), 0
        entities = []
        for start in range(length):
            if start >= end and generator.random() < 0.045:
                end = min(start + generator.choice((1, 1, 1, 2, 2, 3, 4)), length)
                entities.append(EntitySpan(start, end, generator.choice(tags.entity_types)))
        rows.append(tags.write(entities, length))
    return tags, rows


def batches_of(text: TaggedText, plan: Sequence[Sequence[int]]) -> Batches:
    """Return padded tensors of the planned sentences."""

    def padded(rows: Rows, batch: Sequence[int]) -> Tensor:
        return pad_sequence([torch.tensor(rows[i]) for i in batch], True, IGNORE_INDEX)

    return [(padded(text.predicted, batch), padded(text.gold, batch)) for batch in plan]


def batch_plans(text: TaggedText) -> dict[str, list[list[int]]]:
    """Return the ways to batch that are measured."""
    everything = list(range(len(text.gold)))
    by_budget = plan_evaluation([len(row) for row in text.gold], WORDS_IN_BUDGET)
    return {
        "as fit evaluates": [list(batch) for batch in by_budget],
        "64 sentences a batch": [everything[i : i + 64] for i in range(0, len(everything), 64)],
        "one batch": [everything],
    }


def span_f1_scores(text: TaggedText, batches: Batches) -> dict[str, float]:
    """Count all batches and compute, as an evaluation loop does."""
    with torch.inference_mode():
        metric = SpanF1(text.tags, text.tags)
        for predicted, gold in batches:
            metric.update(predicted, gold)
        return {name: value.item() for name, value in metric.compute().items()}


def seqeval_report(gold: list[list[str]], predicted: list[list[str]]) -> dict[str, dict[str, float]]:
    """Return seqeval's scores by entity type and overall."""
    return classification_report(gold, predicted, output_dict=True, zero_division=0)


def require_agreement(ours: dict[str, float], report: dict[str, dict[str, float]]) -> None:
    """Fail if a score differs.

    Raises:
        AssertionError: If it does.
    """
    overall = report["micro avg"]
    expected = {"f1": overall["f1-score"], "precision": overall["precision"], "recall": overall["recall"]}
    expected |= {f"f1/{kind}": row["f1-score"] for kind, row in report.items() if not kind.endswith(" avg")}
    for name, value in expected.items():
        if abs(ours[name] - value) > TOLERANCE:
            raise AssertionError(f"{name} must be {value} as counted by seqeval, got {ours[name]} from SpanF1")


def seconds_of(function: Callable[..., object], *arguments: object) -> float:
    """Return the processor seconds of one call, which other work on the machine affects less than clock seconds."""
    started = time.process_time()
    function(*arguments)
    return time.process_time() - started


def measure(text: TaggedText, repeats: int) -> tuple[float, dict[str, float]]:
    """Return median seconds of seqeval's report, and of ``SpanF1`` for each way to batch, measured in turn."""
    gold, predicted = text.names(text.gold), text.names(text.predicted)
    batches_by_plan = {name: batches_of(text, plan) for name, plan in batch_plans(text).items()}
    report = seqeval_report(gold, predicted)
    for batches in batches_by_plan.values():
        require_agreement(span_f1_scores(text, batches), report)
    seqeval_seconds: list[float] = []
    our_seconds: dict[str, list[float]] = {name: [] for name in batches_by_plan}
    for _ in range(repeats):
        seqeval_seconds.append(seconds_of(seqeval_report, gold, predicted))
        for name, batches in batches_by_plan.items():
            our_seconds[name].append(seconds_of(span_f1_scores, text, batches))
    return statistics.median(seqeval_seconds), {n: statistics.median(s) for n, s in our_seconds.items()}


def available_corpora() -> list[str]:
    """Return the corpora in the data folder, and the generated one, which is always available."""
    found = []
    for corpus in FILE_PATTERNS:
        try:
            corpus_files(corpus)
        except MissingInputError:
            continue
        found.append(corpus)
    return [*found, GENERATED]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print the table.

    Returns:
        The exit status: 0, or 2 where the corpus is not there.
    """
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--corpus", choices=[*FILE_PATTERNS, GENERATED], help="by default the first that is found")
    parser.add_argument("--words", type=int, default=200_000)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--seed", type=int, default=0, help="seed of the predictions")
    options = parser.parse_args(arguments)
    corpus = options.corpus or available_corpora()[0]
    try:
        text = tagged_text(corpus, options.words, options.seed)
    except MissingInputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    seqeval_seconds, our_seconds = measure(text, options.repeats)
    numbers = [Column(name, justify="right") for name in ("ms", "words/s", "ratio")]
    title = f"{corpus}: {text.num_words} words, {len(text.gold)} sentences; medians of {options.repeats}"
    table = Table("", *numbers, title=title, title_justify="left")
    rows = {"seqeval's report": seqeval_seconds}
    rows |= {f"SpanF1, {name}": seconds for name, seconds in our_seconds.items()}
    for name, seconds in rows.items():
        speed, ratio = text.num_words / seconds, seqeval_seconds / seconds
        table.add_row(name, f"{seconds * 1000:.1f}", f"{speed:,.0f}", f"{ratio:.1f}")
    Console().print(table)
    print("scores agree to 1e-12")
    return 0


if __name__ == "__main__":
    sys.exit(main())
