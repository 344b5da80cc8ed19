"""Tests that the tables in docs/what_helps agree with the runs in its JSON files."""

import json
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "docs" / "what_helps"
README = (FOLDER / "README.md").read_text(encoding="utf-8")
TABLE_BY_QUESTION = {"losses": "decoder_table", "options": "f1_table", "times": "cost_table"}


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.json")), ids=lambda path: path.stem)
def test_tables_and_origins_agree_with_the_runs(benchmark, path: Path) -> None:
    recipes = benchmark("recipes")
    runs = [recipes.Run(**run) for run in json.loads(path.read_text(encoding="utf-8"))["runs"]]
    assert all({run.seed for run in of_overlay} == {0, 1, 2} for of_overlay in recipes.by_overlay(runs).values())
    table = getattr(recipes, TABLE_BY_QUESTION[path.stem.split("_")[-1]])
    assert table(runs) in README
    for run in runs:
        assert run.origin["commit"] in README
        assert run.origin["corpus_checksum"] in README or path.stem.endswith("times")  # of only the first sentences
        assert ", ".join(f"{name} {version}" for name, version in run.origin["versions"].items()) in README
        assert (run.origin["threads"], run.origin["precision"], run.origin["device"]) == (1, "32-true", "cpu")


def test_the_page_gives_a_command_for_every_file() -> None:
    assert all(f"--output docs/what_helps/{path.name}" in README for path in FOLDER.glob("*.json"))
