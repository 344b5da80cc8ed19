"""What is said of the difference of two arms, and which of several differences count."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from ner_lightning.evaluation.comparison.formatting import interval, p_statement, points
from ner_lightning.evaluation.comparison.t_tests import LEVEL, TTest, holm, holm_levels, t_test


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
        test: The test that the verdict rests on; None where an arm has one run, or fewer than 2 units hold an entity.
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
        found = f"{self.second} − {self.first} = {points(self.difference)} F1"
        if self.test is None or self.p is None:
            return f"{found}: no verdict, {self._lack()}."
        seeds = " and ".join(str(n) for n in dict.fromkeys((len(self.first_f1), len(self.second_f1))))
        alone = "" if self.holm_p is None else f" (by Holm; alone {p_statement(self.test.p)})"
        basis = f"{p_statement(self.p)}{alone} over {seeds} seeds and {self.num_units:,} {self.unit}"
        return f"{found} {interval(self.test.interval)}, {basis}: {self._conclusion(self.test)}."

    def to_plain(self) -> dict[str, Any]:
        """What is kept as JSON: the fields, and what follows from them."""
        derived = {"difference": self.difference, "p": self.p, "better": self.better, "verdict": self.verdict()}
        return {**asdict(self), **derived}

    def _lack(self) -> str:
        if min(len(self.first_f1), len(self.second_f1)) < 2:
            return "as one seed does not show what another would change; train at least 2 an arm"
        return f"as fewer than 2 {self.unit} hold an entity, which does not show what other {self.unit} would change"

    def _conclusion(self, test: TTest) -> str:
        if self.better is not None:
            return f"{self.better} is better"
        if not test.standard_error:
            return "the same score in every run"
        detectable = math.ceil(1000 * test.detectable) / 10  # up, so that what is said would show
        return f"no detectable difference; differences above {detectable:.1f} would show"


def with_holm(differences: Sequence[Difference]) -> tuple[Difference, ...]:
    """Differences that were asked for together, corrected where several carry a verdict.

    An interval becomes that of the level at which Holm's method tests its difference, so that it leaves out 0 exactly
    where the verdict finds one; it holds its difference with 95 % confidence or more. What would show is what the
    strictest of these levels would find, whatever comes of the other differences.
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
