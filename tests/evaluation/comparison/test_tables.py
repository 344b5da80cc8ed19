"""Tests of the tables of a comparison: they fit a terminal and contain the scores."""

import io
import re
from pathlib import Path

from rich.console import Console

from ner_lightning.evaluation.comparison.comparing import compare_runs
from ner_lightning.evaluation.comparison.formatting import interval, points
from ner_lightning.evaluation.comparison.scope import Scope
from ner_lightning.evaluation.comparison.sliced_counts import Slice
from ner_lightning.evaluation.comparison.tables import (
    arm_table,
    comparison_tables,
    mean_and_deviation,
    seed_table,
    settings_table,
    slice_table,
)
from ner_lightning.evaluation.pages.tables import print_table
from ner_lightning.evaluation.scores import score
from ner_lightning.runs.folders import read_run
from ner_lightning.schemes import BIO
from support.written_runs import BONN, DATE, FIRM, arm, sentences_of, tagged, write_run


def test_tables_fit_a_terminal(tmp_path: Path) -> None:
    arms = {name: arm(tmp_path / name, hits, BIO()) for name, hits in (("bio", 0.5), ("bioes", 0.52), ("crf", 0.8))}
    comparison = compare_runs(arms, Scope("test"), DATE)
    console = Console(width=80, file=io.StringIO())
    settings = settings_table(list(arms), {"data.scheme.class_path": ["x" * 30] * 3})
    for table in (*comparison_tables(comparison), settings):
        print_table(console, table)
    lines = console.file.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    assert {line.rstrip()[-1] for line in lines if line[0] in "│┃"} == {"│", "┃"}  # up to the right edge
    cells = [cell.strip() for line in lines for cell in re.split("[│┃]", line)]
    for of_arm in comparison.arms:
        assert cells.count(of_arm.name) >= 2 + 8  # for the arm, its runs, and eight slices
        assert mean_and_deviation(of_arm.f1()) in cells
    for difference in comparison.by_slice[Slice("type", "LOC")]:
        assert f"{points(difference.difference)} {interval(difference.interval)}" in cells


def test_arms_may_differ_in_seeds_and_training_time(tmp_path: Path) -> None:
    arms = {
        "a": [
            read_run(write_run(tmp_path / f"a-{seed}", seed, sentences_of(seed, 0.5, BIO()), training_seconds=seconds))
            for seed, seconds in ((0, 60), (1, 120))
        ],
        "b": [read_run(write_run(tmp_path / "b", 7, sentences_of(7, 0.8, BIO()), training_seconds=15))],
    }
    found = compare_runs(arms, Scope("test"), DATE)
    seeds = seed_table(found)
    assert seeds.header == ("arm", "seed 0", "seed 1", "seed 7")
    f1s = [f"{100 * score(run.predictions('test')).overall.f1:.2f}" for runs in arms.values() for run in runs]
    assert [[*map(str, row)] for row in seeds.rows] == [["a", f1s[0], f1s[1], "–"], ["b", "–", "–", f1s[2]]]
    costs = arm_table(found)
    assert [row[costs.header.index("minutes")] for row in costs.rows] == ["1.5", "0.2"]
    assert [row[costs.header.index("MiB")] for row in costs.rows] == ["1,001", "1,007"]


def test_a_slice_without_any_entity_has_no_score(tmp_path: Path) -> None:
    """One arm predicts locations that do not exist. The other predicts none, so its F1 is undefined and not 0."""
    silent = [tagged(number, [FIRM], [FIRM]) for number in range(12)]
    made_up = [tagged(number, [FIRM], [BONN, FIRM]) for number in range(12)]
    arms = {
        name: [read_run(write_run(tmp_path / f"{name}-{seed}", seed, sentences)) for seed in range(3)]
        for name, sentences in (("silent", silent), ("inventive", made_up))
    }
    found = compare_runs(arms, Scope("test"), DATE)
    rows = [[*map(str, row)] for row in slice_table(found, "type").rows]
    assert rows[:2] == [["LOC", "silent", "0", "–", ""], ["", "inventive", "", "0.00", "+0.00 [+0.00, +0.00]"]]
