"""A comparison as tables, for the terminal and for its page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from statistics import mean, stdev
from typing import Any, Final

from ner_lightning.evaluation.comparison.arms import Comparison, ScoredArm
from ner_lightning.evaluation.comparison.formatting import interval, p_value, points
from ner_lightning.evaluation.comparison.significance import FEWEST_UNITS, SliceDifference
from ner_lightning.evaluation.comparison.sliced_counts import AXES, LENIENT, STRICT, Slice
from ner_lightning.evaluation.comparison.verdicts import Difference
from ner_lightning.evaluation.pages.tables import Percent, Table

MINUTE: Final = 60
METHOD_NOTE: Final = "p before Holm's correction; intervals of the verdict's test are those of the levels that it sets."
LEVEL_TOLD: Final = "95\u00a0%"  # in one piece, where the header of a column is broken


def comparison_tables(comparison: Comparison) -> list[Table]:
    """The tables that a comparison is told by, in the order of reading."""
    return [
        arm_table(comparison),
        seed_table(comparison),
        *(slice_table(comparison, axis) for axis in AXES),
        *([method_table(comparison)] if comparison.differences else []),
        *([settings_table(comparison.arm_names, comparison.settings)] if comparison.settings else []),
    ]


def arm_table(comparison: Comparison) -> Table:
    """Scores and costs of every arm."""
    return Table(
        f"{comparison.scope}: means over seeds ± standard deviation, per cent",
        ("arm", "seeds", "F1", "strict F1", "ill-formed", "minutes", "MiB"),
        tuple(
            (
                arm.name,
                str(len(arm.runs)),
                mean_and_deviation(arm.f1(LENIENT)),
                mean_and_deviation(arm.f1(STRICT)),
                str(Percent(mean(arm.ill_formed))),
                f"{mean(run.record['training_seconds'] for run in arm.runs) / MINUTE:.1f}",
                f"{max(run.record['peak_memory_mib'] for run in arm.runs):,}",
            )
            for arm in comparison.arms
        ),
        note="ill-formed: sentences with a tag that may not stand where it does; minutes: of training a run, without "
        "scoring; MiB: the most memory of a run",
    )


def seed_table(comparison: Comparison) -> Table:
    """F1 of every run."""
    seeds = sorted({run.seed for arm in comparison.arms for run in arm.runs})
    rows = []
    for arm in comparison.arms:
        by_seed = dict(zip((run.seed for run in arm.runs), arm.f1(), strict=True))
        rows.append((arm.name, *(Percent(by_seed.get(seed)) for seed in seeds)))
    return Table(f"{comparison.scope}: F1 of every run", ("arm", *(f"seed {seed}" for seed in seeds)), tuple(rows))


def slices_of(comparison: Comparison, axis: str) -> list[Slice]:
    """The slices of an axis."""
    return [part for part in comparison.by_slice if part.axis == axis]


def slice_table(comparison: Comparison, axis: str) -> Table:
    """Mean F1 of every arm by slice, and how each further arm differs from the first."""
    rows = tuple(row for part in slices_of(comparison, axis) for row in _slice_rows(comparison, part))
    header = axis, "arm", "gold", "F1", f"minus {comparison.arms[0].name} [{LEVEL_TOLD}]"
    note = (
        "Intervals are not corrected for looking at many rows: a hint, no verdict. Fewer than "
        f"{FEWEST_UNITS} {comparison.units.name} with such entities give none."
    )
    if len(comparison.arms) == 1:
        return Table(f"F1 by {axis}", header[:-1], tuple(row[:-1] for row in rows), text_columns=2)
    return Table(f"F1 by {axis}", header, rows, text_columns=2, note=note)


def _slice_rows(comparison: Comparison, part: Slice) -> Iterator[tuple[Any, ...]]:
    first, *others = comparison.arms
    yield part.value, first.name, f"{first.gold(part):,}", Percent(first.mean_f1(part)), ""
    for arm, difference in zip(others, comparison.by_slice[part], strict=True):
        yield "", arm.name, "", Percent(arm.mean_f1(part)), _with_interval(difference)


def method_table(comparison: Comparison) -> Table:
    """What other tests than the verdict's say, and what they do not see."""
    return Table(
        "the verdict's test, and usual ones that see less",
        ("difference", "method", "does not see", "p", f"{LEVEL_TOLD} interval"),
        tuple(row for difference in comparison.differences for row in _method_rows(difference)),
        text_columns=3,
        note="" if len(comparison.differences) < 2 else METHOD_NOTE,
    )


def settings_table(names: Sequence[str], differing: Mapping[str, Sequence[Any]]) -> Table:
    """The settings in which arms differ.

    Args:
        names: The names of the arms.
        differing: By key, the value of each arm.
    """
    return Table(
        "settings in which the arms differ",
        ("setting", *names),
        tuple((key, *map(str, values)) for key, values in differing.items()),
        text_columns=1 + len(names),
    )


def run_table(comparison: Comparison) -> Table:
    """Where every run comes from."""
    return Table(
        "the runs",
        ("run", "seed", "commit", "corpus checksum", "torch", "transformers"),
        tuple(_origin(arm, index) for arm in comparison.arms for index in range(len(arm.runs))),
    )


def mean_and_deviation(shares: Sequence[float]) -> str:
    """Mean and, of several, standard deviation in per cent."""
    return str(Percent(mean(shares))) + (f" ± {Percent(stdev(shares))}" if len(shares) > 1 else "")


def _with_interval(difference: SliceDifference) -> str:
    told = points(difference.difference)
    return told if difference.interval is None else f"{told} {interval(difference.interval)}"


def _method_rows(difference: Difference) -> Iterator[tuple[str, ...]]:
    pair = f"{difference.second} − {difference.first}"
    if difference.test is not None:
        yield pair, "t by seeds and test set", "–", p_value(difference.test.p), interval(difference.test.interval)
        pair = ""
    for test in difference.beside:
        p, ends = test.p, test.interval
        cells = "–" if p is None else p_value(p), "–" if ends is None else interval(ends)
        yield pair, test.method, test.ignores, *cells
        pair = ""


def _origin(arm: ScoredArm, index: int) -> tuple[str, ...]:
    record = arm.runs[index].record
    versions = record["versions"]
    return (
        str(arm.runs[index].path),
        str(record["seed"]),
        str(record["commit"])[:12],
        record["corpus_checksum"][:12],
        versions["torch"],
        versions["transformers"],
    )
