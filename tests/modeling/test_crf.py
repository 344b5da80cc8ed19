"""Tests that the CRF loss equals a sum over all tag sequences, also for cut sentences, and learns transitions."""

from itertools import pairwise, product

import pytest
import torch
from torch import Tensor

from ner_lightning.modeling.crf import CRF, CRFLoss
from ner_lightning.modeling.losses import CrossEntropyLoss, word_cross_entropy
from ner_lightning.modeling.scored_positions import ScoredPositions, WordRows
from ner_lightning.schemes import BIO, IGNORE_INDEX, LabelScheme, TagSet
from support.strategies import SCHEMES

TYPES = ("PER", "LOC")
NAN = float("nan")


def rows(
    logits: Tensor, labels: list[list[int]], lengths: list[int], edges: tuple[bool, bool] = (True, True)
) -> ScoredPositions:
    word_labels = torch.tensor(labels)
    mask = torch.arange(logits.shape[1]) < torch.tensor(lengths)[:, None]
    scored = word_labels != IGNORE_INDEX
    flags = (torch.full((len(labels),), edge) for edge in edges)
    words = WordRows(logits, word_labels, mask, *flags)
    return ScoredPositions(logits[scored], word_labels[scored], lambda: words)


def learned(tags: TagSet, seed: int = 0) -> CRF:
    crf = CRF(tags).double()
    generator = torch.Generator().manual_seed(seed)
    for parameter in crf.parameters():
        torch.nn.init.normal_(parameter, generator=generator)
    return crf


def brute_force(crf: CRF, logits: Tensor, labels: list[int], begins: bool = True, ends: bool = True) -> Tensor:
    """Return the negative log-likelihood of consecutive words, summed over all sequences that the scheme allows."""
    allowed = crf.tags.allowed

    def score(sequence: tuple[int, ...]) -> Tensor:
        total = sum(logits[word, tag] for word, tag in enumerate(sequence))
        total = total + sum(crf.inner[a, b] for a, b in pairwise(sequence))
        return total + (crf.start[sequence[0]] if begins else 0) + (crf.end[sequence[-1]] if ends else 0)

    def fits(sequence: tuple[int, ...]) -> bool:
        inside = all(allowed[pair] for pair in pairwise(sequence))
        return bool(inside and (not begins or allowed[0, sequence[0]]) and (not ends or allowed[sequence[-1], 0]))

    sequences = [s for s in product(range(len(crf.tags.tags)), repeat=len(labels)) if fits(s)]
    assert tuple(labels) in sequences
    return torch.stack([score(s) for s in sequences]).logsumexp(0) - score(tuple(labels))


def gold(tags: TagSet, names: str) -> list[int]:
    return [tags.tag_ids[name] for name in names.split()]


@pytest.mark.parametrize("scheme", SCHEMES, ids=repr)
def test_value_and_gradient_equal_a_sum_over_all_sequences(scheme: LabelScheme) -> None:
    tags = TagSet(scheme, TYPES)
    crf = learned(tags)
    begin, single = scheme.prefixes_of(2)[0], scheme.prefixes_of(1)
    last = scheme.prefixes_of(2)[1]
    labels = [gold(tags, f"{begin}-PER {last}-PER O"), [*gold(tags, f"{single}-LOC"), -100, -100]]
    logits = torch.randn(2, 3, len(tags.tags), dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    logits.requires_grad_()
    found = crf(rows(logits, labels, [3, 1]))
    expected = brute_force(crf, logits[0], labels[0]) + brute_force(crf, logits[1, :1], labels[1][:1])
    torch.testing.assert_close(found.total, expected)
    assert found.weight == 4
    inputs = [logits, *crf.parameters()]
    for ours, theirs in zip(
        torch.autograd.grad(found.total, inputs), torch.autograd.grad(expected, inputs), strict=True
    ):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("edges", [(False, False), (True, False), (False, True)])
def test_a_window_cut_inside_a_sentence_has_no_start_or_end_score(edges: tuple[bool, bool]) -> None:
    tags = TagSet(BIO(), TYPES)
    crf = learned(tags)
    labels = gold(tags, "O B-PER" if edges[0] else "I-PER B-PER")
    logits = torch.randn(1, 2, len(tags.tags), dtype=torch.float64)
    found = crf(rows(logits, [labels], [2], edges))
    torch.testing.assert_close(found.total, brute_force(crf, logits[0], labels, *edges))


def test_an_unscored_word_splits_its_sentence_and_does_not_affect_the_loss() -> None:
    tags = TagSet(BIO(), TYPES)
    crf = learned(tags)
    logits = torch.randn(1, 6, len(tags.tags), dtype=torch.float64)
    logits[0, [2, 5]] = NAN
    labels = [*gold(tags, "B-PER I-PER"), -100, *gold(tags, "O B-LOC"), -100]
    found = crf(rows(logits, [labels], [6]))
    first = brute_force(crf, logits[0, :2], labels[:2], begins=True, ends=False)
    second = brute_force(crf, logits[0, 3:5], labels[3:5], begins=False, ends=False)
    torch.testing.assert_close(found.total, first + second)
    assert found.weight == 4


def test_a_batch_without_scored_words_has_zero_loss_and_finite_gradients() -> None:
    crf = CRF(TagSet(BIO(), TYPES))
    logits = torch.full((2, 3, 5), torch.inf, requires_grad=True)
    total, weight = crf(rows(logits, [[-100] * 3] * 2, [3, 0]))
    assert (total.item(), weight.item()) == (0.0, 0.0)
    total.backward()
    for tensor in (logits, *crf.parameters()):
        assert tensor.grad is not None
        assert tensor.grad.isfinite().all()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
def test_value_and_gradients_are_finite_in_any_precision(dtype: torch.dtype) -> None:
    tags = TagSet(BIO(), TYPES)
    crf = CRF(tags)
    logits = (1e4 * torch.randn(1, 50, 5, generator=torch.Generator().manual_seed(0))).to(dtype).requires_grad_()
    total, _ = crf(rows(logits, [[0] * 50], [50]))
    assert total.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    total.backward()
    for tensor in (logits, *crf.parameters()):
        assert tensor.grad is not None
        assert tensor.grad.isfinite().all()


def test_without_transitions_the_loss_equals_cross_entropy() -> None:
    tags = TagSet(SCHEMES[0], ("PER",))  # IO over one type forbids nothing
    logits = torch.randn(3, 4, 2, dtype=torch.float64)
    scored = rows(logits, [[0, 1, 1, 0], [1, 0, -100, -100], [0, -100, -100, -100]], [4, 2, 1])
    crf = CRF(tags).double()
    expected = CrossEntropyLoss()(scored.logits, scored.labels)
    torch.testing.assert_close(crf(scored).total, expected.total)
    torch.testing.assert_close(word_cross_entropy(scored, crf.transitions).total, expected.total)
    torch.testing.assert_close(word_cross_entropy(scored, None).total, expected.total)


def test_transitions_are_learned_even_from_words_without_information() -> None:
    tags = TagSet(BIO(), TYPES)
    crf = CRFLoss().bind(tags, {})
    labels = gold(tags, "O B-PER O B-LOC I-LOC")
    scored = rows(torch.zeros(1, 5, 5), [labels], [5])
    optimizer = torch.optim.Adam(crf.parameters(), lr=0.1)
    for _ in range(300):
        optimizer.zero_grad()
        crf(scored).total.backward()
        optimizer.step()
    transitions = crf.transitions
    assert transitions is not None
    assert transitions.inner[tags.tag_ids["B-LOC"]].argmax() == tags.tag_ids["I-LOC"]
    assert transitions.start.argmax() == 0
    assert transitions.inner[0, tags.tag_ids["I-PER"]] == -torch.inf
