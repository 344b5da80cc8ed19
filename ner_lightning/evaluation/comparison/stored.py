"""Comparisons as JSON: writes the output of `compare`, and reads it back to draw the page."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Never

from ner_lightning.evaluation.comparison.arms import ComparedRun, Comparison, DecoderResult, ScoredArm
from ner_lightning.evaluation.comparison.disagreements import Disagreement
from ner_lightning.evaluation.comparison.scope import Scope
from ner_lightning.evaluation.comparison.significance import SliceDifference
from ner_lightning.evaluation.comparison.sliced_counts import Slice
from ner_lightning.evaluation.comparison.t_tests import TTest, VariancePart
from ner_lightning.evaluation.comparison.verdicts import Difference, OtherTest

WRONG_CONTENT = (KeyError, TypeError, ValueError, AttributeError, RecursionError)


def disagreements_path(comparison: Path) -> Path:
    """Return the path of the disagreements that belong to a comparison.

    >>> str(disagreements_path(Path("runs/comparison.viterbi.json")))
    'runs/disagreements.viterbi.jsonl'
    """
    return comparison.with_name(comparison.stem.replace("comparison", "disagreements", 1) + ".jsonl")


def to_plain(comparison: Comparison) -> dict[str, Any]:
    """Return a comparison as JSON can hold it, without the disagreements, which have a separate file."""
    return {
        **asdict(comparison.scope),
        "date": comparison.date,
        "unit": comparison.unit,
        "num_units": comparison.num_units,
        "settings": {
            key: dict(zip(comparison.arm_names, values, strict=True)) for key, values in comparison.settings.items()
        },
        "notes": list(comparison.notes),
        "arms": {
            arm.name: {**_plain_scores(arm), "runs": [asdict(run) for run in arm.runs]} for arm in comparison.arms
        },
        "differences": [difference.to_plain() for difference in comparison.differences],
        "differences_by_slice": {
            part.key: [asdict(difference) for difference in of_slice] for part, of_slice in comparison.by_slice.items()
        },
        "by_decoder": {
            result.decoder: {
                "arms": {arm.name: _plain_scores(arm) for arm in result.arms},
                "differences": [difference.to_plain() for difference in result.differences],
            }
            for result in comparison.by_decoder
        },
    }


def _plain_scores(arm: ScoredArm) -> dict[str, Any]:
    return {
        "decoder": arm.decoder,
        "f1": {part.key: list(scores) for part, scores in arm.scores.items()},
        "gold": {part.key: number for part, number in arm.gold.items()},
        "ill_formed": list(arm.ill_formed),
    }


def read_comparison(path: Path) -> Comparison:
    """Read a comparison and, if their file is in the same folder, its disagreements.

    Raises:
        ValueError: If a file was not written by ``compare``, or is damaged.
        OSError: If a file cannot be read.
    """
    try:
        plain = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse_constant)
        comparison = _comparison(plain, None)
    except WRONG_CONTENT as error:
        raise ValueError(f"{path} is not a comparison.json written by compare: {_reason(error)}") from error
    sentences = disagreements_path(path)
    if not sentences.is_file():
        return comparison
    try:
        return _comparison(plain, _read_disagreements(sentences, comparison.arm_names))
    except WRONG_CONTENT as error:
        raise ValueError(f"{sentences} does not contain the disagreements of {path}: {_reason(error)}") from error


def _refuse_constant(constant: str) -> Never:
    raise ValueError(f"numbers must be finite, got {constant}")


def _reason(error: Exception) -> str:
    return f"the key {error} is missing" if isinstance(error, KeyError) else str(error)


def _read_disagreements(path: Path, arm_names: list[str]) -> tuple[Disagreement, ...]:
    lines = path.read_text(encoding="utf-8").splitlines()
    found = tuple(Disagreement.from_plain(json.loads(line)) for line in lines)
    for number, disagreement in enumerate(found, 1):
        if list(disagreement.found) != arm_names:
            raise ValueError(f"line {number} is on the arms {list(disagreement.found)}, not on {arm_names}")
    return found


def _comparison(plain: Mapping[str, Any], disagreements: tuple[Disagreement, ...] | None) -> Comparison:
    runs = {name: tuple(ComparedRun(**run) for run in arm["runs"]) for name, arm in plain["arms"].items()}
    if not runs:
        raise ValueError("there must be at least one arm, got none")
    arms = _arms(plain["arms"], runs)
    types = plain["entity_types"]
    return Comparison(
        Scope(plain["split"], plain["decoder"], None if types is None else tuple(types)),
        str(plain["date"]),
        str(plain["unit"]),
        int(plain["num_units"]),
        arms,
        tuple(map(_difference, plain["differences"])),
        {
            Slice.of_key(key): tuple(map(_slice_difference, of_slice))
            for key, of_slice in plain["differences_by_slice"].items()
        },
        tuple(
            DecoderResult(name, _arms(result["arms"], runs), tuple(map(_difference, result["differences"])))
            for name, result in plain["by_decoder"].items()
        ),
        {key: tuple(values[arm.name] for arm in arms) for key, values in plain["settings"].items()},
        tuple(map(str, plain["notes"])),
        disagreements,
    )


def _arms(plain: Mapping[str, Any], runs: Mapping[str, tuple[ComparedRun, ...]]) -> tuple[ScoredArm, ...]:
    return tuple(
        ScoredArm(
            name,
            plain[name]["decoder"],
            of_arm,
            {
                Slice.of_key(key): tuple(None if score is None else float(score) for score in scores)
                for key, scores in plain[name]["f1"].items()
            },
            {Slice.of_key(key): int(number) for key, number in plain[name]["gold"].items()},
            tuple(map(float, plain[name]["ill_formed"])),
        )
        for name, of_arm in runs.items()
    )


def _difference(plain: Mapping[str, Any]) -> Difference:
    test = plain["test"]
    return Difference(
        plain["first"],
        plain["second"],
        tuple(map(float, plain["first_f1"])),
        tuple(map(float, plain["second_f1"])),
        int(plain["num_units"]),
        plain["unit"],
        None if test is None else _test(test),
        tuple(
            OtherTest(other["method"], other["ignores"], other["p"], _interval(other["interval"]))
            for other in plain["other_tests"]
        ),
        plain["holm_p"],
    )


def _test(plain: Mapping[str, Any]) -> TTest:
    parts = tuple(VariancePart(**part) for part in plain["parts"])
    low, high = plain["interval"]
    return TTest(**{**plain, "parts": parts, "interval": (low, high)})


def _slice_difference(plain: Mapping[str, Any]) -> SliceDifference:
    return SliceDifference(plain["first"], plain["second"], float(plain["difference"]), _interval(plain["interval"]))


def _interval(plain: list[float] | None) -> tuple[float, float] | None:
    if plain is None:
        return None
    low, high = plain
    return float(low), float(high)
