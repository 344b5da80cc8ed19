"""Tests that sums and maxima over tag sequences equal those over an explicit list of all sequences."""

from itertools import pairwise, product

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from ner_lightning.modeling.linear_chain import Chains, Transitions
from ner_lightning.schemes import IGNORE_INDEX, LabelScheme, TagSet
from support.strategies import SCHEMES, tag_sets

TYPES = ("PER", "LOC")


def random_transitions(tags: TagSet, generator: torch.Generator) -> Transitions:
    num_tags = len(tags.tags)
    draws = (torch.randn(size, generator=generator, dtype=torch.float64) for size in ([num_tags], [num_tags] * 2))
    start, inner = draws
    return Transitions(start, inner, start.flip(0)).restricted_to(tags)


def score_of(sequence: tuple[int, ...], logits: Tensor, scores: Transitions, begins: bool, ends: bool) -> Tensor:
    score = sum((logits[word, tag] for word, tag in enumerate(sequence)), logits.new_zeros(()))
    score = score + sum((scores.inner[pair] for pair in pairwise(sequence)), logits.new_zeros(()))
    return score + (scores.start[sequence[0]] if begins else 0) + (scores.end[sequence[-1]] if ends else 0)


@pytest.mark.parametrize("scheme", SCHEMES, ids=repr)
@pytest.mark.parametrize(("begins", "ends"), [(True, True), (False, True), (True, False)])
def test_sums_maxima_and_marginals_equal_those_over_all_sequences(
    scheme: LabelScheme, begins: bool, ends: bool
) -> None:
    tags = TagSet(scheme, TYPES)
    num_tags = len(tags.tags)
    generator = torch.Generator().manual_seed(0)
    transitions = random_transitions(tags, generator)
    lengths = [3, 1, 2]
    logits = 2 * torch.randn(3, 3, num_tags, generator=generator, dtype=torch.float64)
    mask = torch.arange(3) < torch.tensor(lengths)[:, None]
    flags = torch.full((3,), begins), torch.full((3,), ends)
    chains = Chains.of(logits, mask, transitions, *flags)
    best = chains.best_paths()
    for row, length in enumerate(lengths):
        sequences = list(product(range(num_tags), repeat=length))
        scores = torch.stack([score_of(s, logits[row], transitions, begins, ends) for s in sequences])
        surprise = (
            chains.log_partition[row] - chains.path_scores(best)[row]
        )  # of the best path; the difference does not depend on a constant
        torch.testing.assert_close(surprise, scores.logsumexp(0) - scores.max())
        assert tuple(best[row, :length].tolist()) == sequences[int(scores.argmax())]
        assert (best[row, length:] == IGNORE_INDEX).all()
        probabilities = scores.softmax(0)
        is_tag = torch.nn.functional.one_hot(torch.tensor(sequences), num_tags)
        expected = (probabilities[:, None, None] * is_tag).sum(0)
        torch.testing.assert_close(chains.log_marginals[row, :length].exp(), expected)


@given(tag_sets(), st.integers(1, 12), st.integers(0, 10_000), st.booleans())
def test_the_best_path_is_never_ill_formed(tags: TagSet, num_words: int, seed: int, learned: bool) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits = 5 * torch.randn(3, num_words, len(tags.tags), generator=generator)
    lengths = torch.randint(1, num_words + 1, (3, 1), generator=generator)
    transitions = random_transitions(tags, generator) if learned else Transitions.allowed_by(tags)
    for row in Chains.of(logits, torch.arange(num_words) < lengths, transitions).best_paths().tolist():
        around = [0, *(tag_id for tag_id in row if tag_id != IGNORE_INDEX), 0]
        assert all(tags.allowed[pair] for pair in pairwise(around))


@pytest.mark.parametrize(("given_dtype", "computed_dtype"), [(torch.bfloat16, torch.float32), (torch.float64,) * 2])
def test_sums_are_computed_in_at_least_float32(given_dtype: torch.dtype, computed_dtype: torch.dtype) -> None:
    tags = TagSet(SCHEMES[1], TYPES)
    logits = torch.randn(2, 40, len(tags.tags), generator=torch.Generator().manual_seed(0)).to(given_dtype)
    mask = torch.ones(2, 40, dtype=torch.bool)
    chains = Chains.of(logits, mask, Transitions.allowed_by(tags))
    assert chains.log_partition.dtype == computed_dtype
    exact = Chains.of(logits.double(), mask, Transitions.allowed_by(tags))
    torch.testing.assert_close(chains.log_partition.double(), exact.log_partition, rtol=1e-6, atol=0)


def test_long_documents_lose_no_precision_in_float32() -> None:
    tags = TagSet(SCHEMES[1], TYPES)
    logits = 10 + 3 * torch.randn(2, 4000, len(tags.tags), generator=torch.Generator().manual_seed(0))
    logits[:, :, 0] += 12
    outside = torch.zeros(2, 4000, dtype=torch.int64)
    losses, marginals = [], []
    for precise in (logits, logits.double()):
        chains = Chains.of(precise, torch.ones(2, 4000, dtype=torch.bool), Transitions.allowed_by(tags))
        losses.append((chains.log_partition - chains.path_scores(outside)).double())
        marginals.append(chains.log_marginals.exp().double())
    torch.testing.assert_close(*losses, rtol=0, atol=1e-3)
    torch.testing.assert_close(*marginals, rtol=0, atol=1e-3)


def test_marginals_and_sums_do_not_depend_on_padding() -> None:
    tags = TagSet(SCHEMES[2], TYPES)
    generator = torch.Generator().manual_seed(0)
    transitions = random_transitions(tags, generator)
    logits = torch.randn(1, 4, len(tags.tags), generator=generator, dtype=torch.float64)
    garbage = torch.full((1, 3, len(tags.tags)), 1e9, dtype=torch.float64)
    alone = Chains.of(logits, torch.ones(1, 4, dtype=torch.bool), transitions)
    padded = Chains.of(torch.cat([logits, garbage], 1), torch.arange(7)[None] < 4, transitions)
    assert torch.equal(alone.log_partition, padded.log_partition)
    torch.testing.assert_close(alone.log_marginals, padded.log_marginals[:, :4], rtol=0, atol=0)
    assert torch.equal(alone.best_paths(), padded.best_paths()[:, :4])
