"""Tests of the comparison of two arms, on counts that are constructed, drawn at random, or calculated by hand."""

import json
import math
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats
from scipy.special import expit

from ner_lightning.evaluation.comparison.resampling import f1
from ner_lightning.evaluation.comparison.significance import ArmCounts, compare_all, compare_arms, compare_slice
from ner_lightning.evaluation.comparison.t_tests import MIN_SEEDS, VariancePart, t_test
from ner_lightning.evaluation.comparison.verdicts import Difference, with_holm


def compared(first: np.ndarray, second: np.ndarray, num_resamples: int = 200, seed: int = 0) -> Difference:
    arms = ArmCounts("BIO", first), ArmCounts("BIOES", second)
    return compare_arms(*arms, unit="sentences", rng=np.random.default_rng(seed), num_resamples=num_resamples)


def same_in_all_units(matched: list[int], num_units: int = 50) -> np.ndarray:
    """Return runs that find this number of 10 entities in each unit."""
    return np.array([[[found, 10, 10]] * num_units for found in matched])


@dataclass(frozen=True)
class Population:
    """Seeds and units that runs are drawn from. By symmetry, two arms without gain have the same mean F1 over all.

    Args:
        seeds: The standard deviation over seeds of the logit of the chance to find an entity.
        units_of_arm: Its standard deviation over the units, separately for each arm.
        gain: The difference between its means for the second and the first arm.
    """

    seeds: float
    units_of_arm: float
    gain: float = 0.0

    def draw(self, rng: np.random.Generator, num_seeds: int = 5, num_units: int = 100) -> np.ndarray:
        """Draw counts by arm, seed and unit; the difficulty of a unit is the same for all runs."""
        gold = rng.poisson(1.5, num_units)
        logits = 0.8 + rng.normal(0, 1.5, num_units) + rng.normal(0, self.units_of_arm, (2, 1, num_units))
        logits = (
            logits + rng.normal(0, self.seeds, (2, num_seeds, 1)) + self.gain * np.array([-0.5, 0.5])[:, None, None]
        )
        chances = expit(logits)
        matched = rng.binomial(gold, chances)
        predicted = matched + rng.poisson(0.5 * (1 - chances))
        return np.stack([matched, predicted, np.broadcast_to(gold, matched.shape)], axis=-1)


POPULATIONS = {
    "seeds": Population(seeds=0.5, units_of_arm=0.1),
    "units": Population(seeds=0.0, units_of_arm=2.0),
    "both": Population(seeds=0.15, units_of_arm=1.0),
    "neither": Population(seeds=0.0, units_of_arm=0.0),  # the errors of all runs are independent
}


@pytest.mark.parametrize("population", POPULATIONS.values(), ids=POPULATIONS)
def test_equally_good_arms_are_rarely_called_different(population: Population) -> None:
    rng = np.random.default_rng(0)
    called = [compared(*population.draw(rng), seed=number).better for number in range(1000)]
    assert 10 <= sum(name is not None for name in called) <= 70


def counts_of_a_slice(
    rng: np.random.Generator, num_with_entity: int, num_units: int = 300, chance: float = 0.6
) -> np.ndarray:
    """Draw two arms of five runs, each of which finds the only entity of a unit by chance; few units have one."""
    counts = np.zeros((2, 5, num_units, 3), dtype=int)
    counts[:, :, rng.choice(num_units, num_with_entity, replace=False), 1:] = 1
    logits = expit(rng.normal(np.log(chance / (1 - chance)), 1.0, (2, 1, num_units)))
    counts[..., 0] = rng.binomial(counts[..., 2], np.broadcast_to(logits, counts.shape[:-1]))
    counts[..., 1] = counts[..., 0]
    return counts


@pytest.mark.parametrize("num_with_entity", [10, 14, 30])
def test_slices_without_a_difference_rarely_have_an_interval_that_excludes_0(num_with_entity: int) -> None:
    rng = np.random.default_rng(0)
    intervals = []
    for _ in range(1000):
        arms = [
            ArmCounts(name, counts) for name, counts in zip("ab", counts_of_a_slice(rng, num_with_entity), strict=True)
        ]
        (found,) = compare_slice(arms, unit="sentences", rng=rng, num_resamples=200)
        intervals.append(found.interval)
    assert 10 <= sum(interval is not None and not interval[0] <= 0 <= interval[1] for interval in intervals) <= 70


def test_few_units_give_no_interval() -> None:
    """One entity in a thousand sentences, found by all runs of one arm and by none of the other."""
    rng = np.random.default_rng(0)
    for num_with_entity, has_interval in ((1, False), (9, False), (10, True)):
        first, second = counts_of_a_slice(rng, num_with_entity, num_units=1000)
        first[..., :2], second[..., :2] = 0, second[..., 2:]
        arms = [ArmCounts("a", first), ArmCounts("b", second), ArmCounts("c", first)]
        found, same = compare_slice(arms, unit="sentences", rng=rng, num_resamples=50)
        assert (found.difference, same.difference) == (1, 0)
        assert (found.interval is not None, same.interval is not None) == (has_interval, has_interval)
        assert compare_slice([arms[0]], unit="sentences", rng=rng) == ()


def test_a_unit_counts_for_a_pair_only_if_one_of_its_arms_has_an_entity_there() -> None:
    """Entities that a third arm invents elsewhere are not evidence about the first two."""
    first, second = counts_of_a_slice(np.random.default_rng(0), 9)
    third = first.copy()
    third[:, :50, 1] += 1
    arms = [ArmCounts(name, counts) for name, counts in zip("abc", (first, second, third), strict=True)]
    found = compare_slice(arms, unit="sentences", rng=np.random.default_rng(0))
    assert [difference.interval is None for difference in found] == [True, False]


def test_intervals_end_at_the_largest_possible_difference() -> None:
    first, second = counts_of_a_slice(np.random.default_rng(0), 10, num_units=10)
    first[..., :2], second[..., :2] = 0, second[..., 2:]
    second[0, :5, :2] = 0
    arms = ArmCounts("a", first), ArmCounts("b", second)
    (found,) = compare_slice(arms, unit="sentences", rng=np.random.default_rng(0))
    assert found.difference > 0.8
    assert found.interval[1] == 1


def test_units_without_entities_are_not_evidence() -> None:
    """They change neither a score nor the degrees of freedom."""
    counts = POPULATIONS["both"].draw(np.random.default_rng(0))
    held = counts[:, :, counts.any(axis=(0, 1, 3))]
    padded = np.concatenate([held, np.zeros((2, 5, 900, 3), int)], axis=2)
    without, among = compared(*held, num_resamples=20_000), compared(*padded, num_resamples=20_000)
    assert without.test.parts[2].degrees_of_freedom == among.test.parts[2].degrees_of_freedom == held.shape[2] - 1
    assert without.test.standard_error == pytest.approx(among.test.standard_error, rel=0.02)


def test_several_arms_are_resampled_together_and_compared_in_pairs() -> None:
    rng = np.random.default_rng(0)
    counts = np.concatenate([POPULATIONS["both"].draw(rng), replace(POPULATIONS["both"], gain=2.0).draw(rng)])
    counts[..., 2] = counts[0, :1, :, 2]
    arms = [ArmCounts(name, of_arm) for name, of_arm in zip("abcd", counts, strict=True)]
    found = compare_all(arms, unit="sentences", rng=np.random.default_rng(0), num_resamples=20_000)
    pairs = [(a, b) for a in range(4) for b in range(a + 1, 4)]
    assert [(difference.first, difference.second) for difference in found] == [("abcd"[a], "abcd"[b]) for a, b in pairs]
    for difference, (a, b) in zip(found, pairs, strict=True):
        alone = compare_arms(arms[a], arms[b], unit="sentences", rng=rng, num_resamples=20_000)
        assert difference.difference == alone.difference
        assert difference.test.standard_error == pytest.approx(alone.test.standard_error, rel=0.03)
        assert [other.method for other in difference.other_tests] == [other.method for other in alone.other_tests]
        assert difference.other_tests[0].p == pytest.approx(alone.other_tests[0].p, abs=0.02)
        assert difference.other_tests[1].interval == pytest.approx(alone.other_tests[1].interval, abs=0.005)


@pytest.mark.parametrize(
    "population",
    [
        Population(0.3, 0.1, gain=0.77),
        replace(POPULATIONS["both"], gain=0.74),
        replace(POPULATIONS["neither"], gain=0.42),
    ],
    ids=["seeds", "both", "neither"],
)
def test_the_detectable_difference_is_found_in_four_of_five_cases(population: Population) -> None:
    rng = np.random.default_rng(0)
    without_gain = replace(population, gain=0.0)
    detectable = np.mean([compared(*without_gain.draw(rng)).test.detectable for _ in range(200)])
    scores = f1(population.draw(rng, num_seeds=500, num_units=2000).sum(axis=(1, 2)))
    assert scores[1] - scores[0] == pytest.approx(detectable, rel=0.08)  # the gains were chosen so
    found = [compared(*population.draw(rng)).better == "BIOES" for _ in range(200)]
    assert 0.72 <= np.mean(found) <= 0.9


def test_equal_units_give_the_welch_test_of_scipy() -> None:
    first, second = [7, 6, 8, 7, 5], [8, 9, 7, 9]
    found = compared(same_in_all_units(first), same_in_all_units(second))
    theirs = stats.ttest_ind(np.divide(second, 10), np.divide(first, 10), equal_var=False)
    assert found.test.p == pytest.approx(theirs.pvalue)
    assert found.test.degrees_of_freedom == pytest.approx(theirs.df)
    assert found.test.interval == pytest.approx(tuple(theirs.confidence_interval(0.95)))
    assert [part.source for part in found.test.parts] == ["seeds of BIO", "seeds of BIOES", "sentences"]
    assert found.test.parts[2].variance == pytest.approx(0, abs=1e-20)


def test_equal_seeds_give_the_paired_test_of_scipy() -> None:
    """If each unit has the same number of predicted and gold entities, F1 is a mean over units."""
    matched = np.array([[3, 5, 4, 8, 6, 7, 5, 4], [5, 5, 6, 7, 8, 9, 6, 4]])
    counts = np.stack([matched, np.full_like(matched, 10), np.full_like(matched, 10)], axis=-1)
    first, second = (np.repeat(arm[None], 3, axis=0) for arm in counts)
    found = compared(first, second, num_resamples=20_000)
    theirs = stats.ttest_rel(matched[1], matched[0])
    assert found.test.degrees_of_freedom == pytest.approx(7)
    assert found.test.standard_error == pytest.approx(found.difference / theirs.statistic, rel=0.015)
    assert found.test.p == pytest.approx(theirs.pvalue, rel=0.05)


def test_the_scatter_of_independent_runs_is_counted_once() -> None:
    """It contributes both to the variance between seeds and to that between units."""
    rng = np.random.default_rng(0)
    found = [compared(*POPULATIONS["neither"].draw(rng)) for _ in range(200)]
    true = np.var([difference.difference for difference in found])
    assert np.mean([difference.test.standard_error**2 for difference in found]) == pytest.approx(true, rel=0.35)
    assert np.mean([difference.test.parts[2].variance for difference in found]) < 0.1 * true


def test_seeds_with_equal_scores_by_chance_do_not_make_a_difference_certain() -> None:
    """Each run finds another third of the entities, so that the next would not have the same score.

    Whether such a run finds an entity varies by 1/3 between runs: their mean, over 21 units, varies by 1/3 / 21 / 3.
    """
    units = np.arange(21)
    runs = [np.stack([units % 3 == rest, np.ones(21), np.ones(21)], axis=1) for rest in range(3)]
    better = [np.stack([units % 7 != miss, np.ones(21), np.ones(21)], axis=1) for miss in range(3)]
    found = compared(np.stack(runs).astype(int), np.stack(better).astype(int), num_resamples=5000)
    assert found.first_f1 == pytest.approx((1 / 3,) * 3)
    assert found.test.parts[0].variance == pytest.approx(1 / 3 / 21 / 3 * 21 / 20, rel=0.1)
    assert found.test.standard_error > 0.05


def test_swapping_the_arms_changes_the_sign() -> None:
    counts = POPULATIONS["both"].draw(np.random.default_rng(0))
    one, other = compared(*counts, num_resamples=5000), compared(*counts[::-1], num_resamples=5000)
    assert one.difference == -other.difference
    assert one.test.p == pytest.approx(other.test.p, rel=1e-9)
    assert one.other_tests[0].p == pytest.approx(other.other_tests[0].p, abs=0.03)


def test_other_tests_name_what_they_ignore() -> None:
    found = compared(*POPULATIONS["both"].draw(np.random.default_rng(0)))
    assert [(other.method, other.ignores) for other in found.other_tests] == [
        ("paired approximate randomization", "seeds"),
        ("percentile bootstrap", "seeds"),
        ("Welch's t", "the choice of sentences"),
    ]
    welch = stats.ttest_ind(found.second_f1, found.first_f1, equal_var=False)
    assert found.other_tests[2].p == pytest.approx(welch.pvalue)


def test_identical_predictions_do_not_differ() -> None:
    runs = POPULATIONS["both"].draw(np.random.default_rng(0))[0]
    assert compared(runs, runs).test.p == 1
    same = compared(runs[[0, 0, 0]], runs[[0, 0, 0, 0]])
    assert same.verdict() == (
        "BIOES − BIO = +0.00 F1 [+0.00, +0.00], p = 1.00 over 3 and 4 seeds and 100 sentences: "
        "every run has the same score."
    )


@given(hnp.arrays(int, (2, 3, 4, 2), elements=st.integers(0, 3)), st.integers(1, 3), st.integers(1, 3))
@settings(max_examples=200)
def test_any_counts_give_finite_numbers(extra: np.ndarray, num_first: int, num_second: int) -> None:
    gold = np.broadcast_to([0, 1, 2, 3], extra.shape[:-1])
    matched = np.minimum(extra[..., 0], gold)
    counts = np.stack([matched, matched + extra[..., 1], gold], axis=-1)
    found = compared(counts[0, :num_first], counts[1, :num_second], num_resamples=50)
    json.dumps(found.to_plain(), allow_nan=False)
    assert (found.test is None) == (min(num_first, num_second) < MIN_SEEDS)
    if found.test:
        assert 0 <= found.test.p <= 1
        assert found.test.interval[0] <= found.difference <= found.test.interval[1]


@pytest.mark.parametrize(("num_seeds", "basis"), [(1, "1 seed"), (2, "2 seeds")])
def test_one_or_two_seeds_are_too_few_for_a_verdict(num_seeds: int, basis: str) -> None:
    counts = POPULATIONS["both"].draw(np.random.default_rng(0), num_seeds=num_seeds)
    found = compared(*counts)
    assert (found.test, found.p, found.better) == (None, None, None)
    assert [other.ignores for other in found.other_tests] == ["seeds", "seeds"]
    assert found.verdict().endswith(
        f"F1 over {basis} and 100 sentences: too few seeds for a verdict. Train at least 3 per arm; 5 are better."
    )
    (hint,) = compare_slice(
        [ArmCounts("a", counts[0]), ArmCounts("b", counts[1])], unit="sentences", rng=np.random.default_rng(0)
    )
    assert hint.interval is None


@pytest.mark.parametrize("num_units", [1, 40])
def test_one_sentence_with_entities_gives_no_verdict(num_units: int) -> None:
    counts = np.zeros((3, num_units, 3), int)
    counts[:, 0] = 1
    found = compared(counts, counts)
    assert (found.test, found.better) == (None, None)
    assert found.verdict() == (
        f"BIOES − BIO = +0.00 F1 over 3 seeds and {num_units} sentences: no verdict, because fewer than 2 sentences "
        "contain an entity."
    )
    json.dumps(found.to_plain(), allow_nan=False)
    assert compared(0 * counts, 0 * counts).test is None


def difference(points: float, error: float, degrees: float = 8) -> Difference:
    """Return a difference of two arms with 5 seeds each."""
    test = t_test(points / 100, [VariancePart("seeds", (error / 100) ** 2, degrees)])
    f1s = (0.5,) * 5, (0.5 + points / 100,) * 5
    return Difference("BIO", "BIOES", *f1s, num_units=1287, unit="sentences", test=test, other_tests=())


def test_verdicts_name_the_better_arm_or_the_detectable_difference() -> None:
    assert difference(0.12, 0.23).verdict() == (
        "BIOES − BIO = +0.12 F1 [−0.41, +0.65], p = 0.62 over 5 seeds and 1,287 sentences: "
        "no detectable difference. A difference above 0.8 would have been detected with 80 % power."
    )
    assert difference(1.2, 0.3).verdict() == (
        "BIOES − BIO = +1.20 F1 [+0.51, +1.89], p = 0.004 over 5 seeds and 1,287 sentences: BIOES is better."
    )
    assert difference(-2, 0.2).verdict() == (
        "BIOES − BIO = −2.00 F1 [−2.46, −1.54], p < 0.001 over 5 seeds and 1,287 sentences: BIO is better."
    )
    assert "= +0.00 F1 [−0.46, +0.46], p = 1.00" in difference(-0.0001, 0.2).verdict()


def test_with_several_pairs_the_corrected_p_decides() -> None:
    alone = difference(0.8, 0.3)
    assert alone.better == "BIOES"
    assert with_holm([alone]) == (alone,)
    untested = replace(alone, test=None)
    clear = difference(2, 0.3)
    corrected = with_holm([alone, untested, alone, clear])
    assert [d.p for d in corrected] == pytest.approx([2 * alone.test.p, None, 2 * alone.test.p, 3 * clear.test.p])
    assert [d.better for d in corrected] == [None, None, None, "BIOES"]
    assert corrected[0].verdict() == (
        "BIOES − BIO = +0.80 F1 [−0.03, +1.63], p = 0.057 (0.029 before Holm's correction) over 5 seeds and 1,287 "
        "sentences: no detectable difference. A difference above 1.2 would have been detected with 80 % power."
    )


@given(st.lists(st.tuples(st.floats(-5, 5), st.floats(0.1, 3)), min_size=1, max_size=8))
def test_interval_verdict_and_detectable_difference_agree(drawn: list[tuple[float, float]]) -> None:
    """Even with the correction, the interval excludes 0 exactly if a difference is found.

    A difference that is not found is smaller than the detectable one.
    """
    given_differences = [difference(points, error) for points, error in drawn]
    for before, after in zip(given_differences, with_holm(given_differences), strict=True):
        low, high = after.test.interval
        assert (after.better is None) == (low <= 0 <= high)
        assert (low, high) == pytest.approx(
            (min(low, before.test.interval[0]), max(high, before.test.interval[1])), abs=1e-12
        )
        assert after.test.detectable >= before.test.detectable
        if after.better is None:
            assert abs(after.difference) < after.test.detectable


def test_the_detectable_difference_is_rounded_up() -> None:
    assert 0.0014 < difference(0, 0.0466).test.detectable < 0.0015
    assert "A difference above 0.2 would have been detected" in difference(0, 0.0466).verdict()


def test_a_detectable_difference_beyond_100_points_is_not_stated() -> None:
    """As with 3 seeds that scatter by half of the scale."""
    found = difference(10, 30, degrees=2)
    assert found.test.detectable > 1
    assert found.verdict().endswith(
        "no detectable difference. The runs vary too much to detect a difference of any size."
    )


def test_json_contains_everything_that_the_verdict_rests_on() -> None:
    plain = json.loads(json.dumps(difference(1.2, 0.3).to_plain(), allow_nan=False))
    assert plain["verdict"] == difference(1.2, 0.3).verdict()
    assert plain["better"] == "BIOES"
    assert math.isclose(plain["test"]["standard_error"], 0.003)
    assert plain["test"]["parts"] == [{"source": "seeds", "variance": 0.003**2, "degrees_of_freedom": 8}]


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ((2, 5), (2, 6), "on the same sentences, got 5 of BIO and 6 of BIOES"),
        ((0, 5), (2, 5), "must have the axes seeds, units and 3, got \\(0, 5, 3\\) of BIO"),
    ],
)
def test_arms_must_have_runs_on_the_same_units(first: tuple, second: tuple, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        compared(np.ones((*first, 3), int), np.ones((*second, 3), int))


def test_units_in_another_order_are_rejected() -> None:
    counts = np.ones((2, 4, 3), int)
    other = counts.copy()
    other[:, 2:, 2] = [2, 3]
    message = "those of BIO and BIOES differ in the gold entities of 2 units, first in number 2"
    with pytest.raises(ValueError, match=message):
        compared(counts, other)
    other[1] = 1
    with pytest.raises(ValueError, match="those of BIOES differ"):
        compared(counts, other)
