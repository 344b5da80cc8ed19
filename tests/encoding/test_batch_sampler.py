from collections import Counter
from itertools import chain, pairwise
from math import ceil, floor

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from torch.utils.data import DataLoader

from ner_lightning.encoding.batch_sampler import StepLayout, TokenBudgetBatchSampler, WithEpoch, plan_evaluation


def factors_of_windows() -> st.SearchStrategy[float]:
    """Draw repeat factors: multiples of 1/4, whose sums are often whole numbers, and any others."""
    return st.integers(4, 12).map(lambda quarters: quarters / 4) | st.floats(1, 3)


@st.composite
def settings_of_samplers(draw: st.DrawFn) -> tuple[list[int], dict, int]:
    """Draw window lengths, settings that make some windows exceed the budget, and the number of ranks."""
    num_ranks = draw(st.integers(1, 3))
    lengths = draw(st.lists(st.integers(0, 30), min_size=num_ranks, max_size=40))
    settings = {
        "max_subwords": draw(st.integers(1, 60)),
        "max_windows": draw(st.integers(1, 8)),
        "pool": draw(st.integers(1, 4)),
        "seed": draw(st.integers(0, 5)),
        "factors": draw(st.none() | st.lists(factors_of_windows(), min_size=len(lengths), max_size=len(lengths))),
    }
    return lengths, settings, num_ranks


def samplers(lengths: list[int], settings: dict, num_ranks: int) -> list[TokenBudgetBatchSampler]:
    layouts = [StepLayout(rank, num_ranks) for rank in range(num_ranks)]
    return [TokenBudgetBatchSampler(lengths, layout=layout, **settings) for layout in layouts]


def realistic_lengths(num_windows: int = 4000) -> list[int]:
    """Draw lengths with a long tail as in a corpus: median 22 subwords, 1 of 100 above 80."""
    lengths = torch.empty(num_windows).log_normal_(3.1, 0.55, generator=torch.Generator().manual_seed(3))
    return lengths.round().long().clamp(3, 128).tolist()


@given(settings_of_samplers(), st.integers(0, 4))
@example(
    ([5] * 5, {"max_subwords": 5, "max_windows": 1, "pool": 1, "seed": 0, "factors": None}, 3), 0
)  # nothing to halve
def test_all_ranks_get_equally_many_batches_and_repeat_factors_are_respected(drawn, epoch):
    lengths, settings, num_ranks = drawn
    seen = []
    for sampler in samplers(lengths, settings, num_ranks):
        sampler.set_epoch(epoch)
        batches = list(sampler)
        assert len(batches) == len(sampler) == len(samplers(lengths, settings, num_ranks)[0]) >= 1
        assert all(batches)
        seen += [window for batch in batches for window in batch]
    factors = settings["factors"] or [1] * len(lengths)
    counts = Counter(seen)
    assert all(floor(factor) <= counts[window] <= ceil(factor) for window, factor in enumerate(factors))
    assert abs(sum(factors) - len(seen)) < 1.001  # rounded down, and factors to the sixth digit


def num_batches_in_order(lengths: list[int], max_subwords: int, max_windows: int) -> int:
    """Return the number of batches if windows of these lengths are put into batches in this order."""
    num_batches, num_windows, num_subwords = 0, max_windows, 0
    for length in lengths:
        if num_windows == max_windows or num_subwords + length > max_subwords:
            num_batches, num_windows, num_subwords = num_batches + 1, 0, 0
        num_windows, num_subwords = num_windows + 1, num_subwords + length
    return num_batches


@given(settings_of_samplers(), st.integers(0, 4))
@example(([5] * 5, {"max_subwords": 5, "max_windows": 1, "pool": 1, "seed": 0, "factors": None}, 3), 0)
@example(
    (
        [0, 0, 1, 1, 1, 1],
        {"max_subwords": 1, "max_windows": 2, "pool": 2, "seed": 0, "factors": [1.0, 1.0, 1.0, 1.0, 1.0, 3.0]},
        3,
    ),
    0,
)
def test_only_long_single_windows_and_joined_batches_exceed_the_budget(drawn, epoch):
    """If there are too few windows to halve batches, pairs of batches are joined until the ranks have equally many."""
    lengths, settings, num_ranks = drawn
    sampler = samplers(lengths, settings, num_ranks)[0]
    num_planned = num_batches_in_order(sampler.slot_lengths.tolist(), settings["max_subwords"], settings["max_windows"])
    num_needed = -(-num_planned // num_ranks) * num_ranks
    num_joined = num_planned % num_ranks if num_needed > len(sampler.slot_lengths) else 0
    over = [
        batch
        for batch in sampler.batches_of(epoch)
        if len(batch) > settings["max_windows"]
        or (len(batch) > 1 and sum(lengths[i] for i in batch) > settings["max_subwords"])
    ]
    assert len(over) <= num_joined
    assert all(len(batch) <= 2 * settings["max_windows"] for batch in over)


def steps_of(lengths: list[int], epoch: int, layout: StepLayout, **settings: int) -> list[list[int]]:
    """Return the windows of every optimizer step, in the order of the plan."""
    sampler = TokenBudgetBatchSampler(lengths, max_subwords=10_000, layout=layout, **settings)
    batches = sampler.batches_of(epoch)
    per_step = layout.batches_per_step
    assert len(batches) % layout.num_ranks == 0
    return [[*chain(*batches[first : first + per_step])] for first in range(0, len(batches), per_step)]


LAYOUTS = [StepLayout(num_ranks=2), StepLayout(num_ranks=4), StepLayout(accumulate=2), StepLayout(0, 2, 4)]


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
@pytest.mark.parametrize("pool", [1, 2])
@pytest.mark.parametrize("num_windows", [160, 168, 175])
def test_a_step_has_the_same_windows_however_they_are_divided(num_windows: int, pool: int, layout: StepLayout) -> None:
    lengths = realistic_lengths(num_windows)
    factors = {"factors": [1.25] * num_windows} if num_windows == 160 else {}
    for epoch in range(3):
        whole = steps_of(lengths, epoch, StepLayout(), max_windows=16, pool=pool, **factors)
        spread = steps_of(lengths, epoch, layout, max_windows=16 // layout.batches_per_step, pool=pool, **factors)
        assert spread == whole


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_a_last_step_with_too_few_windows_takes_some_from_the_step_before(layout: StepLayout) -> None:
    lengths = realistic_lengths(161)  # the last step of one process has a single window
    whole = steps_of(lengths, 0, StepLayout(), max_windows=16)
    spread = steps_of(lengths, 0, layout, max_windows=16 // layout.batches_per_step)
    assert len(spread) == len(whole) == 11
    differing = [(set(a), set(b)) for a, b in zip(whole, spread, strict=True) if a != b]
    assert len(differing) == 2
    assert differing[0][0] | differing[1][0] == differing[0][1] | differing[1][1]


def test_the_last_step_is_shorter_if_too_few_windows_are_left() -> None:
    layout = StepLayout(num_ranks=2, accumulate=4)
    sizes = [len(step) for step in steps_of([5] * 13, 0, layout, max_windows=1)]
    assert sizes == [8, 5]


@given(settings_of_samplers())
def test_a_single_rank_gets_batches_that_are_as_full_as_possible(drawn):
    """No batch has room for the next window, so that no batch could be saved."""
    lengths, settings, _ = drawn
    (sampler,) = samplers(lengths, settings, 1)
    slots = sampler.slot_lengths.split(sampler.batch_sizes)
    for batch, following in pairwise(slots):
        full = len(batch) == settings["max_windows"]
        assert full or batch.sum() + following[0] > settings["max_subwords"]


@given(st.lists(st.tuples(st.integers(0, 9), factors_of_windows()), min_size=1, max_size=20))
def test_no_window_is_longer_than_its_slot(windows):
    lengths, factors = zip(*windows, strict=True)
    sampler = TokenBudgetBatchSampler(lengths, max_subwords=20, max_windows=4, factors=factors)
    places = sampler.slot_lengths.sort().values.tolist()
    for epoch in range(10):
        drawn = sorted(lengths[window] for batch in sampler.batches_of(epoch) for window in batch)
        assert all(length <= place for length, place in zip(drawn, places, strict=True))


@pytest.mark.parametrize(
    ("lengths", "factors"),
    [
        ([3, 5, 5, 5, 9, 9, 12, 30], [1.25, 1.5, 1.0, 2.25, 1.875, 1.125, 1.625, 1.375]),
        ([7] * 6, [1.5, 1.25, 1.25, 1.0, 3.0, 2.0]),
        ([4, 8, 15, 16], [1.0, 1.25, 1.25, 2.5]),
    ],
)
def test_the_mean_number_of_repetitions_equals_the_factor(lengths, factors):
    """The factors sum to whole numbers, so that nothing is rounded down."""
    sampler = TokenBudgetBatchSampler(lengths, max_subwords=64, max_windows=4, factors=factors)
    num_epochs = 2000
    counts = Counter(i for epoch in range(num_epochs) for batch in sampler.batches_of(epoch) for i in batch)
    for window, factor in enumerate(factors):
        assert counts[window] / num_epochs == pytest.approx(factor, abs=0.05)  # four standard deviations


def test_repeated_windows_are_drawn_independently():
    sampler = TokenBudgetBatchSampler([7] * 4, max_subwords=64, max_windows=4, factors=[1.5] * 4)
    extras = {tuple(sorted(w for b in sampler.batches_of(epoch) for w in b)) for epoch in range(100)}
    assert len(extras) == 6  # all pairs of the four


def test_factors_of_one_change_nothing():
    lengths = realistic_lengths(300)
    plain = TokenBudgetBatchSampler(lengths, max_subwords=512, max_windows=16)
    with_factors = TokenBudgetBatchSampler(lengths, max_subwords=512, max_windows=16, factors=[1.0] * 300)
    assert plain.batches_of(3) == with_factors.batches_of(3)


def test_batches_stay_full_if_windows_are_repeated():
    """Slots are planned for the longest windows that may fill them; little of their space stays empty."""
    lengths = realistic_lengths()
    factors = [1 + window % 7 / 7 for window in range(len(lengths))]
    sampler = TokenBudgetBatchSampler(lengths, max_subwords=512, max_windows=64, factors=factors)
    subwords = sum(lengths[window] for batch in sampler.batches_of(1) for window in batch)
    assert 0.999 < subwords / sum(f * n for f, n in zip(factors, lengths, strict=True)) < 1.001
    assert subwords / sampler.slot_lengths.sum().item() > 0.995


@given(settings_of_samplers(), st.integers(0, 4))
def test_the_order_depends_only_on_seed_and_epoch(drawn, epoch):
    lengths, settings, num_ranks = drawn
    for once, again in zip(samplers(lengths, settings, num_ranks), samplers(lengths, settings, num_ranks), strict=True):
        once.set_epoch(epoch)
        list(again)  # an epoch before, as in a run that was not interrupted
        again.set_epoch(epoch)
        assert list(once) == list(again) == list(once)


@given(settings_of_samplers(), st.integers(0, 3), st.data())
def test_a_resumed_epoch_continues_where_it_was_interrupted(drawn, epoch, data):
    lengths, settings, num_ranks = drawn
    for full, resumed in zip(
        samplers(lengths, settings, num_ranks), samplers(lengths, settings, num_ranks), strict=True
    ):
        seen = data.draw(st.integers(0, len(full)))
        full.set_epoch(epoch)
        resumed.resume_at(epoch, seen)
        assert list(resumed) == list(full)[seen:]
        resumed.set_epoch(epoch)  # Lightning sets the epoch again, and creates iterators that it discards
        assert list(resumed) == list(full)[seen:]
        assert len(resumed) == len(full)
        full.set_epoch(epoch + 1)
        resumed.set_epoch(epoch + 1)
        assert list(resumed) == list(full)


@pytest.mark.parametrize("pool", [1, 50])
def test_another_epoch_or_seed_gives_another_order_and_other_neighbors(pool):
    lengths = realistic_lengths()
    sampler = TokenBudgetBatchSampler(lengths, max_subwords=512, max_windows=16, pool=pool)
    other_seed = TokenBudgetBatchSampler(lengths, max_subwords=512, max_windows=16, pool=pool, seed=1)
    epochs = [sampler.batches_of(0), sampler.batches_of(1), other_seed.batches_of(0)]
    neighbors = [{frozenset(pair) for b in batches for pair in pairwise(sorted(b))} for batches in epochs]
    for first, second in [(0, 1), (0, 2)]:
        assert epochs[first] != epochs[second]
        assert len(neighbors[first] & neighbors[second]) < 0.1 * len(neighbors[first])


@pytest.mark.parametrize(("max_windows", "max_subwords", "most"), [(64, 512, 1.03), (16, 512, 1.03), (16, 2048, 1.06)])
def test_sorted_pools_leave_little_padding(max_windows, max_subwords, most):
    lengths = realistic_lengths()

    def padding_ratio(pool: int) -> float:
        sampler = TokenBudgetBatchSampler(lengths, max_subwords=max_subwords, max_windows=max_windows, pool=pool)
        batches = sampler.batches_of(1)
        return sum(len(b) * max(lengths[i] for i in b) for b in batches) / sum(lengths)

    assert padding_ratio(50) <= most
    assert padding_ratio(1) > 1.5  # the padding without sorting


def correlation_with_neighbors(lengths: list[int], batches: list[list[int]]) -> float:
    """Return the correlation of a window's length with the mean length of the others in its batch."""
    own, others = [], []
    for batch in batches:
        total = sum(lengths[i] for i in batch)
        for i in batch if len(batch) > 1 else []:
            own.append(float(lengths[i]))
            others.append((total - lengths[i]) / (len(batch) - 1))
    return torch.corrcoef(torch.tensor([own, others], dtype=torch.float64))[0, 1].item()


def test_without_a_pool_the_lengths_in_a_batch_are_random():
    lengths = realistic_lengths()

    def correlation(pool: int) -> float:
        sampler = TokenBudgetBatchSampler(lengths, max_subwords=2048, max_windows=16, pool=pool)
        return correlation_with_neighbors(lengths, sampler.batches_of(2))

    assert abs(correlation(1)) < 0.06
    assert correlation(50) > 0.9


def test_lightning_and_the_loader_accept_it_as_batch_sampler():
    lengths = realistic_lengths(60)
    sampler = TokenBudgetBatchSampler(lengths, max_subwords=200, max_windows=8)
    assert sampler.sampler is sampler  # where Lightning looks for set_epoch
    loader = DataLoader(lengths, batch_sampler=sampler, collate_fn=list)
    assert len(loader) == len(sampler)
    assert list(loader) == [[lengths[i] for i in batch] for batch in sampler.batches_of(0)]


def test_windows_come_with_the_epoch_that_lightning_sets():
    sampler = TokenBudgetBatchSampler(realistic_lengths(60), max_subwords=200, max_windows=8)
    with_epoch = WithEpoch(sampler)
    sampler.resume_at(2, 3)
    with_epoch.sampler.set_epoch(2)  # as Lightning does
    assert list(with_epoch) == [[(2, window) for window in batch] for batch in sampler.batches_of(2)[3:]]
    assert len(with_epoch) == len(sampler)


def test_the_global_random_state_is_unchanged():
    state = torch.get_rng_state()
    list(TokenBudgetBatchSampler([3, 4, 5], max_subwords=8, max_windows=2, pool=2))
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("wrong", [{"max_subwords": 0}, {"max_windows": 0}, {"pool": 0}])
def test_settings_below_one_are_refused(wrong):
    with pytest.raises(ValueError, match="must be at least 1"):
        TokenBudgetBatchSampler([1], **({"max_subwords": 8, "max_windows": 2} | wrong))


@pytest.mark.parametrize("factors", [[1.0], [1.0, 0.9], [1.0, float("nan")]])
def test_every_window_needs_a_factor_of_at_least_1(factors):
    with pytest.raises(ValueError, match=f"each of 2 windows .* at least 1, got {len(factors)} factors"):
        TokenBudgetBatchSampler([1, 1], max_subwords=8, max_windows=2, factors=factors)


def test_fewer_windows_than_ranks_are_refused():
    with pytest.raises(ValueError, match="3 ranks need at least one window each, got 2"):
        TokenBudgetBatchSampler([1, 1], max_subwords=8, max_windows=2, layout=StepLayout(num_ranks=3))


@given(st.lists(st.integers(0, 30), max_size=40), st.integers(1, 60))
def test_evaluation_batches_are_sorted_and_within_the_budget(lengths, budget):
    batches = plan_evaluation(lengths, budget)
    assert sorted(i for batch in batches for i in batch) == list(range(len(lengths)))
    assert all(len(batch) == 1 or sum(lengths[i] for i in batch) <= budget for batch in batches)
    in_order = [lengths[i] for batch in batches for i in batch]
    assert in_order == sorted(lengths)
    for batch, following in pairwise(batches):
        assert sum(lengths[i] for i in batch) + lengths[following[0]] > budget
