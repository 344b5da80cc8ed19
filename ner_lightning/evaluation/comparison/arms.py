"""The comparison of arms: what their runs scored on one test set, and how sure the differences are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import chain
from statistics import mean
from typing import Any, Final

import numpy as np
from jaxtyping import Int

from ner_lightning.evaluation.comparison.disagreements import Disagreement, find_disagreements
from ner_lightning.evaluation.comparison.resampling import f1
from ner_lightning.evaluation.comparison.scope import Scope
from ner_lightning.evaluation.comparison.significance import ArmCounts, SliceDifference, compare_all, compare_slice
from ner_lightning.evaluation.comparison.sliced_counts import LENIENT, STRICT, Slice, UnitCounts, Units, count_by_unit
from ner_lightning.evaluation.comparison.verdicts import Difference
from ner_lightning.evaluation.strict_reading import read_strictly
from ner_lightning.predictions import PredictedSentence
from ner_lightning.runs.folders import FinishedRun
from ner_lightning.runs.settings import differences
from ner_lightning.runs.training_entities import TrainingEntities
from ner_lightning.schemes import TagSet

CIRCUMSTANCES: Final = ("corpus_checksum", "commit", "versions", "precision", "device", "ranks", "threads")


@dataclass(frozen=True, slots=True)
class ScoredRun:
    """What a run predicted and scored.

    Args:
        run: The run.
        counts: Matched, predicted and gold entities by slice and unit.
        ill_formed: The share of sentences with ill-formed tags.
        sentences: Its predicted entities.
    """

    run: FinishedRun
    counts: UnitCounts
    ill_formed: float
    sentences: Sequence[PredictedSentence]


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

    @classmethod
    def of(cls, name: str, scored: Sequence[ScoredRun], parts: Iterable[Slice], num_units: int) -> ScoredArm:
        """The arm of these runs, with counts of slices that some of them know nothing of."""
        nothing = np.zeros((num_units, 3), dtype=np.int64)
        counts = {part: np.stack([of_run.counts.get(part, nothing) for of_run in scored]) for part in parts}
        return cls(name, tuple(of_run.run for of_run in scored), counts, tuple(of_run.ill_formed for of_run in scored))

    def f1(self, part: Slice = LENIENT) -> list[float]:
        """F1 of every run."""
        return f1(self.counts[part].sum(axis=1)).tolist()

    def mean_f1(self, part: Slice) -> float | None:
        """The mean F1 of its runs; None where no entity of the slice is annotated, or predicted by any run."""
        return mean(self.f1(part)) if self.counts[part].any() else None

    def gold(self, part: Slice) -> int:
        """How many gold entities the slice has."""
        return int(self.counts[part][0, :, 2].sum())


@dataclass(frozen=True, slots=True)
class Comparison:
    """Several arms on one test set.

    Args:
        scope: What the runs were scored on.
        units: What the test set was resampled by.
        arms: The arms.
        differences: Each two arms, the later minus the earlier, with Holm's correction over all of them.
        by_slice: For every slice, each further arm minus the first: hints without a verdict.
        settings: The settings in which arms differ, with the value of each arm.
        notes: What else runs differ in.
        disagreements: The sentences on which arms differ, the most differing first.
    """

    scope: Scope
    units: Units
    arms: tuple[ScoredArm, ...]
    differences: tuple[Difference, ...]
    by_slice: Mapping[Slice, tuple[SliceDifference, ...]]
    settings: Mapping[str, tuple[Any, ...]]
    notes: tuple[str, ...]
    disagreements: tuple[Disagreement, ...]

    def to_plain(self) -> dict[str, Any]:
        """What is kept as JSON."""
        return {
            **asdict(self.scope),
            self.units.name: len(self.units),
            "settings": {key: dict(zip(self.arm_names, values, strict=True)) for key, values in self.settings.items()},
            "notes": list(self.notes),
            "arms": {arm.name: _plain_arm(arm) for arm in self.arms},
            "differences": [difference.to_plain() for difference in self.differences],
            "differences_by_slice": [
                {"axis": part.axis, "value": part.value} | asdict(difference)
                for part, of_slice in self.by_slice.items()
                for difference in of_slice
            ],
        }

    @property
    def verdicts(self) -> list[str]:
        """What is said of each two arms; and of which entities, where not of all."""
        types = self.scope.entity_types
        only = "" if types is None else f"Of {', '.join(types)} alone: "
        return [only + difference.verdict() for difference in self.differences]

    @property
    def arm_names(self) -> list[str]:
        return [arm.name for arm in self.arms]


def compare_runs(
    runs_by_arm: Mapping[str, Sequence[FinishedRun]],
    scope: Scope,
    rng: np.random.Generator,
    track: Callable[[Sequence[FinishedRun]], Iterable[FinishedRun]] = iter,
) -> Comparison:
    """Score all runs and compare each two arms.

    Args:
        runs_by_arm: The runs of every arm.
        scope: What they are scored on.
        rng: Draws the resampled test sets.
        track: Hands on the runs one by one, and may show how far it is.

    Raises:
        ValueError: If there is no sentence, runs were not scored on the same ones, runs of an arm were trained on
            other corpora, or no run knows an entity type of the scope.
        PredictionsError: If a predictions file is missing or damaged.
    """
    for name, of_arm in runs_by_arm.items():
        _require_one_corpus(name, of_arm)
    runs = list(chain.from_iterable(runs_by_arm.values()))
    scope.require_known_types(runs)
    reference = scope.predictions(runs[0])
    if not reference:
        raise ValueError(f"arms are compared on sentences, the {scope.split} predictions of {runs[0].path} hold none")
    units, training = Units.of(reference), _known_to_any(runs)
    scored = iter([_score(run, scope, reference, units, training) for run in track(runs)])
    by_arm = {name: [next(scored) for _ in of_arm] for name, of_arm in runs_by_arm.items()}
    parts = sorted({LENIENT, STRICT}.union(*(run.counts for of_arm in by_arm.values() for run in of_arm)))
    arms = [ScoredArm.of(name, of_arm, parts, len(units)) for name, of_arm in by_arm.items()]
    return Comparison(
        scope,
        units,
        tuple(arms),
        compare_all(_counts(arms, LENIENT), unit=units.name, rng=rng),
        {part: compare_slice(_counts(arms, part), unit=units.name, rng=rng) for part in parts},
        differences(*(arm.runs[0].settings for arm in arms)),
        _notes(arms),
        tuple(find_disagreements({name: [run.sentences for run in of_arm] for name, of_arm in by_arm.items()})),
    )


def _score(
    run: FinishedRun, scope: Scope, reference: Sequence[PredictedSentence], units: Units, training: TrainingEntities
) -> ScoredRun:
    sentences = scope.predictions(run)
    _require_same_sentences(reference, sentences, run)
    strict = read_strictly(sentences, TagSet.from_plain(run.record["tags"]).scheme)
    counted = scope.counted(sentences)
    return ScoredRun(
        run,
        count_by_unit(counted, scope.counted(strict.sentences), units, training),
        strict.ill_formed,
        [
            replace(sentence, words=shared.words, predicted_tags=None)  # many runs hold the same words
            for shared, sentence in zip(reference, counted, strict=True)
        ],
    )


def _counts(arms: Sequence[ScoredArm], part: Slice) -> list[ArmCounts]:
    return [ArmCounts(arm.name, arm.counts[part]) for arm in arms]


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
