"""What docs/results says is what the comparisons beside it found."""

import json
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest

from ner_lightning.evaluation.comparison_tables import mean_and_deviation

RESULTS = Path(__file__).parents[1] / "docs" / "results"
COMPARISONS = sorted(RESULTS.glob("*/comparison.json"))
README = (RESULTS / "README.md").read_text(encoding="utf-8")


def read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))


def test_there_are_comparisons() -> None:
    assert COMPARISONS
    assert {path.parent for path in COMPARISONS} == {path for path in RESULTS.iterdir() if path.is_dir()}


@pytest.mark.parametrize("path", COMPARISONS, ids=lambda path: path.parent.name)
def test_scores_and_verdicts_are_those_of_the_comparison(path: Path) -> None:
    comparison = read(path)
    assert f"({path.parent.name}/comparison.html)" in README
    assert (path.parent / "comparison.html").is_file()
    for difference in comparison["differences"]:
        assert difference["verdict"] in README
    for arm in comparison["arms"].values():
        f1 = arm["f1"]
        scores = [mean_and_deviation(f1[f"all entities/{reading}"]) for reading in ("lenient", "strict")]
        assert any(all(score in line for score in scores) for line in README.splitlines())


@pytest.mark.parametrize("path", COMPARISONS, ids=lambda path: path.parent.name)
def test_where_the_numbers_come_from_is_told(path: Path) -> None:
    runs = [run for arm in read(path)["arms"].values() for run in arm["runs"]]
    for run in runs:
        assert all(value in README for value in (run["corpus_checksum"], run["commit"], *run["versions"].values()))
        assert run["path"].startswith("runs/")  # of no machine
        assert (run["threads"], run["precision"], run["device"]) == (1, "32-true", "cpu")
    page = (path.parent / "comparison.html").read_text(encoding="utf-8")
    assert all(run["path"] in page for run in runs)


@pytest.mark.parametrize("corpus", ["wnut17", "bc5cdr"])
def test_the_scheme_with_more_ill_formed_sentences_gains_more_from_viterbi(corpus: str) -> None:
    argmax, viterbi = (
        read(RESULTS / f"{corpus}_schemes{decoder}" / "comparison.json")["arms"] for decoder in ("", "_viterbi")
    )
    ill_formed = {name: fmean(arm["ill_formed"]) for name, arm in argmax.items()}
    before, after = (
        {name: fmean(arm["f1"]["all entities/lenient"]) for name, arm in arms.items()} for arms in (argmax, viterbi)
    )
    gains = {name: 100 * (after[name] - before[name]) for name in before}
    assert sorted(gains, key=gains.__getitem__) == sorted(ill_formed, key=ill_formed.__getitem__)
    gain_line = README.split("gains more from Viterbi**")[1].split("- ")[0]
    assert all(f"{gain:.1f}" in gain_line for gain in gains.values())
