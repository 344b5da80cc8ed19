"""Whether two arms of a comparison differ, and how sure that is.

An arm is trained with several seeds and scored on one test set; other seeds and another test set would give other
scores. Both belong to the error of a difference (Bouthillier et al. 2021), and tests that see one of them alone find
differences where there are none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from ner_lightning.evaluation.resampling import bootstrap_f1, f1, randomisation_p
from ner_lightning.evaluation.t_tests import LEVEL, TTest, VariancePart, holm, t_test

NUM_RESAMPLES = 10_000


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


@dataclass(frozen=True, slots=True)
class SideTest:
    """A usual test that stands beside the verdict, and what it does not see."""

    method: str
    ignores: str
    p: float | None = None
    interval: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Difference:
    """The difference of the mean F1 of two arms, second minus first.

    Args:
        first: Name of the first arm.
        second: Name of the second arm.
        first_f1: F1 of each of its runs.
        second_f1: F1 of each of its runs.
        num_units: What the test set holds.
        unit: What a unit is, in the plural.
        test: The test that the verdict rests on; None where an arm has one run.
        beside: Usual tests that ignore seeds or test set.
        holm_p: p of the test, corrected for the other differences it was asked with; None where it was the only one.
    """

    first: str
    second: str
    first_f1: tuple[float, ...]
    second_f1: tuple[float, ...]
    num_units: int
    unit: str
    test: TTest | None
    beside: tuple[SideTest, ...]
    holm_p: float | None = None

    @property
    def difference(self) -> float:
        return float(np.mean(self.second_f1) - np.mean(self.first_f1))

    @property
    def p(self) -> float | None:
        """What decides: the p corrected by Holm's method where there is one."""
        return self.test.p if self.test and self.holm_p is None else self.holm_p

    @property
    def better(self) -> str | None:
        """The arm that is better; None where no difference was detected."""
        if self.p is None or self.p >= LEVEL:
            return None
        return self.second if self.difference > 0 else self.first

    def verdict(self) -> str:
        """The difference in a sentence, in points of F1 (per cent)."""
        found = f"{self.second} − {self.first} = {_points(self.difference)} F1"
        seeds = " and ".join(str(n) for n in dict.fromkeys((len(self.first_f1), len(self.second_f1))))
        if self.test is None:
            return f"{found}: no verdict, as one seed does not show what another would change; train at least 2 an arm."
        low, high = map(_points, self.test.interval)
        corrected = "" if self.holm_p is None else f" (by Holm {_p_value(self.holm_p)})"
        basis = f"{_p_value(self.test.p)}{corrected} over {seeds} seeds and {self.num_units:,} {self.unit}"
        return f"{found} [{low}, {high}], {basis}: {self._conclusion(self.test)}."

    def to_plain(self) -> dict[str, Any]:
        """What is kept as JSON: the fields, and what follows from them."""
        derived = {"difference": self.difference, "p": self.p, "better": self.better, "verdict": self.verdict()}
        return {**asdict(self), **derived}

    def _conclusion(self, test: TTest) -> str:
        if self.better is not None:
            return f"{self.better} is better"
        if not test.standard_error:
            return "the same score in every run"
        return f"no detectable difference; differences above {max(100 * test.detectable, 0.1):.1f} would show"


def compare_arms(
    first: ArmCounts, second: ArmCounts, *, unit: str, rng: np.random.Generator, num_resamples: int = NUM_RESAMPLES
) -> Difference:
    """Compare two arms that were scored on the same units, in the same order.

    The test's error has three sources: the seeds of either arm, and the units, which are resampled for all runs
    together. Seeds of the two arms are independent, even where their numbers are equal.

    Raises:
        ValueError: If the arms do not share at least 2 units with the same gold entities.
    """
    num_units = first.counts.shape[1]
    if num_units != second.counts.shape[1] or num_units < 2:
        raise ValueError(
            f"arms must be scored on the same {unit}, at least 2, "
            f"got {num_units} of {first.name} and {second.counts.shape[1]} of {second.name}"
        )
    require_same_gold(first.counts[0, :, 2], second.counts[:, :, 2], f"{first.name} and {second.name}")
    runs = bootstrap_f1(np.concatenate([first.counts, second.counts]), num_resamples, rng)
    resampled = runs[:, : len(first.f1)], runs[:, len(first.f1) :]
    differences = resampled[1].mean(axis=1) - resampled[0].mean(axis=1)
    low, high = np.quantile(differences, [LEVEL / 2, 1 - LEVEL / 2]).tolist()
    means = first.counts.mean(axis=0), second.counts.mean(axis=0)
    beside = [
        SideTest("paired approximate randomisation", "seeds", p=randomisation_p(*means, num_resamples, rng)),
        SideTest("percentile bootstrap", "seeds", interval=(low, high)),
    ]
    test = None
    if min(len(first.f1), len(second.f1)) > 1:
        arms = first, second
        difference = float(second.f1.mean() - first.f1.mean())
        test = t_test(difference, variance_parts(arms, resampled, unit))
        welch = t_test(difference, [between_seeds(arm) for arm in arms])
        beside.append(SideTest("Welch's t", f"the choice of {unit}", welch.p, welch.interval))
    f1s = tuple(first.f1.tolist()), tuple(second.f1.tolist())
    return Difference(first.name, second.name, *f1s, num_units, unit, test, tuple(beside))


def between_seeds(arm: ArmCounts) -> VariancePart:
    """The variance of the mean over seeds, as their scores on this test set show it."""
    variance = float(arm.f1.var(ddof=1)) / len(arm.f1)
    return VariancePart(f"seeds of {arm.name}", variance, len(arm.f1) - 1)


def variance_parts(
    arms: tuple[ArmCounts, ArmCounts],
    resampled: tuple[Float[np.ndarray, "resamples seeds"], Float[np.ndarray, "resamples seeds"]],
    unit: str,
) -> list[VariancePart]:
    """The variances of a difference of means: one for the seeds of each arm, and one for the units.

    Runs of an arm also scatter on single units, one erring here and another there (the interaction in a
    random-effects layout of seeds by units). This scatter shows between seeds and again between resamples, so it is
    taken off the latter: counted twice, a test of runs that err independently would find next to nothing. Each arm's
    is seen in how far its runs drift apart in a resample. As it rests on all units, it is also the least that seeds
    vary by: few that happen to score alike are no proof that others would.

    Args:
        arms: The arms.
        resampled: F1 of their runs on the same resampled test sets.
        unit: What a unit is, in the plural.
    """
    degrees = arms[0].counts.shape[1] - 1
    unbiased = (degrees + 1) / degrees  # n drawn from n units vary by (n - 1) / n of what n new ones do
    drifts = [scores - arm.f1 for arm, scores in zip(arms, resampled, strict=True)]
    scatters = [
        VariancePart(
            f"seeds of {arm.name}",
            unbiased * float(drift.var(axis=1, ddof=1).mean()) / len(arm.f1),
            (len(arm.f1) - 1) * degrees,
        )
        for arm, drift in zip(arms, drifts, strict=True)
    ]
    total = unbiased * float((drifts[1].mean(axis=1) - drifts[0].mean(axis=1)).var(ddof=1))
    remaining = max(total - sum(part.variance for part in scatters), 0.0)
    seeds = [max(between_seeds(arm), part, key=lambda p: p.variance) for arm, part in zip(arms, scatters, strict=True)]
    return [*seeds, VariancePart(unit, remaining, degrees)]


def with_holm(differences: Sequence[Difference]) -> tuple[Difference, ...]:
    """Differences that were asked for together, with corrected p where several carry a verdict."""
    tested = [d.test.p for d in differences if d.test is not None]
    if len(tested) < 2:
        return tuple(differences)
    corrected = iter(holm(tested))
    return tuple(d if d.test is None else replace(d, holm_p=next(corrected)) for d in differences)


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


def _points(share: float) -> str:
    return f"{round(100 * share, 2) + 0.0:+.2f}".replace("-", "−")  # + 0.0: rounded to nothing, it has no sign


def _p_value(p: float) -> str:
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}" if p < 0.1 else f"p = {p:.2f}"
