import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ner_lightning.modeling.losses import CrossEntropyLoss


@given(st.integers(1, 20), st.integers(2, 9), st.integers(0, 1000))
def test_sum_over_weight_is_torchs_mean(num_scored, num_tags, seed):
    generator = torch.Generator().manual_seed(seed)
    logits = 5 * torch.randn(num_scored, num_tags, generator=generator, dtype=torch.float64)
    labels = torch.randint(0, num_tags, (num_scored,), generator=generator)
    total, weight = CrossEntropyLoss()(logits, labels)
    mean = torch.nn.functional.cross_entropy(logits, labels)
    torch.testing.assert_close(total / weight, mean, atol=1e-12, rtol=1e-12)
    assert weight == num_scored


@given(st.integers(0, 10), st.integers(0, 10))
def test_sums_and_weights_add_up_over_parts(first, second):
    generator = torch.Generator().manual_seed(first)
    logits = torch.randn(first + second, 5, generator=generator, dtype=torch.float64)
    labels = torch.randint(0, 5, (first + second,), generator=generator)
    loss = CrossEntropyLoss()
    whole = loss(logits, labels)
    parts = [loss(logits[:first], labels[:first]), loss(logits[first:], labels[first:])]
    torch.testing.assert_close(parts[0].total + parts[1].total, whole.total)
    assert parts[0].weight + parts[1].weight == whole.weight


def test_nothing_scored_gives_zero_and_a_finite_gradient():
    logits = torch.randn(0, 5, requires_grad=True)
    total, weight = CrossEntropyLoss()(logits, torch.zeros(0, dtype=torch.long))
    assert (total.item(), weight.item()) == (0.0, 0.0)
    total.backward()
    assert logits.grad is not None
    assert logits.grad.isfinite().all()


def test_an_unscored_position_of_nan_leaves_the_gradient_of_the_others_finite():
    """Scored positions are selected before the loss, as training does."""
    logits = torch.tensor([[1.0, 2.0], [float("nan"), 0.0]], requires_grad=True)
    labels = torch.tensor([1, -100])
    scored = labels != -100
    CrossEntropyLoss()(logits[scored], labels[scored]).total.backward()
    assert logits.grad is not None
    assert logits.grad.isfinite().all()
    assert logits.grad[0].any()


@pytest.mark.parametrize(
    ("given_dtype", "computed_dtype"),
    [
        (torch.bfloat16, torch.float32),
        (torch.float16, torch.float32),
        (torch.float32, torch.float32),
        (torch.float64, torch.float64),
    ],
)
def test_it_is_computed_in_float32_at_least(given_dtype, computed_dtype):
    logits = torch.randn(300, 9, generator=torch.Generator().manual_seed(0)).to(given_dtype)
    labels = torch.zeros(300, dtype=torch.long)
    total, weight = CrossEntropyLoss()(logits, labels)
    assert total.dtype == weight.dtype == computed_dtype
    expected = torch.nn.functional.cross_entropy(logits.double(), labels, reduction="sum")
    torch.testing.assert_close(total.double(), expected, rtol=1e-6, atol=0)
