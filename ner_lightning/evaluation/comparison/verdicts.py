"""The verdict on the difference of two arms, and the correction of several verdicts for their number."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from ner_lightning.evaluation.comparison.formatting import interval, p_statement, p_value, points
from ner_lightning.evaluation.comparison.t_tests import LEVEL, MIN_SEEDS, POWER, TTest, holm, holm_levels, t_test


@dataclass(frozen=True, slots=True)
class OtherTest:
    """A usual test that is reported beside the verdict.

    Args:
        method: The name of the test.
        ignores: The source of error that it does not take into account.
        p: The p-value, if the test has one.
        interval: The 95 % interval of the difference, if the test has one.
    """

    method: str
    ignores: str
    p: float | None = None
    interval: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Difference:
    """The difference of the mean F1 of two arms, second minus first.

    Args:
        first: The name of the first arm.
        second: The name of the second arm.
        first_f1: F1 of each run of the first arm.
        second_f1: F1 of each run of the second arm.
        num_units: The number of units of the test set.
        unit: The name of a unit, in the plural.
        test: The test that the verdict rests on; None if an arm has fewer than ``MIN_SEEDS`` runs, or fewer than 2
            units contain an entity.
        other_tests: Usual tests that ignore the choice of the seeds or of the test set.
        holm_p: The p-value of the test, corrected for the other differences of the same comparison; None if it is the
            only one.
    """

    first: str
    second: str
    first_f1: tuple[float, ...]
    second_f1: tuple[float, ...]
    num_units: int
    unit: str
    test: TTest | None
    other_tests: tuple[OtherTest, ...]
    holm_p: float | None = None

    @property
    def name(self) -> str:
        """The two arms, as in a subtraction."""
        return f"{self.second} − {self.first}"

    @property
    def difference(self) -> float:
        return float(np.mean(self.second_f1) - np.mean(self.first_f1))

    @property
    def p(self) -> float | None:
        """The p-value that decides: the one with Holm's correction, if there is one."""
        return self.test.p if self.test and self.holm_p is None else self.holm_p

    @property
    def better(self) -> str | None:
        """The name of the arm that is better; None if no difference was detected."""
        if self.p is None or self.p >= LEVEL:
            return None
        return self.second if self.difference > 0 else self.first

    def verdict(self) -> str:
        """Describe the difference in a sentence or two, in points of F1."""
        found = f"{self.name} = {points(self.difference)} F1"
        seeds = " and ".join(str(n) for n in dict.fromkeys((len(self.first_f1), len(self.second_f1))))
        basis = f"over {seeds} {'seed' if seeds == '1' else 'seeds'} and {self.num_units:,} {self.unit}"
        if self.test is None or self.p is None:
            return f"{found} {basis}: {self._reason_for_no_verdict()}"
        uncorrected = "" if self.holm_p is None else f" ({p_value(self.test.p)} before Holm's correction)"
        return (
            f"{found} {interval(self.test.interval)}, {p_statement(self.p)}{uncorrected} {basis}: "
            f"{self._conclusion(self.test)}"
        )

    def to_plain(self) -> dict[str, Any]:
        """Return the fields, and the values derived from them, as plain data for JSON."""
        derived = {"difference": self.difference, "p": self.p, "better": self.better, "verdict": self.verdict()}
        return {**asdict(self), **derived}

    def _reason_for_no_verdict(self) -> str:
        if min(len(self.first_f1), len(self.second_f1)) < MIN_SEEDS:
            return f"too few seeds for a verdict. Train at least {MIN_SEEDS} per arm; 5 are better."
        return f"no verdict, because fewer than 2 {self.unit} contain an entity."

    def _conclusion(self, test: TTest) -> str:
        if self.better is not None:
            return f"{self.better} is better."
        if not test.standard_error:
            return "every run has the same score."
        if test.detectable >= 1:
            return "no detectable difference. The runs vary too much to detect a difference of any size."
        detectable = math.ceil(1000 * test.detectable) / 10  # rounded up, so that the power is at least the stated one
        return (
            f"no detectable difference. A difference above {detectable:.1f} would have been detected with "
            f"{100 * POWER:.0f} % power."
        )


def with_holm(differences: Sequence[Difference]) -> tuple[Difference, ...]:
    """Correct the verdicts of one comparison for their number, if there are several.

    Each interval is widened to the level at which Holm's method tests its difference. So it excludes 0 exactly if the
    verdict finds a difference, and covers the true difference with 95 % confidence or more. The detectable difference
    is that of the strictest level, which does not depend on the outcome of the other tests.
    """
    tests = [difference.test for difference in differences if difference.test is not None]
    if len(tests) < 2:
        return tuple(differences)
    ps = [test.p for test in tests]
    corrected = iter(zip(holm(ps), holm_levels(ps), strict=True))
    return tuple(d if d.test is None else _corrected(d, d.test, len(tests), *next(corrected)) for d in differences)


def _corrected(difference: Difference, test: TTest, num_tests: int, p: float, level: float) -> Difference:
    wider, strictest = (t_test(difference.difference, test.parts, alpha) for alpha in (level, LEVEL / num_tests))
    return replace(difference, test=replace(wider, detectable=strictest.detectable), holm_p=p)
