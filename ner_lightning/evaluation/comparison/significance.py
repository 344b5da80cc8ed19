"""Whether two arms of a comparison differ, and how sure that is.

An arm is trained with several seeds and scored on one test set; other seeds and another test set would give other
scores. Both belong to the error of a difference (Bouthillier et al. 2021), and tests that see one of them alone find
differences where there are none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Int

from ner_lightning.evaluation.comparison.resampling import bootstrap_f1, f1, randomisation_p
from ner_lightning.evaluation.comparison.t_tests import LEVEL, TTest, VariancePart, t_test
from ner_lightning.evaluation.comparison.verdicts import Difference, SideTest, with_holm

NUM_RESAMPLES: Final = 10_000
NUM_SLICE_RESAMPLES: Final = 2_000  # intervals of slices are looked at, verdicts do not rest on them
FEWEST_UNITS: Final = 10  # fewer tell too little of how much units differ to base an interval on


@dataclass(frozen=True, slots=True, eq=False)
class ArmCounts:
    """What the runs of an arm found in every unit of the test set.

    Args:
        name: Name of the arm.
        counts: Matched, predicted and gold entities by seed and unit: documents, or sentences where there are none.

    Raises:
        ValueError: If there is no run, or units do not have the same gold entities in all of them.
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
    """An arm, and F1 of its runs on test sets that were resampled together with those of the arms beside it."""

    arm: ArmCounts
    f1: Float[np.ndarray, "resamples seeds"]


@dataclass(frozen=True, slots=True)
class SliceDifference:
    """How the mean F1 of two arms differs in the entities of a slice, second minus first: a hint, no verdict.

    Args:
        first: Name of the first arm.
        second: Name of the second arm.
        difference: The difference.
        interval: Where it lies with 95 % confidence, not corrected for looking at many slices; None where an arm has
            one run, or fewer than ``FEWEST_UNITS`` units hold an entity of the slice.
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
    """Compare each two arms of several that were scored on the same units, in the same order.

    A test's error has three sources: the seeds of either arm, and the units, which are resampled for all runs of all
    arms together. Seeds of two arms are independent, even where their numbers are equal.

    Returns:
        The differences in the order of ``itertools.combinations``, with Holm's correction over all of them.

    Raises:
        ValueError: If the arms do not share their units with the same gold entities.
    """
    resampled = resample(arms, unit, num_resamples, rng)
    swapped = randomisation_p(np.stack([arm.counts.mean(axis=0) for arm in arms]), num_resamples, rng)
    pairs = combinations(resampled, 2)
    return with_holm([_difference(*pair, unit, p) for pair, p in zip(pairs, swapped.tolist(), strict=True)])


def compare_slice(
    arms: Sequence[ArmCounts], *, unit: str, rng: np.random.Generator, num_resamples: int = NUM_SLICE_RESAMPLES
) -> tuple[SliceDifference, ...]:
    """How each further arm differs from the first in the entities of a slice.

    Units that hold none of them change no F1, and are left out.
    """
    held = holding_units(arms)
    if held.sum() < FEWEST_UNITS:
        return tuple(SliceDifference(arms[0].name, arm.name, mean_difference(arms[0], arm), None) for arm in arms[1:])
    within = [replace(arm, counts=arm.counts[:, held]) for arm in arms]
    first, *others = resample(within, unit, num_resamples, rng)
    return tuple(_slice_difference(first, other, unit) for other in others)


def resample(arms: Sequence[ArmCounts], unit: str, num_resamples: int, rng: np.random.Generator) -> list[ResampledArm]:
    """Score all runs of several arms on the same resampled test sets.

    Raises:
        ValueError: If the arms do not share their units with the same gold entities.
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


def holding_units(arms: Sequence[ArmCounts]) -> Bool[np.ndarray, " units"]:
    """Which units hold an entity, gold or predicted by any run; the others tell nothing."""
    return np.any([arm.counts.any(axis=(0, 2)) for arm in arms], axis=0)


def _difference(first: ResampledArm, second: ResampledArm, unit: str, randomisation: float) -> Difference:
    test = combined_test(first, second, unit)
    differences = second.f1.mean(axis=1) - first.f1.mean(axis=1)
    low, high = np.quantile(differences, [LEVEL / 2, 1 - LEVEL / 2]).tolist()
    beside = [
        SideTest("paired approximate randomisation", "seeds", p=randomisation),
        SideTest("percentile bootstrap", "seeds", interval=(low, high)),
    ]
    arms = first.arm, second.arm
    if test is not None:
        welch = t_test(mean_difference(*arms), [between_seeds(arm) for arm in arms])
        beside.append(SideTest("Welch's t", f"the choice of {unit}", welch.p, welch.interval))
    return Difference(
        first.arm.name,
        second.arm.name,
        tuple(first.arm.f1.tolist()),
        tuple(second.arm.f1.tolist()),
        first.arm.counts.shape[1],
        unit,
        test,
        tuple(beside),
    )


def _slice_difference(first: ResampledArm, second: ResampledArm, unit: str) -> SliceDifference:
    arms = first.arm, second.arm
    test = combined_test(first, second, unit) if holding_units(arms).sum() >= FEWEST_UNITS else None
    return SliceDifference(
        first.arm.name, second.arm.name, mean_difference(*arms), None if test is None else test.interval
    )


def mean_difference(first: ArmCounts, second: ArmCounts) -> float:
    """By how much the second arm is better in the mean over its seeds."""
    return float(second.f1.mean() - first.f1.mean())


def combined_test(first: ResampledArm, second: ResampledArm, unit: str) -> TTest | None:
    """The test of a difference with seeds and units in its error; None where there are not two of each."""
    arms = first.arm, second.arm
    if min(len(arm.counts) for arm in arms) < 2 or holding_units(arms).sum() < 2:
        return None
    return t_test(mean_difference(*arms), variance_parts((first, second), unit))


def between_seeds(arm: ArmCounts) -> VariancePart:
    """The variance of the mean over seeds, as their scores on this test set show it."""
    variance = float(arm.f1.var(ddof=1)) / len(arm.f1)
    return VariancePart(f"seeds of {arm.name}", variance, len(arm.f1) - 1)


def variance_parts(arms: tuple[ResampledArm, ResampledArm], unit: str) -> list[VariancePart]:
    """The variances of a difference of means: one for the seeds of each arm, and one for the units.

    Runs of an arm also scatter on single units, one erring here and another there (the interaction in a
    random-effects layout of seeds by units). This scatter shows between seeds and again between resamples, so it is
    taken off the latter: counted twice, a test of runs that err independently would find next to nothing. Each arm's
    is seen in how far its runs drift apart in a resample. As it rests on all units, it is also the least that seeds
    vary by: few that happen to score alike are no proof that others would.

    What units without entities would add is known before: degrees of freedom are counted from the others.

    Args:
        arms: Two arms, resampled together.
        unit: What a unit is, in the plural.
    """
    first, second = (resampled.arm for resampled in arms)
    degrees = int(holding_units([first, second]).sum()) - 1
    unbiased = (degrees + 1) / degrees  # n drawn from n units vary by (n - 1) / n of what n new ones do
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
        ValueError: If they were not.
    """
    differing = (gold != expected).any(axis=0).nonzero()[0]
    if len(differing):
        raise ValueError(
            f"runs must be scored on the same units in the same order, those of {whose} differ in the gold entities "
            f"of {len(differing)}, the first of which is number {differing[0]}"
        )
