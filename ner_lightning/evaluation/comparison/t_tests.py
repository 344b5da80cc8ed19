"""Student's t-test of a difference whose error has several sources, and Holm's correction for several tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from ner_lightning.evaluation.comparison.resampling import ROUNDING

LEVEL = 0.05
POWER = 0.8
MIN_SEEDS = 3  # of each arm; the spread of two runs says next to nothing about that of others


@dataclass(frozen=True, slots=True)
class VariancePart:
    """A source of the error of a difference: its variance, and the degrees of freedom of that estimate."""

    source: str
    variance: float
    degrees_of_freedom: float


@dataclass(frozen=True, slots=True)
class TTest:
    """A t-test of a difference whose error has several sources.

    Args:
        parts: The sources.
        standard_error: The root of the sum of their variances.
        degrees_of_freedom: The degrees of freedom of that sum.
        p: The two-sided p-value.
        level: The accepted chance of a false finding, for interval and detectable difference: 5 %, or less if several
            differences are tested.
        interval: The confidence interval of the difference at that level, cut at −1 and 1, the limits of F1
            differences.
        detectable: The smallest difference that such a test would detect with a power of 80 %.
    """

    parts: tuple[VariancePart, ...]
    standard_error: float
    degrees_of_freedom: float
    p: float
    level: float
    interval: tuple[float, float]
    detectable: float


def t_test(difference: float, parts: Sequence[VariancePart], level: float = LEVEL) -> TTest:
    """Test a difference whose error is the sum of independent parts (Satterthwaite 1946; Welch 1947).

    The detectable difference is the one at which the noncentral t exceeds the critical value with a probability of
    ``POWER``. Without any variance, a difference is certain.

    Args:
        difference: A difference of shares.
        parts: The sources of its error.
        level: The accepted chance of a false finding.
    """
    variance = sum(part.variance for part in parts)
    if variance < ROUNDING**2:
        p = float(abs(difference) < ROUNDING)
        degrees = sum(part.degrees_of_freedom for part in parts)
        return TTest(tuple(parts), 0.0, degrees, p, level, (difference, difference), 0.0)
    degrees = variance**2 / sum(part.variance**2 / part.degrees_of_freedom for part in parts)
    error = variance**0.5
    critical = float(special.stdtrit(degrees, 1 - level / 2))
    return TTest(
        tuple(parts),
        error,
        degrees,
        p=float(2 * special.stdtr(degrees, -abs(difference) / error)),
        level=level,
        interval=(max(difference - critical * error, -1.0), min(difference + critical * error, 1.0)),
        detectable=float(special.nctdtrinc(degrees, 1 - POWER, critical)) * error,
    )


def holm(ps: Sequence[float]) -> list[float]:
    """Return adjusted p-values in the given order (Holm 1979), which limit the chance of any false finding at all.

    >>> holm([0.02, 0.5, 0.01])
    [0.04, 0.5, 0.03]
    """
    order = np.argsort(ps)
    factors = np.arange(len(ps), 0, -1)
    adjusted = np.empty(len(ps))
    adjusted[order] = np.maximum.accumulate(np.minimum(np.asarray(ps)[order] * factors, 1))
    return adjusted.tolist()


def holm_levels(ps: Sequence[float], level: float = LEVEL) -> list[float]:
    """Return the level at which Holm's method tests each p: a difference is found if its p is below its level.

    Starting from the smallest p, the level is divided by the number of tests that are left. Once a difference is not
    found, all larger p-values are tested at the same level.

    >>> holm_levels([0.02, 0.5, 0.01], level=0.06)
    [0.03, 0.06, 0.02]
    >>> holm_levels([0.01, 0.5, 0.04], level=0.06)
    [0.02, 0.03, 0.03]
    """
    levels = [0.0] * len(ps)
    steps = len(ps)
    for index in np.argsort(ps):
        levels[index] = level / steps
        steps -= int(ps[index] < levels[index] and steps > 1)
    return levels
