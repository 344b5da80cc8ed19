"""Run folders that were written without training, for tests of the code that reads them."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from ner_lightning.entities import EntitySpan
from ner_lightning.predictions import PredictedSentence, write_predictions
from ner_lightning.runs.folders import FINISHED, FinishedRun, read_run
from ner_lightning.schemes import BIO, LabelScheme, TagSet

TYPES = ("LOC", "ORG", "PER")
DATE = "2026-11-29"  # the date of comparisons


def write_run(
    path: Path,
    seed: int,
    sentences: Sequence[PredictedSentence] = (),
    scheme: LabelScheme | None = None,
    loss: Mapping[str, Any] | None = None,
    loss_class: str = "losses.FocalLoss",
    **record: Any,
) -> Path:
    """Write a finished run that predicted these sentences of the test split."""
    scheme = scheme or BIO()
    (path / "predictions").mkdir(parents=True)
    config = {
        "seed_everything": seed,
        "run_dir": str(path),
        "data": {"scheme": {"class_path": f"ner_lightning.{scheme.name}"}, "batches": {"num_workers": seed}},
        "model": {
            "encoder": {"class_path": "E", "init_args": {"name_or_path": "tiny-bert"}},
            "loss": {"class_path": loss_class, "init_args": loss or {}},
        },
        "trainer": {"logger": {"class_path": "W", "init_args": {"name": str(seed)}}, "max_epochs": 3},
    }
    usual = {
        "seed": seed,
        "commit": "abc",
        "corpus_checksum": "0123456789abcdef",
        "versions": {"torch": "2.13.0", "transformers": "5.23.0"},
        "tags": TagSet(scheme, TYPES).to_plain(),
        "decoder": {"name": "ArgmaxDecoder", "init_args": {}},
        "training_seconds": 60.0,
        "peak_memory_mib": 1000 + seed,
    }
    (path / "config.yaml").write_text(yaml.safe_dump(config))
    (path / "run.json").write_text(json.dumps(usual | record))
    (path / FINISHED).write_text(json.dumps({"Bonn": {"LOC": 2}}))
    write_predictions(path / "predictions" / "test.jsonl", sentences)
    return path


def tagged(
    number: int,
    gold: Sequence[EntitySpan],
    predicted: Sequence[EntitySpan],
    num_words: int = 8,
    document_id: str | None = None,
    scheme: LabelScheme | None = None,
) -> PredictedSentence:
    """Return a sentence with the tags that the scheme writes for the predicted entities."""
    tags = TagSet(scheme or BIO(), TYPES)
    names = tuple(tags.tags[tag_id] for tag_id in tags.write(predicted, num_words))
    words = ("Bonn", *(f"word{i}" for i in range(1, num_words)))
    return PredictedSentence(f"test-{number}", document_id, words, tuple(gold), tuple(predicted), names)


BONN, FIRM, ANNA = EntitySpan(0, 1, "LOC"), EntitySpan(2, 4, "ORG"), EntitySpan(5, 8, "PER")
GOLD = (BONN, FIRM, ANNA)


def sentences_of(seed: int, hits: float, scheme: LabelScheme) -> list[PredictedSentence]:
    """Return forty sentences in which a share of the entities is found."""
    rng = np.random.default_rng(seed)
    return [
        tagged(number, GOLD, [entity for entity in GOLD if rng.random() < hits], scheme=scheme) for number in range(40)
    ]


def arm(folder: Path, hits: float, scheme: LabelScheme, num_seeds: int = 3, first_seed: int = 0) -> list[FinishedRun]:
    """Write and read the runs of an arm that find a share of the entities."""
    seeds = range(first_seed, first_seed + num_seeds)
    return [
        read_run(write_run(folder / f"{scheme.name}-{seed}", seed, sentences_of(seed, hits, scheme), scheme=scheme))
        for seed in seeds
    ]
