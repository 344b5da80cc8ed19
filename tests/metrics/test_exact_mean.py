"""Tests that the mean does not depend on the order of its terms."""

from fractions import Fraction

import torch
from hypothesis import given
from hypothesis import strategies as st

from ner_lightning.metrics.exact_mean import ExactMean

terms = st.tuples(st.floats(0, 1e6), st.integers(0, 1000))


@given(st.lists(terms, min_size=1, max_size=20), st.randoms())
def test_the_mean_is_the_rounded_quotient_in_any_order(rows: list[tuple[float, int]], rng: object) -> None:
    means = set()
    for _ in range(3):
        rng.shuffle(rows)
        mean = ExactMean()
        for total, weight in rows:
            mean.update(torch.tensor(total, dtype=torch.float64), torch.tensor(weight))
        means.add(mean.compute().item())
    total, weight = sum(Fraction(t) for t, _ in rows), sum(w for _, w in rows)
    assert means == {float(total) / weight if weight else 0.0}


def test_the_mean_is_empty_after_a_reset() -> None:
    mean = ExactMean()
    mean.update(torch.tensor(6.0), torch.tensor(3.0))
    assert mean.compute() == 2
    mean.reset()
    mean.update(torch.tensor(1.0), torch.tensor(1.0))
    assert mean.compute() == 1
