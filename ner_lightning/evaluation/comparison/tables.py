"""A comparison as tables, for the terminal and for its page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, stdev
from typing import Any, Final

from markupsafe import Markup

from ner_lightning.evaluation.comparison.arms import Comparison, ScoredArm
from ner_lightning.evaluation.comparison.formatting import interval, p_value, points
from ner_lightning.evaluation.comparison.significance import MIN_UNITS, SliceDifference
from ner_lightning.evaluation.comparison.sliced_counts import AXES, LENIENT, STRICT, TYPE, Slice
from ner_lightning.evaluation.comparison.t_tests import MIN_SEEDS
from ner_lightning.evaluation.comparison.verdicts import Difference
from ner_lightning.evaluation.pages.tables import Percent, Table, type_labels

MINUTE: Final = 60
F1: Final = "F1\u00a0(%)"  # with a space at which headers are not broken
LEVEL: Final = "95\u00a0%"
METHOD_NOTE: Final = (
    "p-values are those before Holm's correction; the intervals of the verdict's test have the levels that the "
    "correction sets."
)


@dataclass(frozen=True, slots=True)
class ArmLabel:
    """The name of an arm as a cell; on a page, its row can be found by the arm."""

    name: str

    def __str__(self) -> str:
        return self.name

    def __html__(self) -> str:
        return Markup('<span data-arm="{}">{}</span>').format(self.name, self.name)


@dataclass(frozen=True, slots=True)
class PairLabel:
    """The names of two arms as a cell, as in a subtraction; on a page, its row can be found by either."""

    difference: Difference

    def __str__(self) -> str:
        return self.difference.name

    def __html__(self) -> str:
        names = self.difference.first, self.difference.second
        return Markup('<span data-first="{}" data-second="{}">{}</span>').format(*names, str(self))


def comparison_tables(comparison: Comparison) -> list[Table]:
    """Return the tables that the terminal shows, in the order of reading."""
    return [
        arm_table(comparison),
        *([decoder_table(comparison)] if comparison.by_decoder else []),
        seed_table(comparison),
        *(slice_table(comparison, axis) for axis in AXES),
        *([method_table(comparison)] if comparison.differences else []),
        *([settings_table(comparison.arm_names, comparison.settings)] if comparison.settings else []),
    ]


def scope_title(comparison: Comparison) -> str:
    """Return the part of a title that says what was compared."""
    types = comparison.scope.entity_types
    only = "" if types is None else f", only {', '.join(types)}"
    return f"{comparison.scope.split} split{only}, decoder {comparison.decoder}"


def arm_table(comparison: Comparison) -> Table:
    """Return the scores and costs of every arm."""
    return Table(
        f"Scores, means ± standard deviations over seeds: {scope_title(comparison)}",
        ("arm", "seeds", F1, f"strict {F1}", "ill-formed (%)", "minutes", "MiB"),
        tuple(
            (
                ArmLabel(arm.name),
                str(len(arm.runs)),
                *_score_cells(arm),
                f"{mean(run.training_seconds for run in arm.runs) / MINUTE:.1f}",
                f"{max(run.peak_memory_mib for run in arm.runs):,}",
            )
            for arm in comparison.arms
        ),
        note="Ill-formed: sentences with a tag that the label scheme does not allow in its position. Minutes: training "
        "time of a run, without scoring. MiB: the largest amount of memory that a run used.",
    )


def decoder_table(comparison: Comparison) -> Table:
    """Return the scores of every arm under each decoder."""
    results = [*comparison.arms, *(arm for result in comparison.by_decoder for arm in result.arms)]
    return Table(
        f"Scores by decoder, means ± standard deviations over seeds: {comparison.scope.split} split",
        ("decoder", "arm", F1, f"strict {F1}", "ill-formed (%)"),
        tuple((arm.decoder, ArmLabel(arm.name), *_score_cells(arm)) for arm in results),
        text_columns=2,
    )


def _score_cells(arm: ScoredArm) -> tuple[str, str, str]:
    return mean_and_deviation(arm.f1(LENIENT)), mean_and_deviation(arm.f1(STRICT)), str(Percent(mean(arm.ill_formed)))


def seed_table(comparison: Comparison) -> Table:
    """Return F1 of every run."""
    seeds = sorted({run.seed for arm in comparison.arms for run in arm.runs})
    rows = []
    for arm in comparison.arms:
        by_seed = dict(zip((run.seed for run in arm.runs), arm.f1(), strict=True))
        rows.append((ArmLabel(arm.name), *(Percent(by_seed.get(seed)) for seed in seeds)))
    title = f"F1 of every run (%): {scope_title(comparison)}"
    return Table(title, ("arm", *(f"seed {seed}" for seed in seeds)), tuple(rows))


def slices_of(comparison: Comparison, axis: str) -> list[Slice]:
    """Return the slices of an axis."""
    return [part for part in comparison.by_slice if part.axis == axis]


def slice_table(comparison: Comparison, axis: str) -> Table:
    """Return the mean F1 of every arm by slice, and how each further arm differs from the first."""
    parts = slices_of(comparison, axis)
    labels = type_labels(part.value for part in parts)
    values = {part: labels[part.value] if axis == TYPE else part.value for part in parts}
    rows = tuple(row for part in parts for row in _slice_rows(comparison, part, values[part]))
    header = axis, "arm", "gold", F1, f"minus {comparison.arms[0].name} [{LEVEL}]"
    note = (
        "The intervals are not corrected for the number of rows, so they are hints and not verdicts. There is "
        f"no interval with fewer than {MIN_SEEDS} seeds per arm or {MIN_UNITS} {comparison.unit} with such entities."
    )
    if len(comparison.arms) == 1:
        return Table(f"F1 by {axis}", header[:-1], tuple(row[:-1] for row in rows), text_columns=2)
    return Table(f"F1 by {axis}", header, rows, text_columns=2, note=note)


def _slice_rows(comparison: Comparison, part: Slice, value: Any) -> Iterator[tuple[Any, ...]]:
    first, *others = comparison.arms
    yield value, ArmLabel(first.name), f"{first.gold[part]:,}", Percent(first.mean_f1(part)), ""
    for arm, difference in zip(others, comparison.by_slice[part], strict=True):
        yield "", ArmLabel(arm.name), "", Percent(arm.mean_f1(part)), _with_interval(difference)


def method_table(comparison: Comparison) -> Table:
    """Return the results of the verdict's test and of other tests, with the source of error that these ignore."""
    return Table(
        "The verdict's test, and usual tests that ignore a source of error",
        ("difference", "method", "ignores", "p", f"{LEVEL} interval"),
        tuple(row for difference in comparison.differences for row in _method_rows(difference)),
        text_columns=3,
        note="" if len(comparison.differences) < 2 else METHOD_NOTE,
    )


def settings_table(names: Sequence[str], differing: Mapping[str, Sequence[Any]]) -> Table:
    """Return the settings in which the arms differ.

    Args:
        names: The names of the arms.
        differing: By key, the value of each arm.
    """
    return Table(
        "Settings in which the arms differ",
        ("setting", *names),
        tuple((key, *map(str, values)) for key, values in differing.items()),
        text_columns=1 + len(names),
    )


def run_table(comparison: Comparison) -> Table:
    """Return the origin of every run."""
    return Table(
        "The runs",
        ("run", "arm", "seed", "encoder", "own decoder", "commit", "corpus checksum", "torch", "transformers"),
        tuple(_origin(arm, index) for arm in comparison.arms for index in range(len(arm.runs))),
        text_columns=2,
    )


def mean_and_deviation(shares: Sequence[float]) -> str:
    """Format the mean and, if there are several, the standard deviation of shares in percent."""
    return str(Percent(mean(shares))) + (f" ± {Percent(stdev(shares))}" if len(shares) > 1 else "")


def _with_interval(difference: SliceDifference) -> str:
    shown = points(difference.difference)
    return shown if difference.interval is None else f"{shown} {interval(difference.interval)}"


def _method_rows(difference: Difference) -> Iterator[tuple[Any, ...]]:
    pair: Any = PairLabel(difference)
    if difference.test is not None:
        test = difference.test
        yield pair, "t-test over seeds and test set", "–", p_value(test.p), interval(test.interval)
        pair = ""
    for other in difference.other_tests:
        p, ends = other.p, other.interval
        cells = "–" if p is None else p_value(p), "–" if ends is None else interval(ends)
        yield pair, other.method, other.ignores, *cells
        pair = ""


def _origin(arm: ScoredArm, index: int) -> tuple[Any, ...]:
    run = arm.runs[index]
    return (
        run.path,
        ArmLabel(arm.name),
        str(run.seed),
        run.encoder or "–",
        run.decoder,
        str(run.commit)[:12],
        run.corpus_checksum[:12],
        run.versions.get("torch", "–"),
        run.versions.get("transformers", "–"),
    )
