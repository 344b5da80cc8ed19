"""Tests that losses equal those of torch where they should, and are finite in extreme cases."""

import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from ner_lightning.modeling.class_weights import Balanced, GivenWeights
from ner_lightning.modeling.crf import CRFLoss
from ner_lightning.modeling.losses import (
    CrossEntropyLoss,
    DiceLoss,
    FocalLoss,
    TokenLoss,
    WeightedCrossEntropyLoss,
)
from ner_lightning.schemes import BIO, BIOES, TagSet

EQUAL = GivenWeights({})
LOSSES: list[TokenLoss] = [
    CrossEntropyLoss(),
    CrossEntropyLoss(0.1),
    WeightedCrossEntropyLoss(EQUAL),
    FocalLoss(0.5),
    FocalLoss(1.5),
    FocalLoss(2.5),
    DiceLoss(),
    DiceLoss(alpha=1.0, smooth=0.1),
]
every_loss = pytest.mark.parametrize("loss", LOSSES, ids=repr)


def scored_positions(num_scored: int, num_tags: int, seed: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits = 5 * torch.randn(num_scored, num_tags, generator=generator, dtype=torch.float64)
    return logits, torch.randint(0, num_tags, (num_scored,), generator=generator)


@given(st.integers(1, 20), st.integers(2, 9), st.integers(0, 1000), st.sampled_from([0.0, 0.1, 0.9]))
def test_cross_entropy_equals_that_of_torch_with_and_without_smoothing(
    num_scored: int, num_tags: int, seed: int, smoothing: float
) -> None:
    logits, labels = scored_positions(num_scored, num_tags, seed)
    loss = CrossEntropyLoss(smoothing)(logits, labels)
    mean = torch.nn.functional.cross_entropy(logits, labels, label_smoothing=smoothing)
    assert loss.mean == pytest.approx(mean.item(), rel=1e-12)
    assert loss.weight == num_scored


@given(st.integers(1, 20), st.integers(2, 9), st.integers(0, 1000))
def test_weighted_cross_entropy_equals_that_of_torch(num_scored: int, num_tags: int, seed: int) -> None:
    logits, labels = scored_positions(num_scored, num_tags, seed)
    weights = torch.rand(num_tags, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)) + 0.1
    loss = WeightedCrossEntropyLoss(Balanced())(logits, labels, weights)
    mean = torch.nn.functional.cross_entropy(logits, labels, weight=weights)
    assert loss.mean == pytest.approx(mean.item(), rel=1e-12)


@pytest.mark.parametrize("same", [FocalLoss(0.0), WeightedCrossEntropyLoss(EQUAL), CrossEntropyLoss(0.0)], ids=repr)
def test_losses_with_neutral_settings_equal_cross_entropy(same: TokenLoss) -> None:
    logits, labels = scored_positions(30, 9, 0)
    expected = CrossEntropyLoss()(logits, labels)
    for weights in (None, torch.ones(9)):
        found = same(logits, labels, weights)
        torch.testing.assert_close(found.total, expected.total, rtol=1e-12, atol=0)
        assert found.weight == expected.weight


@given(st.integers(1, 20), st.integers(2, 9), st.integers(0, 1000), st.floats(0, 5))
def test_focal_and_dice_losses_match_their_formulas(num_scored: int, num_tags: int, seed: int, gamma: float) -> None:
    logits, labels = scored_positions(num_scored, num_tags, seed)
    probabilities = logits.softmax(dim=1)
    p = probabilities.gather(1, labels[:, None]).squeeze(1)
    torch.testing.assert_close(FocalLoss(gamma)(logits, labels).total, (-((1 - p) ** gamma) * p.log()).sum())
    y = torch.nn.functional.one_hot(labels, num_tags)
    q = (1 - probabilities) ** gamma * probabilities
    dice = 1 - (2 * q * y + 0.5) / (q + y + 0.5)
    torch.testing.assert_close(DiceLoss(gamma, 0.5)(logits, labels).total, dice.sum())


def dice_of_pairs_of_tags(logits: Tensor, labels: Tensor, alpha: float, smooth: float) -> Tensor:
    """Return Dice by its definition, with 1 - p of every tag as the sum over all others: ``[scored tags tags]``."""
    num_tags = logits.shape[1]
    itself = torch.eye(num_tags, dtype=torch.bool)
    others = logits[:, None, :].expand(-1, num_tags, -1).masked_fill(itself, -torch.inf)
    rest = others.logsumexp(dim=-1) - logits.logsumexp(dim=-1, keepdim=True)
    q = (alpha * rest + logits.log_softmax(dim=-1)).exp()
    y = torch.nn.functional.one_hot(labels, num_tags)
    return (1 - (2 * q * y + smooth) / (q + y + smooth)).sum()


@pytest.mark.parametrize("sure", [0.0, 1.0, 20.0, 40.0, 400.0, 1e4])
@pytest.mark.parametrize("alpha", [0.01, 0.5, 1.0, 2.0])
def test_dice_loss_and_its_gradient_match_the_definition_over_all_pairs_of_tags(sure: float, alpha: float) -> None:
    logits, labels = scored_positions(40, 9, 0)
    logits[torch.arange(40), labels.roll(1)] += sure
    logits[:3] = 0.0  # all equal, so that several are the largest
    logits.requires_grad_()
    found = DiceLoss(alpha, 0.1)(logits, labels).total
    expected = dice_of_pairs_of_tags(logits, labels, alpha, 0.1)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=0)
    gradients = [torch.autograd.grad(total, logits)[0] for total in (found, expected)]
    torch.testing.assert_close(*gradients, rtol=1e-10, atol=1e-15)


def test_the_dice_loss_stores_only_a_few_numbers_per_logit() -> None:
    kept = 0

    def count(tensor: Tensor) -> Tensor:
        nonlocal kept
        kept += tensor.numel()
        return tensor

    logits, labels = scored_positions(8, 300, 0)
    with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
        DiceLoss()(logits.requires_grad_(), labels)
    assert 0 < kept < 30 * logits.numel()


@every_loss
def test_the_gradient_matches_numerical_differentiation(loss: TokenLoss) -> None:
    logits, labels = scored_positions(4, 5, 1)
    weights = torch.tensor([0.2, 1.0, 2.0, 3.0, 0.5], dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda values: loss(values, labels, weights).total, logits.requires_grad_())


@every_loss
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize("sure", [0.0, 50.0, 1e4])
def test_value_and_gradient_are_finite_for_probabilities_of_0_and_1(
    loss: TokenLoss, dtype: torch.dtype, sure: float
) -> None:
    logits = (sure * torch.eye(4, dtype=dtype)).requires_grad_()
    for labels in (torch.arange(4), torch.arange(4).roll(1)):  # all correct, all wrong
        total, weight = loss(logits, labels)
        (gradient,) = torch.autograd.grad(total, logits)
        assert total.isfinite()
        assert gradient.isfinite().all()
        assert weight == 4


@every_loss
@given(first=st.integers(0, 10), second=st.integers(0, 10))
def test_sums_and_weights_of_parts_add_up_to_those_of_the_whole(loss: TokenLoss, first: int, second: int) -> None:
    logits, labels = scored_positions(first + second, 5, first)
    weights = torch.tensor([0.2, 1.0, 2.0, 3.0, 0.5])
    whole = loss(logits, labels, weights)
    parts = [loss(logits[:first], labels[:first], weights), loss(logits[first:], labels[first:], weights)]
    torch.testing.assert_close(parts[0].total + parts[1].total, whole.total)
    torch.testing.assert_close(parts[0].weight + parts[1].weight, whole.weight)


@every_loss
def test_a_batch_without_scored_positions_has_zero_loss_and_a_finite_gradient(loss: TokenLoss) -> None:
    logits = torch.randn(0, 5, requires_grad=True)
    found = loss(logits, torch.zeros(0, dtype=torch.long))
    assert (found.total.item(), found.weight.item(), found.mean) == (0.0, 0.0, 0.0)
    found.total.backward()
    assert logits.grad is not None
    assert logits.grad.isfinite().all()


@every_loss
def test_nan_at_an_unscored_position_does_not_affect_other_gradients(loss: TokenLoss) -> None:
    """Scored positions are selected before the loss, as in training."""
    logits = torch.tensor([[1.0, 2.0], [float("nan"), 0.0]], requires_grad=True)
    labels = torch.tensor([1, -100])
    scored = labels != -100
    loss(logits[scored], labels[scored]).total.backward()
    assert logits.grad is not None
    assert logits.grad.isfinite().all()
    assert logits.grad[0].any()


@every_loss
@pytest.mark.parametrize(
    ("given_dtype", "computed_dtype"),
    [
        (torch.bfloat16, torch.float32),
        (torch.float16, torch.float32),
        (torch.float32, torch.float32),
        (torch.float64, torch.float64),
    ],
)
def test_losses_are_computed_in_at_least_float32(
    loss: TokenLoss, given_dtype: torch.dtype, computed_dtype: torch.dtype
) -> None:
    logits = torch.randn(300, 9, generator=torch.Generator().manual_seed(0)).to(given_dtype)
    labels = torch.zeros(300, dtype=torch.long)
    total, weight = loss(logits, labels)
    assert total.dtype == weight.dtype == computed_dtype
    torch.testing.assert_close(total.double(), loss(logits.double(), labels).total, rtol=1e-5, atol=0)


def test_a_confident_position_counts_less_with_a_larger_gamma() -> None:
    logits, labels = torch.tensor([[3.0, 0.0]]), torch.tensor([0])
    totals = [FocalLoss(gamma)(logits, labels).total.item() for gamma in (0.0, 0.5, 1.0, 2.0, 5.0)]
    assert all(lesser < greater for greater, lesser in pairwise(totals))


@pytest.mark.parametrize("loss", [WeightedCrossEntropyLoss(Balanced()), FocalLoss(0.0, Balanced())], ids=repr)
@pytest.mark.parametrize("scheme", [BIO(), BIOES()], ids=repr)
def test_a_bound_loss_weighs_every_tag_by_its_type(loss: TokenLoss, scheme: BIO | BIOES) -> None:
    tags = TagSet(scheme, ("LOC", "PER"))
    objective = loss.bind(tags, {"O": 80, "LOC": 15, "PER": 5})
    assert objective.weights_by_type == pytest.approx({"O": 100 / 240, "LOC": 100 / 45, "PER": 100 / 15})
    expected = {tag: 100 / 240 if tag == "O" else 100 / 45 if tag.endswith("LOC") else 100 / 15 for tag in tags.tags}
    assert objective.tag_weights.tolist() == pytest.approx(list(expected.values()))
    assert not list(objective.state_dict())  # it follows from the word counts


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: CrossEntropyLoss(1.0), "label_smoothing must be at least 0 and below 1, got 1.0"),
        (lambda: FocalLoss(-1.0), "gamma must be a finite number of at least 0, got -1.0"),
        (lambda: FocalLoss(math.nan), "gamma must be a finite number of at least 0, got nan"),
        (lambda: DiceLoss(alpha=math.nan), "alpha must be from 0 and smooth above 0, both finite, got nan and 1.0"),
        (lambda: DiceLoss(smooth=math.nan), "alpha must be from 0 and smooth above 0, both finite, got 0.01 and nan"),
        (lambda: FocalLoss(math.inf), "gamma must be a finite number of at least 0, got inf"),
        (lambda: DiceLoss(alpha=math.inf), "alpha must be from 0 and smooth above 0, both finite, got inf and 1.0"),
        (lambda: CRFLoss(math.inf), "the learning rate of a CRF must be a finite number of at least 0, got inf"),
        (lambda: CRFLoss(math.nan), "the learning rate of a CRF must be a finite number of at least 0, got nan"),
        (lambda: DiceLoss(smooth=0.0), "alpha must be from 0 and smooth above 0, both finite, got 0.01 and 0.0"),
    ],
)
def test_invalid_settings_are_refused(make: type, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
