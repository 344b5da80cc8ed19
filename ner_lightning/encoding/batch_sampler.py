"""Batches of windows under a budget of subwords, alike on every rank and resumable in mid-epoch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch.utils.data import Sampler

FACTOR_UNIT = 2.0**-20  # factors are cut to multiples of it, so that their sums are exact in any order


@dataclass(frozen=True, slots=True)
class StepLayout:
    """A way to spread the batches of an optimizer step over processes and over time.

    Args:
        rank: This process, which takes every ``num_ranks``-th batch.
        num_ranks: The number of processes.
        accumulate: Batches that each process computes before an optimizer step.
    """

    rank: int = 0
    num_ranks: int = 1
    accumulate: int = 1

    @property
    def batches_per_step(self) -> int:
        """The batches of a step, over all ranks."""
        return self.num_ranks * self.accumulate


ONE_BATCH = StepLayout()  # a step is one batch of one process


class TokenBudgetBatchSampler(Sampler[list[int]]):
    """Random batches under a budget of subwords and of windows.

    How many windows of which length stand together is planned once; every epoch deals the windows of
    these lengths anew. So each batch keeps its budget, every epoch has the same number of batches on every
    rank, each window comes as often as its factor says, and (with ``pool=1``) batches are as mixed as random
    ones, which learn better than batches of like length. The order is a function of ``seed`` and epoch alone.

    Batches that follow each other in the plan make up an optimizer step, and whole steps are shuffled. So the steps of
    1 rank × 16 windows, of 2 ranks × 8 and of 2 accumulated batches × 8 hold the same windows in the same order,
    as long as ``max_windows`` and not ``max_subwords`` ends the batches. The last step of the plan may hold fewer
    windows than it needs batches; then it takes some from the step before it.

    Args:
        lengths: Subwords of every window.
        max_subwords: The most subwords of a batch. A longer window stands alone, and where there are
            fewer windows than the ranks need batches, fewer than ``num_ranks`` batches are two joined.
        max_windows: The most windows of a batch.
        pool: How many steps' worth of windows are sorted by length before they are cut into batches. 1
            leaves them random, for encoders that compute no padding; about 50 saves padding where it must be
            computed.
        factors: How often every window comes in an epoch, at least 1; None for once each. A window comes
            floor or ceil of its factor times, drawn anew each epoch, and on average over epochs its factor times;
            but the extra windows of an epoch are rounded down to a whole number.
        seed: Seed of plan and order.
        layout: The batches of a step, and which of them are this process's.
    """

    def __init__(
        self,
        lengths: Sequence[int],
        *,
        max_subwords: int,
        max_windows: int,
        pool: int = 1,
        factors: Sequence[float] | None = None,
        seed: int = 0,
        layout: StepLayout = ONE_BATCH,
    ) -> None:
        if min(max_subwords, max_windows, pool) < 1:
            raise ValueError(
                f"max_subwords, max_windows and pool must be at least 1, got {max_subwords}, {max_windows} and {pool}"
            )
        if len(lengths) < layout.num_ranks:
            raise ValueError(f"{layout.num_ranks} ranks need at least a window each, got {len(lengths)} windows")
        self.lengths = torch.tensor(lengths)
        times = torch.tensor([1.0] * len(lengths) if factors is None else factors, dtype=torch.float64)
        if len(times) != len(lengths) or not times.ge(1).all():
            raise ValueError(
                f"each of {len(lengths)} windows needs a factor of at least 1, "
                f"got {len(times)} factors, of which {int(times.ge(1).sum())} are"
            )
        self.certain = times.long()
        self.fractions = (times.frac() / FACTOR_UNIT).floor() * FACTOR_UNIT
        self.seed, self.layout = seed, layout
        self.epoch = 0
        self.resume_epoch, self.resume_batch = -1, 0
        self.batch_sizes, self.slot_lengths = self._plan(max_subwords, max_windows, pool)
        self.sampler = self  # Lightning looks here for set_epoch

    def __len__(self) -> int:
        return len(self.batch_sizes) // self.layout.num_ranks

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose order the next iteration gives."""
        self.epoch = epoch

    def resume_at(self, epoch: int, batch: int) -> None:
        """Leave out the first batches of an epoch, which a checkpoint had already seen."""
        self.epoch = self.resume_epoch = epoch
        self.resume_batch = batch

    def __iter__(self) -> Iterator[list[int]]:
        batches = self.batches_of(self.epoch)[self.layout.rank :: self.layout.num_ranks]
        yield from batches[self.resume_batch if self.epoch == self.resume_epoch else 0 :]

    def batches_of(self, epoch: int) -> list[list[int]]:
        """All batches of an epoch, those of all ranks in turn."""
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + epoch + 1)
        order = _sorted_with_random_ties(self.lengths, generator)
        slots = _sorted_with_random_ties(self.slot_lengths, generator)
        per_step, num_batches = self.layout.batches_per_step, len(self.batch_sizes)
        turns = torch.randperm(-(-num_batches // per_step), generator=generator).tolist()
        start = 1 - torch.rand((), generator=generator).item()
        dealt = torch.empty_like(slots)
        dealt[slots] = order.repeat_interleave(self._repeats(order, start)[order])
        batches = [batch.tolist() for batch in dealt.split(self.batch_sizes)]
        if num_batches % per_step:  # counting batches, Lightning ends no step early but the last of an epoch
            turns.append(turns.pop(turns.index(max(turns))))
        return [batch for turn in turns for batch in batches[turn * per_step : (turn + 1) * per_step]]

    def _repeats(self, order: torch.Tensor, start: float) -> torch.Tensor:
        """How often every window comes, by systematic sampling.

        The fractions of the factors are laid end to end, and points at equal distances of at least 1 fall on
        windows that come once more.

        Args:
            order: The windows from short to long.
            start: Where the first point falls, above 0 and up to 1 distances. As each point moves right with it, to
                windows that are no shorter, 1 gives the longest windows that there can be.
        """
        line = self.fractions[order].cumsum(0)
        num_extra = int(line[-1])
        points = (torch.arange(num_extra, dtype=torch.float64) + start) * (line[-1] / max(num_extra, 1))
        extra = order[torch.searchsorted(line, points.clamp(max=line[-1]))]
        return self.certain + torch.bincount(extra, minlength=len(order))

    def _plan(self, max_subwords: int, max_windows: int, pool: int) -> tuple[list[int], torch.Tensor]:
        """The number of windows of every batch, and the length of every window's place: no window is longer."""
        generator = torch.Generator().manual_seed(self.seed * 1_000_003)
        lengths = self.lengths.repeat_interleave(self._repeats(self.lengths.argsort(), start=1))
        order = torch.randperm(len(lengths), generator=generator)
        if pool > 1:
            # up and down in turn: else the batch at a border would hold the longest and the shortest windows
            order = torch.cat(
                [
                    part[lengths[part].argsort(stable=True, descending=bool(number % 2))]
                    for number, part in enumerate(order.split(pool * max_windows * self.layout.batches_per_step))
                ]
            )
        slot_lengths = lengths[order]
        sizes: list[int] = []
        used = 0
        for length in slot_lengths.tolist():
            if not sizes or used + length > max_subwords or sizes[-1] == max_windows:
                sizes.append(0)
                used = 0
            sizes[-1] += 1
            used += length
        return _completed_steps(sizes, self.layout), slot_lengths


class WithEpoch(Sampler[list[tuple[int, int]]]):
    """The batches of a sampler, each window as a pair of the epoch and its number.

    A dataset that gives other windows every epoch needs no state then, in whichever process it works.
    """

    def __init__(self, sampler: TokenBudgetBatchSampler) -> None:
        self.sampler = sampler  # Lightning looks here for set_epoch

    def __len__(self) -> int:
        return len(self.sampler)

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        epoch = self.sampler.epoch
        for batch in self.sampler:
            yield [(epoch, window) for window in batch]


def _completed_steps(sizes: list[int], layout: StepLayout) -> list[int]:
    """Halve batches until every step has all of its batches, or at least every rank as many as the others.

    With too few windows even for that, join pairs of batches.
    """
    for divisor in (layout.batches_per_step, layout.num_ranks):
        if sum(sizes) >= -(-len(sizes) // divisor) * divisor:
            return _split_to_multiple(sizes, divisor)
    excess = len(sizes) % layout.num_ranks
    first = len(sizes) - 2 * excess
    return sizes[:first] + [a + b for a, b in zip(sizes[first::2], sizes[first + 1 :: 2], strict=True)]


def _split_to_multiple(sizes: list[int], divisor: int) -> list[int]:
    """Halve the largest batch of the last step until it is complete, or a later one of all, which moves few windows."""
    sizes = list(sizes)
    while excess := len(sizes) % divisor:
        divisible = [index for index in range(len(sizes) - excess, len(sizes)) if sizes[index] > 1]
        largest = max(divisible or range(len(sizes)), key=lambda index: (sizes[index], index))
        sizes[largest : largest + 1] = [sizes[largest] // 2, sizes[largest] - sizes[largest] // 2]
    return sizes


def _sorted_with_random_ties(values: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Indices that sort the values, equal values in random order."""
    shuffled = torch.randperm(len(values), generator=generator)
    return shuffled[values[shuffled].argsort(stable=True)]


def plan_evaluation(lengths: Sequence[int], max_subwords: int) -> list[list[int]]:
    """Batches of sentences of like length under a budget of subwords, the same for any number of ranks."""
    order = sorted(range(len(lengths)), key=lambda index: (lengths[index], index))
    batches: list[list[int]] = []
    used = 0
    for index in order:
        if not batches or used + lengths[index] > max_subwords:
            batches.append([])
            used = 0
        batches[-1].append(index)
        used += lengths[index]
    return batches
