"""Tests of planning arms, grids and runs, which touches no file."""

import re
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner_lightning.commands.compare.plan import (
    Arm,
    grid_arms,
    parse_arm,
    parse_seeds,
    plan_runs,
    require_declared_differences,
    require_distinct_names,
)

BIO = {"data.scheme.class_path": "BIO", "trainer.max_epochs": 3}
FOCAL = BIO | {"model.loss.class_path": "Focal", "model.loss.init_args.gamma": 2.0}
DICE = BIO | {"model.loss.class_path": "Dice", "model.loss.init_args.smooth": 1.0}


@given(st.lists(st.lists(st.sampled_from("abcdef"), min_size=1, unique=True), min_size=1, max_size=3))
def test_a_grid_has_an_arm_for_every_combination(axes: list[list[str]]) -> None:
    arms = grid_arms([[f"axis_{number}/{stem}.yaml" for stem in stems] for number, stems in enumerate(axes)])
    assert [arm.name for arm in arms] == ["+".join(stems) for stems in product(*axes)]
    for arm in arms:
        assert [overlay.split("/")[0] for overlay in arm.overlays] == [f"axis_{n}" for n in range(len(axes))]


@pytest.mark.parametrize("text", ["", "0", "00", "-1", "five", "1,", "1,1", "1.5", "3,x", "99999999", "0,4294967296"])
def test_seeds_are_a_number_or_a_list(text: str) -> None:
    with pytest.raises(ValueError, match=r"--seeds must be .* got "):
        parse_seeds(text)


def test_a_larger_number_of_seeds_includes_a_smaller_one() -> None:
    assert parse_seeds("10")[:5] == parse_seeds("5")


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "-x", "a b", "+"])
def test_the_name_of_an_arm_must_be_a_valid_folder_name(name: str) -> None:
    with pytest.raises(ValueError, match=f"letters, digits .* got {re.escape(repr(name))}"):
        parse_arm(f"{name}=x.yaml")


@pytest.mark.parametrize("name", ["plan.json", "comparison.html", "Disagreements.JSONL"])
def test_the_name_of_an_arm_must_not_be_the_name_of_a_result_file(name: str) -> None:
    with pytest.raises(ValueError, match=rf"must not end like a file name .* got {re.escape(name)}"):
        parse_arm(f"{name}=x.yaml")
    assert parse_arm("lr.json5=x.yaml").name == "lr.json5"


def test_an_arm_needs_a_name() -> None:
    with pytest.raises(ValueError, match=r"NAME=OVERLAY.*got 'x.yaml'"):
        parse_arm("x.yaml")


def test_names_that_differ_only_in_case_are_equal() -> None:
    require_distinct_names([Arm("bio", ()), Arm("bioes", ())])
    with pytest.raises(ValueError, match="got bio more than once"):
        require_distinct_names([Arm("bio", ()), Arm("io", ()), Arm("BIO", ())])


def test_arms_take_turns() -> None:
    arguments = {"a": ["--config=x"], "b": ["--config=y"]}
    runs = plan_runs(arguments, {"a": {"k": 1}, "b": {"k": 2}}, [3, 5], Path("out"))
    assert [(run.arm, run.seed) for run in runs] == [("a", 3), ("b", 3), ("a", 5), ("b", 5)]
    last = runs[-1]
    assert last.fit_arguments == ("--config=y", "--seed_everything", "5", "--run_dir", "out/b/seed-5")
    assert (last.name, last.log_path, last.settings) == ("b seed 5", Path("out/b/seed-5.log"), {"k": 2})


def test_a_declared_class_covers_its_arguments() -> None:
    require_declared_differences({"focal": FOCAL, "dice": DICE}, {"focal": ["model.loss.class_path"], "dice": []})
    require_declared_differences({"focal": FOCAL, "dice": DICE}, {"focal": [], "dice": ["model.loss"]})
    appended = FOCAL | {"trainer.callbacks": ["EarlyStopping"]}
    require_declared_differences({"focal": FOCAL, "early": appended}, {"focal": [], "early": ["trainer.callbacks+"]})


@pytest.mark.parametrize(
    ("declared", "settings", "message"),
    [
        (["model.loss.class_path"], DICE | {"trainer.max_epochs": 5}, r"also differ in trainer.max_epochs \(3, 5\)"),
        (["model.loss.init_args.gamma"], DICE, r"model.loss.class_path \(Focal, Dice\)"),
        (["model.los", "model.loss.init"], FOCAL | {"model.loss.init_args.gamma": 1.0}, r"gamma \(2.0, 1.0\)"),
        (["model.loss"], FOCAL, "must differ, but first and second resolve to the same settings"),
    ],
)
def test_arms_that_differ_in_undeclared_settings_or_in_none_are_rejected(
    declared: list[str], settings: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        require_declared_differences({"first": FOCAL, "second": settings}, {"first": declared, "second": []})
