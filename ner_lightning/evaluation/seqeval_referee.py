"""Comparison of our scores with those of seqeval."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

from seqeval.metrics import classification_report

from ner_lightning.predictions import PredictedSentence
from ner_lightning.schemes import BIO, TagSet


def seqeval_scores(sentences: Sequence[PredictedSentence]) -> dict[str, float]:
    """Score a predictions file with seqeval: ``f1``, ``precision``, ``recall`` and ``f1/<type>``.

    Gold entities are written in BIO, which can represent all of them; predicted tags are passed on unchanged.

    Raises:
        ValueError: If a sentence has no predicted tags.
    """
    tagged = [(sentence, sentence.predicted_tags) for sentence in sentences]
    types = tuple(sorted({entity.entity_type for sentence in sentences for entity in sentence.gold}))
    tags = TagSet(BIO(), types)
    gold = [[tags.tags[i] for i in tags.write(s.gold, len(s.words))] for s in sentences]
    predicted = [list(given) for _, given in tagged if given is not None]
    if len(predicted) != len(gold):
        raise ValueError("seqeval needs predicted tags, but a sentence of the predictions file has none")
    if not any(tag != "O" for row in (*gold, *predicted) for tag in row):
        return {"f1": 0.0, "precision": 0.0, "recall": 0.0}  # seqeval's report fails without any entity
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # seqeval warns that a score without predictions is 0
        report = classification_report(gold, predicted, output_dict=True, zero_division=0)
    averages = {"micro avg", "macro avg", "weighted avg"}
    overall = report["micro avg"]
    return {
        "f1": float(overall["f1-score"]),
        "precision": float(overall["precision"]),
        "recall": float(overall["recall"]),
        **{f"f1/{kind}": float(row["f1-score"]) for kind, row in report.items() if kind not in averages},
    }


def differences_from_seqeval(ours: dict[str, float], seqeval: dict[str, float], tolerance: float = 1e-12) -> list[str]:
    """Describe every score in which ours and seqeval's differ, in one line each."""
    return [
        f"{name}: ours {ours.get(name)}, seqeval's {value}"
        for name, value in seqeval.items()
        if abs(ours.get(name, 0.0) - value) > tolerance
    ]
