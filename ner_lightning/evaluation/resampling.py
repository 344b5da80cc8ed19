"""Resampling of a test set: units are drawn anew, or change sides between two arms."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, Int

WEIGHTS_AT_ONCE = 2**20  # a chunk of resamples takes a few MiB, however large the test set
ROUNDING = 1e-12  # scores of counts that differ at all differ by more


def f1(counts: Int[np.ndarray, "*axes 3"] | Float[np.ndarray, "*axes 3"]) -> Float[np.ndarray, "*axes"]:
    """F1 of matched, predicted and gold entities; 0 where none is predicted or annotated.

    >>> f1(np.array([[3, 4, 6], [0, 0, 0]])).tolist()
    [0.6, 0.0]
    """
    entities = counts[..., 1] + counts[..., 2]
    return 2 * counts[..., 0] / np.where(entities > 0, entities, 1)


def bootstrap_f1(
    counts: Int[np.ndarray, "runs units 3"], num_resamples: int, rng: np.random.Generator
) -> Float[np.ndarray, "resamples runs"]:
    """F1 of every run on test sets whose units are drawn with replacement (Efron and Tibshirani 1993).

    A resample holds the same units for all runs, so that what they share cancels in their differences.
    """
    num_runs, num_units, _ = counts.shape
    by_unit = counts.swapaxes(0, 1).reshape(num_units, -1).astype(float)
    scores = []
    for size in _chunks(num_resamples, num_units):
        drawn = rng.integers(0, num_units, (size, num_units)) + num_units * np.arange(size)[:, None]
        times = np.bincount(drawn.ravel(), minlength=size * num_units).reshape(size, num_units)
        scores.append(f1((times @ by_unit).reshape(size, num_runs, 3)))
    return np.concatenate(scores)


def randomisation_p(
    first: Float[np.ndarray, "units 3"],
    second: Float[np.ndarray, "units 3"],
    num_resamples: int,
    rng: np.random.Generator,
) -> float:
    """Two-sided p of paired approximate randomisation (Noreen 1989; Yeh 2000).

    Were the arms alike, it would be chance which of them gave which of the two outputs of a unit: swapping some gives
    differences that are as likely as the observed one, which counts as one of them.
    """
    mean, half = (first + second) / 2, (second - first) / 2
    observed = f1(second.sum(axis=0)) - f1(first.sum(axis=0))
    as_large = 0
    for size in _chunks(num_resamples, len(first)):
        sides = rng.integers(0, 2, (size, len(first)), dtype=np.int8) * 2.0 - 1
        moved = sides @ half
        differences = f1(mean.sum(axis=0) + moved) - f1(mean.sum(axis=0) - moved)
        as_large += int((np.abs(differences) >= np.abs(observed) - ROUNDING).sum())
    return (1 + as_large) / (1 + num_resamples)


def _chunks(num_resamples: int, num_units: int) -> Iterator[int]:
    at_once = max(WEIGHTS_AT_ONCE // num_units, 1)
    for done in range(0, num_resamples, at_once):
        yield min(at_once, num_resamples - done)
