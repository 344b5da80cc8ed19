"""Batches of windows under a budget of subwords, coordinated across ranks and resumable in the middle of an epoch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch.utils.data import Sampler

FACTOR_UNIT = 2.0**-20  # factors are rounded down to multiples of this, so that their sums are exact in any order


@dataclass(frozen=True, slots=True)
class StepLayout:
    """The distribution of the batches of an optimizer step over processes and over time.

    Args:
        rank: Index of this process, which computes every ``num_ranks``-th batch.
        num_ranks: Number of processes.
        accumulate: Number of batches that each process computes before an optimizer step.
    """

    rank: int = 0
    num_ranks: int = 1
    accumulate: int = 1

    @property
    def batches_per_step(self) -> int:
        """The number of batches in a step, over all ranks."""
        return self.num_ranks * self.accumulate


ONE_BATCH = StepLayout()  # a step is a single batch on a single process


class TokenBudgetBatchSampler(Sampler[list[int]]):
    """Random batches under a budget of subwords and windows.

    A plan, made once, fixes the lengths of the windows in every batch. In each epoch, windows of these lengths are
    distributed randomly over the plan. So no batch exceeds its budget, all epochs and all ranks have the same number of
    batches, and each window is used as often as its factor requires. With ``pool=1``, each batch mixes lengths at
    random, which learns better than batches of similar lengths. The order depends on the seed and the epoch only.

    Consecutive batches of the plan form an optimizer step, and the steps are shuffled. So steps of 1 rank × 16 windows,
    2 ranks × 8 windows, and 2 accumulated batches × 8 windows contain the same windows in the same order, as long as
    batches are limited by ``max_windows`` and not by ``max_subwords``. If too few windows are left for all batches of
    the last step, it gets some from the step before.

    Args:
        lengths: Number of subwords of every window.
        max_subwords: Largest number of subwords in a batch. There are two exceptions: a longer window forms a batch by
            itself, and if there are too few windows to give all ranks the same number of batches, up to
            ``num_ranks - 1`` batches are made by joining two.
        max_windows: Largest number of windows in a batch.
        pool: Number of steps whose windows are sorted by length together before they are divided into batches. 1 does
            not sort, which is best for encoders that compute no padding. About 50 avoids most padding for the others.
        factors: Number of times that every window is used per epoch, on average over epochs and at least 1; None uses
            each window once. A factor is rounded up or down at random in each epoch. The total number of windows is
            rounded down, and is the same in all epochs.
        seed: Seed of plan and order.
        layout: The distribution of a step's batches over processes and over time.
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
            raise ValueError(f"{layout.num_ranks} ranks need at least one window each, got {len(lengths)} windows")
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
        """Choose the epoch whose batches the next iteration yields."""
        self.epoch = epoch

    def resume_at(self, epoch: int, batch: int) -> None:
        """Skip the first batches of an epoch, which were already trained on before the checkpoint."""
        self.epoch = self.resume_epoch = epoch
        self.resume_batch = batch

    def __iter__(self) -> Iterator[list[int]]:
        batches = self.batches_of(self.epoch)[self.layout.rank :: self.layout.num_ranks]
        yield from batches[self.resume_batch if self.epoch == self.resume_epoch else 0 :]

    def batches_of(self, epoch: int) -> list[list[int]]:
        """Return all batches of an epoch, alternating between ranks."""
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + epoch + 1)
        order = _sorted_with_random_ties(self.lengths, generator)
        slots = _sorted_with_random_ties(self.slot_lengths, generator)
        per_step, num_batches = self.layout.batches_per_step, len(self.batch_sizes)
        turns = torch.randperm(-(-num_batches // per_step), generator=generator).tolist()
        start = 1 - torch.rand((), generator=generator).item()
        dealt = torch.empty_like(slots)
        dealt[slots] = order.repeat_interleave(self._repeats(order, start)[order])
        batches = [batch.tolist() for batch in dealt.split(self.batch_sizes)]
        if num_batches % per_step:  # the incomplete step must come last, because Lightning steps after every n batches
            turns.append(turns.pop(turns.index(max(turns))))
        return [batch for turn in turns for batch in batches[turn * per_step : (turn + 1) * per_step]]

    def _repeats(self, order: torch.Tensor, start: float) -> torch.Tensor:
        """Return the number of times that every window is used, by systematic sampling.

        The fractional parts of the factors are laid end to end on a line. Points are placed on it at equal distances of
        at least 1, and each window with a point is used one more time.

        Args:
            order: Indices of the windows, shortest first.
            start: Position of the first point, above 0 and at most 1, in units of the distance between points. A larger
                start moves every point to a window that is at least as long, so 1 selects the longest windows.
        """
        line = self.fractions[order].cumsum(0)
        num_extra = int(line[-1])
        points = (torch.arange(num_extra, dtype=torch.float64) + start) * (line[-1] / max(num_extra, 1))
        extra = order[torch.searchsorted(line, points.clamp(max=line[-1]))]
        return self.certain + torch.bincount(extra, minlength=len(order))

    def _plan(self, max_subwords: int, max_windows: int, pool: int) -> tuple[list[int], torch.Tensor]:
        """Return the number of windows in every batch, and for every place in them the largest length of its window."""
        generator = torch.Generator().manual_seed(self.seed * 1_000_003)
        lengths = self.lengths.repeat_interleave(self._repeats(self.lengths.argsort(), start=1))
        order = torch.randperm(len(lengths), generator=generator)
        if pool > 1:
            # pools are sorted alternately up and down, so that no batch joins the longest and the shortest windows
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
    """The batches of a sampler, in which each window is a pair of the epoch and its index.

    So a dataset can return different windows in each epoch without keeping any state, in any process.
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
    """Return batch sizes for complete steps.

    Batches are halved until every step is complete. If there are too few windows for that, they are halved until all
    ranks have the same number of batches. If there are too few even for that, pairs of batches are joined.
    """
    for divisor in (layout.batches_per_step, layout.num_ranks):
        if sum(sizes) >= -(-len(sizes) // divisor) * divisor:
            return _split_to_multiple(sizes, divisor)
    excess = len(sizes) % layout.num_ranks
    first = len(sizes) - 2 * excess
    return sizes[:first] + [a + b for a, b in zip(sizes[first::2], sizes[first + 1 :: 2], strict=True)]


def _split_to_multiple(sizes: list[int], divisor: int) -> list[int]:
    """Halve batches until their number is a multiple of a divisor, and return the sizes.

    The largest batch of the incomplete last step is halved, or the largest of all batches if that step has none left to
    halve. Of equally large batches, the last is chosen, which moves the fewest windows to another step.
    """
    sizes = list(sizes)
    while excess := len(sizes) % divisor:
        divisible = [index for index in range(len(sizes) - excess, len(sizes)) if sizes[index] > 1]
        largest = max(divisible or range(len(sizes)), key=lambda index: (sizes[index], index))
        sizes[largest : largest + 1] = [sizes[largest] // 2, sizes[largest] - sizes[largest] // 2]
    return sizes


def _sorted_with_random_ties(values: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Return the indices that sort the values, with equal values in random order."""
    shuffled = torch.randperm(len(values), generator=generator)
    return shuffled[values[shuffled].argsort(stable=True)]


def plan_evaluation(lengths: Sequence[int], max_subwords: int) -> list[list[int]]:
    """Group sentences of similar length into batches under a budget of subwords, independently of the ranks.

    Returns:
        The indices of the sentences in each batch.
    """
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
