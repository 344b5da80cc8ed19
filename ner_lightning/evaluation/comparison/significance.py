"""Statistical tests of the differences between arms.

An arm is trained with several seeds and scored on one test set. Other seeds and another test set would give other
scores, so both contribute to the error of a difference (Bouthillier et al. 2021). Tests that ignore one of them find
differences that do not exist.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Int

from ner_lightning.evaluation.comparison.resampling import bootstrap_f1, f1, randomization_p
from ner_lightning.evaluation.comparison.t_tests import LEVEL, MIN_SEEDS, TTest, VariancePart, t_test
from ner_lightning.evaluation.comparison.verdicts import Difference, OtherTest, with_holm

NUM_RESAMPLES: Final = 10_000
NUM_SLICE_RESAMPLES: Final = 2_000  # fewer, since no verdict rests on the intervals of slices
MIN_UNITS: Final = 10  # for the interval of a slice; fewer units do not show how much units vary


@dataclass(frozen=True, slots=True, eq=False)
class ArmCounts:
    """The counts of an arm's runs in every unit of the test set.

    Args:
        name: The name of the arm.
        counts: Matched, predicted and gold entities by seed and unit. Units are documents, or sentences if the corpus
            has no documents.

    Raises:
        ValueError: If there is no run, or the gold entities of a unit differ between runs.
    """

    name: str
    counts: Int[np.ndarray, "seeds units 3"]

    def __post_init__(self) -> None:
        if self.counts.ndim != 3 or not len(self.counts) or self.counts.shape[2] != 3:
            raise ValueError(f"counts must have the axes seeds, units and 3, got {self.counts.shape} of {self.name}")
        require_same_gold(self.counts[0, :, 2], self.counts[:, :, 2], self.name)

    @property
    def f1(self) -> Float[np.ndarray, " seeds"]:
        return f1(self.counts.sum(axis=1))


@dataclass(frozen=True, slots=True, eq=False)
class ResampledArm:
    """An arm, and F1 of its runs on resampled test sets, which are the same for all arms."""

    arm: ArmCounts
    f1: Float[np.ndarray, "resamples seeds"]


@dataclass(frozen=True, slots=True)
class SliceDifference:
    """The difference of the mean F1 of two arms on one slice of the entities, second minus first.

    Args:
        first: The name of the first arm.
        second: The name of the second arm.
        difference: The difference.
        interval: Its 95 % confidence interval, not corrected for the number of slices; None if an arm has fewer than
            ``MIN_SEEDS`` runs, or fewer than ``MIN_UNITS`` units contain an entity of the slice.
    """

    first: str
    second: str
    difference: float
    interval: tuple[float, float] | None


def compare_arms(
    first: ArmCounts, second: ArmCounts, *, unit: str, rng: np.random.Generator, num_resamples: int = NUM_RESAMPLES
) -> Difference:
    """Compare two arms; see :func:`compare_all`."""
    (difference,) = compare_all([first, second], unit=unit, rng=rng, num_resamples=num_resamples)
    return difference


def compare_all(
    arms: Sequence[ArmCounts], *, unit: str, rng: np.random.Generator, num_resamples: int = NUM_RESAMPLES
) -> tuple[Difference, ...]:
    """Compare every pair of several arms that were scored on the same units, in the same order.

    The error of a difference has three sources: the seeds of each arm, and the units, which are resampled for all runs
    of all arms together. Seeds of two arms are treated as independent, even if their numbers are equal.

    Returns:
        The differences in the order of ``itertools.combinations``, with Holm's correction for their number.

    Raises:
        ValueError: If the arms were not scored on the same units and gold entities.
    """
    resampled = resample(arms, unit, num_resamples, rng)
    swapped = randomization_p(np.stack([arm.counts.mean(axis=0) for arm in arms]), num_resamples, rng)
    pairs = combinations(resampled, 2)
    return with_holm([_difference(*pair, unit, p) for pair, p in zip(pairs, swapped.tolist(), strict=True)])


def compare_slice(
    arms: Sequence[ArmCounts], *, unit: str, rng: np.random.Generator, num_resamples: int = NUM_SLICE_RESAMPLES
) -> tuple[SliceDifference, ...]:
    """Compare each further arm with the first on one slice of the entities.

    Units without such entities are left out, since they do not change F1.
    """
    has_entity = units_with_entities(arms)
    if has_entity.sum() < MIN_UNITS:
        return tuple(SliceDifference(arms[0].name, arm.name, mean_difference(arms[0], arm), None) for arm in arms[1:])
    within = [replace(arm, counts=arm.counts[:, has_entity]) for arm in arms]
    first, *others = resample(within, unit, num_resamples, rng)
    return tuple(_slice_difference(first, other, unit) for other in others)


def resample(arms: Sequence[ArmCounts], unit: str, num_resamples: int, rng: np.random.Generator) -> list[ResampledArm]:
    """Score all runs of several arms on the same resampled test sets.

    Raises:
        ValueError: If the arms were not scored on the same units and gold entities.
    """
    first = arms[0]
    for arm in arms:
        sizes = first.counts.shape[1], arm.counts.shape[1]
        if sizes[0] != sizes[1]:
            found = f"{sizes[0]} of {first.name} and {sizes[1]} of {arm.name}"
            raise ValueError(f"arms must be scored on the same {unit}, got {found}")
        require_same_gold(first.counts[0, :, 2], arm.counts[:, :, 2], f"{first.name} and {arm.name}")
    runs = bootstrap_f1(np.concatenate([arm.counts for arm in arms]), num_resamples, rng)
    ends = np.cumsum([len(arm.counts) for arm in arms])[:-1]
    return [ResampledArm(arm, f1s) for arm, f1s in zip(arms, np.split(runs, ends, axis=1), strict=True)]


def units_with_entities(arms: Sequence[ArmCounts]) -> Bool[np.ndarray, " units"]:
    """Mark the units with an entity, gold or predicted by any run; only these carry information."""
    return np.any([arm.counts.any(axis=(0, 2)) for arm in arms], axis=0)


def _difference(first: ResampledArm, second: ResampledArm, unit: str, randomization: float) -> Difference:
    test = combined_test(first, second, unit)
    differences = second.f1.mean(axis=1) - first.f1.mean(axis=1)
    low, high = np.quantile(differences, [LEVEL / 2, 1 - LEVEL / 2]).tolist()
    other_tests = [
        OtherTest("paired approximate randomization", "seeds", p=randomization),
        OtherTest("percentile bootstrap", "seeds", interval=(low, high)),
    ]
    arms = first.arm, second.arm
    if test is not None:
        welch = t_test(mean_difference(*arms), [between_seeds(arm) for arm in arms])
        other_tests.append(OtherTest("Welch's t", f"the choice of {unit}", welch.p, welch.interval))
    return Difference(
        first.arm.name,
        second.arm.name,
        tuple(first.arm.f1.tolist()),
        tuple(second.arm.f1.tolist()),
        first.arm.counts.shape[1],
        unit,
        test,
        tuple(other_tests),
    )


def _slice_difference(first: ResampledArm, second: ResampledArm, unit: str) -> SliceDifference:
    arms = first.arm, second.arm
    test = combined_test(first, second, unit) if units_with_entities(arms).sum() >= MIN_UNITS else None
    return SliceDifference(
        first.arm.name, second.arm.name, mean_difference(*arms), None if test is None else test.interval
    )


def mean_difference(first: ArmCounts, second: ArmCounts) -> float:
    """Return the mean F1 of the second arm minus that of the first."""
    return float(second.f1.mean() - first.f1.mean())


def combined_test(first: ResampledArm, second: ResampledArm, unit: str) -> TTest | None:
    """Test a difference with the seeds and the units in its error; None if there are too few of either."""
    arms = first.arm, second.arm
    if min(len(arm.counts) for arm in arms) < MIN_SEEDS or units_with_entities(arms).sum() < 2:
        return None
    return t_test(mean_difference(*arms), variance_parts((first, second), unit))


def between_seeds(arm: ArmCounts) -> VariancePart:
    """Estimate the variance of an arm's mean from the scores of its seeds on this test set."""
    variance = float(arm.f1.var(ddof=1)) / len(arm.f1)
    return VariancePart(f"seeds of {arm.name}", variance, len(arm.f1) - 1)


def variance_parts(arms: tuple[ResampledArm, ResampledArm], unit: str) -> list[VariancePart]:
    """Estimate the variances of a difference of means: one for the seeds of each arm, and one for the units.

    The runs of an arm also scatter on single units, since they err in different places (the interaction in a
    random-effects layout of seeds by units). This scatter shows up between the seeds and again between the resamples.
    It is subtracted from the latter, since a test that counted it twice would find next to nothing. Each arm's scatter
    is estimated from how far its runs drift apart within a resample. Since that estimate rests on all units, it is also
    the lower limit for the variance of the seeds: a few runs that happen to have similar scores do not prove that
    others would.

    Units without entities add no information, so the degrees of freedom count only the others.

    Args:
        arms: Two arms, resampled together.
        unit: The name of a unit, in the plural.
    """
    first, second = (resampled.arm for resampled in arms)
    degrees = int(units_with_entities([first, second]).sum()) - 1
    unbiased = (
        degrees + 1
    ) / degrees  # n of n units, drawn with replacement, vary by (n - 1) / n of what n new ones do
    drifts = [resampled.f1 - resampled.arm.f1 for resampled in arms]
    scatters = [
        VariancePart(
            f"seeds of {arm.name}",
            unbiased * float(drift.var(axis=1, ddof=1).mean()) / len(arm.f1),
            (len(arm.f1) - 1) * degrees,
        )
        for arm, drift in zip((first, second), drifts, strict=True)
    ]
    total = unbiased * float((drifts[1].mean(axis=1) - drifts[0].mean(axis=1)).var(ddof=1))
    remaining = max(total - sum(part.variance for part in scatters), 0.0)
    seeds = [
        max(between_seeds(arm), scatter, key=lambda part: part.variance)
        for arm, scatter in zip((first, second), scatters, strict=True)
    ]
    return [*seeds, VariancePart(unit, remaining, degrees)]


def require_same_gold(expected: Int[np.ndarray, " units"], gold: Int[np.ndarray, "seeds units"], whose: str) -> None:
    """Check that runs were scored against the same annotation.

    Raises:
        ValueError: If the gold entities of a unit differ.
    """
    differing = (gold != expected).any(axis=0).nonzero()[0]
    if len(differing):
        raise ValueError(
            f"runs must be scored on the same units in the same order, but those of {whose} differ in the gold "
            f"entities of {len(differing)} units, first in number {differing[0]}"
        )
