"""The comparison of arms: what their runs scored on one test set, and how sure the differences are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, combinations
from typing import Any, Final

import numpy as np
from jaxtyping import Int

from ner_lightning.evaluation.disagreements import Disagreement, find_disagreements
from ner_lightning.evaluation.resampling import f1
from ner_lightning.evaluation.run_folders import FinishedRun, differences
from ner_lightning.evaluation.significance import ArmCounts, Difference, compare_arms, with_holm
from ner_lightning.evaluation.sliced_counts import LENIENT, Slice, UnitCounts, Units, count_by_unit
from ner_lightning.evaluation.strict_reading import read_strictly
from ner_lightning.evaluation.training_entities import TrainingEntities
from ner_lightning.predictions import PredictedSentence
from ner_lightning.schemes import TagSet

NUM_SLICE_RESAMPLES: Final = 2_000  # intervals of slices are looked at, verdicts do not rest on them
CIRCUMSTANCES: Final = ("corpus_checksum", "commit", "versions", "precision", "device", "ranks", "threads")


@dataclass(frozen=True, slots=True)
class ScoredArm:
    """What the runs of one arm scored.

    Args:
        name: Name of the arm.
        runs: Its runs, by seed.
        counts: Matched, predicted and gold entities of every slice, ``[seeds units 3]``.
        ill_formed: The share of sentences with ill-formed tags, of every run.
    """

    name: str
    runs: tuple[FinishedRun, ...]
    counts: Mapping[Slice, Int[np.ndarray, "seeds units 3"]]
    ill_formed: tuple[float, ...]

    def f1(self, part: Slice = LENIENT) -> list[float]:
        """F1 of every run."""
        return f1(self.counts[part].sum(axis=1)).tolist()

    def gold(self, part: Slice) -> int:
        """How many gold entities the slice has."""
        return int(self.counts[part][0, :, 2].sum())


@dataclass(frozen=True, slots=True)
class Comparison:
    """Several arms on one test set.

    Args:
        split: The split that was scored.
        decoder: The decoder that all runs were scored with; None where each has its own.
        units: What the test set was resampled by.
        arms: The arms.
        differences: Each two arms, the later minus the earlier, with Holm's correction over all of them.
        by_slice: For every slice, each further arm minus the first; not corrected.
        settings: The settings in which arms differ, with the value of each arm.
        notes: What else runs differ in.
        disagreements: The sentences on which arms differ, the most differing first.
    """

    split: str
    decoder: str | None
    units: Units
    arms: tuple[ScoredArm, ...]
    differences: tuple[Difference, ...]
    by_slice: Mapping[Slice, tuple[Difference, ...]]
    settings: Mapping[str, tuple[Any, ...]]
    notes: tuple[str, ...]
    disagreements: tuple[Disagreement, ...]

    def to_plain(self) -> dict[str, Any]:
        """What is kept as JSON."""
        return {
            "split": self.split,
            "decoder": self.decoder,
            self.units.name: len(self.units),
            "settings": {key: dict(zip(self.arm_names, values, strict=True)) for key, values in self.settings.items()},
            "notes": list(self.notes),
            "arms": {arm.name: _plain_arm(arm) for arm in self.arms},
            "differences": [difference.to_plain() for difference in self.differences],
            "differences_by_slice": [
                {"axis": part.axis, "value": part.value} | difference.to_plain()
                for part, of_slice in self.by_slice.items()
                for difference in of_slice
            ],
        }

    @property
    def arm_names(self) -> list[str]:
        return [arm.name for arm in self.arms]


def compare_runs(
    runs_by_arm: Mapping[str, Sequence[FinishedRun]], split: str, decoder: str | None, rng: np.random.Generator
) -> Comparison:
    """Score all runs on a split and compare each two arms.

    Raises:
        ValueError: If runs were not scored on the same sentences, or runs of an arm were trained on other corpora.
        PredictionsError: If a predictions file is missing or damaged.
    """
    predictions = {name: [run.predictions(split, decoder) for run in runs] for name, runs in runs_by_arm.items()}
    reference = next(iter(predictions.values()))[0]
    units, training = Units.of(reference), _known_to_any(chain.from_iterable(runs_by_arm.values()))
    scored: dict[str, list[UnitCounts]] = {}
    ill_formed: dict[str, list[float]] = {}
    for name, runs in runs_by_arm.items():
        _require_one_corpus(name, runs)
        for run, sentences in zip(runs, predictions[name], strict=True):
            _require_same_sentences(reference, sentences, run)
            strict = read_strictly(sentences, TagSet.from_plain(run.record["tags"]).scheme)
            scored.setdefault(name, []).append(count_by_unit(sentences, strict, units, training))
            ill_formed.setdefault(name, []).append(strict.ill_formed)
    parts = sorted({part for of_arm in scored.values() for of_run in of_arm for part in of_run})
    nothing = np.zeros((len(units), 3), dtype=np.int64)
    arms = tuple(
        ScoredArm(
            name,
            tuple(runs),
            {part: np.stack([of_run.get(part, nothing) for of_run in scored[name]]) for part in parts},
            tuple(ill_formed[name]),
        )
        for name, runs in runs_by_arm.items()
    )
    return Comparison(
        split,
        decoder,
        units,
        arms,
        _differences(arms, units, rng),
        _differences_by_slice(arms, units, rng),
        _differing_settings(arms),
        _notes(arms),
        tuple(find_disagreements(predictions)),
    )


def _differences(arms: Sequence[ScoredArm], units: Units, rng: np.random.Generator) -> tuple[Difference, ...]:
    counts = [ArmCounts(arm.name, arm.counts[LENIENT]) for arm in arms]
    return with_holm([compare_arms(*pair, unit=units.name, rng=rng) for pair in combinations(counts, 2)])


def _differences_by_slice(
    arms: Sequence[ScoredArm], units: Units, rng: np.random.Generator
) -> dict[Slice, tuple[Difference, ...]]:
    by_slice = {}
    for part in arms[0].counts:
        first, *others = (ArmCounts(arm.name, arm.counts[part]) for arm in arms)
        by_slice[part] = tuple(
            compare_arms(first, other, unit=units.name, rng=rng, num_resamples=NUM_SLICE_RESAMPLES) for other in others
        )
    return by_slice


def _require_one_corpus(name: str, runs: Sequence[FinishedRun]) -> None:
    checksums = {run.record["corpus_checksum"] for run in runs}
    if len(checksums) > 1:
        raise ValueError(f"runs of an arm must be trained on one corpus, those of {name} have checksums {checksums}")


def _require_same_sentences(
    reference: Sequence[PredictedSentence], sentences: Sequence[PredictedSentence], run: FinishedRun
) -> None:
    if len(reference) != len(sentences):
        found = f"{len(sentences)} instead of {len(reference)}"
        raise ValueError(f"runs must be scored on the same sentences, {run.path} has {found}")
    for expected, sentence in zip(reference, sentences, strict=True):
        if (expected.id, expected.words, set(expected.gold)) != (sentence.id, sentence.words, set(sentence.gold)):
            raise ValueError(
                f"runs must be scored on the same sentences with the same gold entities, {run.path} has other ones "
                f"in {sentence.id} than other runs in {expected.id}"
            )


def _known_to_any(runs: Iterable[FinishedRun]) -> TrainingEntities:
    """The surfaces that any run was trained on, so that a surface is seen for all arms or for none."""
    known: dict[str, dict[str, int]] = {}
    for run in runs:
        for surface, types in run.training_entities.items():
            known.setdefault(surface, {}).update(types)
    return known


def _differing_settings(arms: Sequence[ScoredArm]) -> dict[str, tuple[Any, ...]]:
    settings = [arm.runs[0].settings for arm in arms]
    keys = sorted({key for other in settings[1:] for key in differences(settings[0], other)})
    return {key: tuple(of_arm.get(key) for of_arm in settings) for key in keys}


def _notes(arms: Sequence[ScoredArm]) -> tuple[str, ...]:
    """A line for every circumstance that is not the same for all runs."""
    lines = []
    for name in CIRCUMSTANCES:
        values = Counter(str(run.record.get(name)) for arm in arms for run in arm.runs)
        if len(values) > 1:
            told = ", ".join(f"{value} ({count} runs)" for value, count in values.most_common())
            lines.append(f"{name} is not the same for all runs: {told}")
    return tuple(lines)


def _plain_arm(arm: ScoredArm) -> dict[str, Any]:
    return {
        "f1": {f"{part.axis}/{part.value}": arm.f1(part) for part in arm.counts},
        "gold": {f"{part.axis}/{part.value}": arm.gold(part) for part in arm.counts},
        "ill_formed": list(arm.ill_formed),
        "runs": [
            {"path": str(run.path), "seed": run.seed}
            | {key: run.record.get(key) for key in (*CIRCUMSTANCES, "training_seconds", "peak_memory_mib", "decoder")}
            for run in arm.runs
        ],
    }
