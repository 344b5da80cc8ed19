"""Resampling of a test set: its units are drawn with replacement, or swapped between two arms."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, Int

MAX_WEIGHTS = 2**20  # of the resamples computed at once, which need a few MiB, however large the test set
ROUNDING = 1e-12  # scores of different counts differ by more than this


def f1(counts: Int[np.ndarray, "*axes 3"] | Float[np.ndarray, "*axes 3"]) -> Float[np.ndarray, "*axes"]:
    """Return F1 from matched, predicted and gold entities; 0 if no entity is predicted or annotated.

    >>> f1(np.array([[3, 4, 6], [0, 0, 0]])).tolist()
    [0.6, 0.0]
    """
    entities = counts[..., 1] + counts[..., 2]
    return 2 * counts[..., 0] / np.where(entities > 0, entities, 1)


def bootstrap_f1(
    counts: Int[np.ndarray, "runs units 3"], num_resamples: int, rng: np.random.Generator
) -> Float[np.ndarray, "resamples runs"]:
    """Return F1 of every run on test sets whose units are drawn with replacement (Efron and Tibshirani 1993).

    Each resample contains the same units for all runs, so that what they have in common cancels in their differences.
    """
    num_runs, num_units, _ = counts.shape
    by_unit = counts.swapaxes(0, 1).reshape(num_units, -1).astype(float)
    scores = []
    for size in _chunks(num_resamples, max(num_units, 3 * num_runs)):
        drawn = rng.integers(0, num_units, (size, num_units)) + num_units * np.arange(size)[:, None]
        times = np.bincount(drawn.ravel(), minlength=size * num_units).reshape(size, num_units)
        scores.append(f1((times @ by_unit).reshape(size, num_runs, 3)))
    return np.concatenate(scores)


def randomization_p(
    arms: Float[np.ndarray, "arms units 3"], num_resamples: int, rng: np.random.Generator
) -> Float[np.ndarray, " pairs"]:
    """Return the two-sided p of each pair of arms by paired approximate randomization (Noreen 1989; Yeh 2000).

    If two arms were equally good, it would be chance which of them produced which of the two outputs of a unit.
    Swapping the outputs of some units then gives differences that are as likely as the observed one, which counts as
    one of them. The same units are swapped for all pairs, which have the order of ``itertools.combinations``.
    """
    num_arms, num_units, _ = arms.shape
    first, second = np.triu_indices(num_arms, 1)
    by_unit, totals = arms.swapaxes(0, 1).reshape(num_units, -1), arms.sum(axis=1)
    middle = (totals[first] + totals[second]) / 2
    observed = np.abs(f1(totals[second]) - f1(totals[first]))
    as_large = np.zeros(len(first), dtype=int)
    for size in _chunks(num_resamples, max(num_units, 3 * len(first))):
        sides = rng.integers(0, 2, (size, num_units), dtype=np.int8) * 2.0 - 1
        signed = (sides @ by_unit).reshape(size, num_arms, 3)
        moved = (signed[:, second] - signed[:, first]) / 2
        differences = np.abs(f1(middle + moved) - f1(middle - moved))
        as_large += (differences >= observed - ROUNDING).sum(axis=0)
    return (1 + as_large) / (1 + num_resamples)


def _chunks(num_resamples: int, width: int) -> Iterator[int]:
    at_once = max(MAX_WEIGHTS // width, 1)
    for done in range(0, num_resamples, at_once):
        yield min(at_once, num_resamples - done)
