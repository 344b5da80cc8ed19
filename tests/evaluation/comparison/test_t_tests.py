import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from ner_lightning.evaluation.comparison.t_tests import VariancePart, holm, holm_levels, t_test

FIRST, SECOND = [0.71, 0.74, 0.69, 0.72, 0.73], [0.75, 0.73, 0.78]


def part_of_mean(values: list[float]) -> VariancePart:
    return VariancePart("seeds", float(np.var(values, ddof=1)) / len(values), len(values) - 1)


def test_two_parts_give_the_welch_test_of_scipy() -> None:
    ours = t_test(float(np.mean(SECOND) - np.mean(FIRST)), [part_of_mean(FIRST), part_of_mean(SECOND)])
    theirs = stats.ttest_ind(SECOND, FIRST, equal_var=False)
    assert ours.p == pytest.approx(theirs.pvalue)
    assert ours.degrees_of_freedom == pytest.approx(theirs.df)
    assert ours.interval == pytest.approx(tuple(theirs.confidence_interval(0.95)))


def test_three_parts_match_a_calculation_by_hand() -> None:
    parts = [VariancePart("a", 4.0, 4), VariancePart("b", 4.0, 4), VariancePart("c", 8.0, 64)]
    test = t_test(10.0, parts)
    assert test.standard_error == 4
    assert test.degrees_of_freedom == pytest.approx(16**2 / (4 + 4 + 1))
    assert test.p == pytest.approx(2 * stats.t.cdf(-2.5, 256 / 9))
    assert test.parts == tuple(parts)


def test_a_stricter_level_widens_the_interval_and_the_detectable_difference() -> None:
    parts = [VariancePart("a", 4e-4, 9)]
    usual, strict = t_test(0.01, parts), t_test(0.01, parts, level=0.01)
    assert strict.interval == pytest.approx(stats.t.interval(0.99, 9, loc=0.01, scale=0.02))
    assert (strict.p, strict.level, usual.level) == (usual.p, 0.01, 0.05)
    critical = stats.t.ppf(0.995, 9)
    assert stats.nct.sf(critical, 9, strict.detectable / 0.02) == pytest.approx(0.8, abs=1e-6)
    assert strict.detectable > usual.detectable


@pytest.mark.parametrize("degrees", [2, 4, 8, 30, 1286])
def test_the_detectable_difference_is_found_in_four_of_five_cases(degrees: float) -> None:
    """Checked by simulation; G*Power and statsmodels use the same noncentral t."""
    test = t_test(0.0, [VariancePart("seeds", 0.25, degrees)])
    rng = np.random.default_rng(0)
    estimated_errors = 0.5 * np.sqrt(rng.chisquare(degrees, 200_000) / degrees)
    differences = rng.normal(test.detectable, 0.5, 200_000)
    found = np.abs(differences) / estimated_errors > stats.t.ppf(0.975, degrees)
    assert found.mean() == pytest.approx(0.8, abs=0.005)


def test_without_variance_a_difference_is_certain() -> None:
    parts = [VariancePart("a", 0.0, 4), VariancePart("b", 1e-34, 4)]
    same, other = t_test(1e-17, parts), t_test(-0.1, parts)
    assert (same.p, same.standard_error, same.detectable) == (1, 0, 0)
    assert (other.p, other.interval) == (0, (-0.1, -0.1))


def test_holm_matches_a_calculation_by_hand() -> None:
    """The textbook case of four p-values, sorted: .005 × 4, .01 × 3, .03 × 2, .04 × 1, none below its predecessor."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.7, 0.4]) == pytest.approx([0.8, 0.8])
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_rejects_the_same_tests_as_its_step_by_step_description(ps: list[float]) -> None:
    """Holm's description: starting from the smallest p, continue while p is below level / number of tests left."""
    rejected = set()
    for step, index in enumerate(sorted(range(len(ps)), key=ps.__getitem__)):
        if ps[index] >= 0.05 / (len(ps) - step):
            break
        rejected.add(index)
    assert {index for index, p in enumerate(holm(ps)) if p < 0.05} == rejected
    assert {index for index, (p, level) in enumerate(zip(ps, holm_levels(ps), strict=True)) if p < level} == rejected
