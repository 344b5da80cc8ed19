from collections import Counter
from itertools import product

import numpy as np
import pytest
from scipy import stats

from ner_lightning.evaluation.comparison import resampling
from ner_lightning.evaluation.comparison.resampling import bootstrap_f1, f1, randomization_p

# two runs over three documents: matched, predicted, gold
TWO_RUNS = np.array([[[1, 2, 2], [0, 1, 3], [4, 4, 5]], [[2, 3, 2], [1, 1, 3], [3, 5, 5]]])


def f1_by_hand(matched: int, predicted: int, gold: int) -> float:
    return 2 * matched / (predicted + gold) if predicted + gold else 0.0


def test_f1_matches_a_calculation_by_hand() -> None:
    counts = [[1, 2, 2], [0, 0, 3], [0, 0, 0], [4, 4, 4]]
    assert f1(np.array(counts)).tolist() == [f1_by_hand(*row) for row in counts] == [0.5, 0, 0, 1]


def test_every_possible_drawing_is_equally_likely() -> None:
    drawings = Counter(
        tuple(round(f1_by_hand(*sum(run[unit] for unit in drawn)), 9) for run in TWO_RUNS)
        for drawn in product(range(3), repeat=3)
    )
    scores = bootstrap_f1(TWO_RUNS, 20_000, np.random.default_rng(0))
    seen = Counter(map(tuple, scores.round(9).tolist()))
    assert seen.keys() == drawings.keys()
    expected = [drawings[key] / 27 * 20_000 for key in drawings]
    assert stats.chisquare([seen[key] for key in drawings], expected).pvalue > 0.01


def test_resamples_vary_like_those_of_scipy() -> None:
    rng = np.random.default_rng(0)
    gold = rng.poisson(2, 60)
    matched = rng.binomial(gold, 0.7)
    counts = np.stack([matched, matched + rng.poisson(0.5, 60), gold], axis=1)

    def score(units: np.ndarray, axis: int) -> np.ndarray:
        assert axis == -1
        return f1(counts[units].sum(axis=-2))

    theirs = stats.bootstrap((np.arange(60),), score, n_resamples=10_000, method="percentile", rng=rng)
    ours = bootstrap_f1(counts[None], 10_000, rng)[:, 0]
    assert ours.std(ddof=1) == pytest.approx(theirs.standard_error, rel=0.04)
    assert np.quantile(ours, [0.025, 0.975]) == pytest.approx(theirs.confidence_interval, abs=0.004)


def test_chunks_do_not_change_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = bootstrap_f1(TWO_RUNS, 100, np.random.default_rng(0))
    monkeypatch.setattr(resampling, "MAX_WEIGHTS", 21)
    assert np.array_equal(bootstrap_f1(TWO_RUNS, 100, np.random.default_rng(0)), whole)


@pytest.mark.parametrize("gain", [0.0, 0.1, 0.3])
def test_randomization_matches_scipys_test_over_all_swaps(gain: float) -> None:
    rng = np.random.default_rng(1)
    gold = rng.poisson(4, 10)
    first, second = (
        np.stack([matched, matched + rng.poisson(0.5, 10), gold], axis=1)
        for matched in (rng.binomial(gold, 0.5), rng.binomial(gold, 0.5 + gain))
    )

    def difference(ours: np.ndarray, theirs: np.ndarray, axis: int) -> np.ndarray:
        """The difference for columns that are numbered by unit and side."""
        both = np.stack([first, second])
        sums = [both[side % 2, side // 2].sum(axis=-2) for side in (ours, theirs)]
        assert axis == -1
        return f1(sums[1]) - f1(sums[0])

    sides = np.arange(20).reshape(10, 2)
    exact = stats.permutation_test(
        (sides[:, 0], sides[:, 1]), difference, permutation_type="samples", n_resamples=np.inf, vectorized=True
    )
    (p,) = randomization_p(np.stack([first, second]), 20_000, rng)
    assert p == pytest.approx(exact.pvalue, abs=0.011)  # three standard errors of a share of 20,000


def test_the_observed_difference_is_one_of_the_swaps() -> None:
    first, second = np.tile([0, 1, 1], (40, 1)), np.tile([1, 1, 1], (40, 1))
    arms = np.stack([first, second, first, second])
    assert randomization_p(arms, 99, np.random.default_rng(0)).tolist() == [0.01, 1, 0.01, 0.01, 1, 0.01]
    assert randomization_p(arms[:1], 99, np.random.default_rng(0)).tolist() == []
