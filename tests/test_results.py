"""What docs/results says is what the comparisons beside it found."""

import json
import re
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest

from ner_lightning.evaluation.comparison.tables import mean_and_deviation

RESULTS = Path(__file__).parents[1] / "docs" / "results"
COMPARISONS = sorted(RESULTS.glob("*/comparison.json"))
OVERALL = "all entities/lenient"
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


def gains_from_viterbi(corpus: str) -> list[tuple[float, float]]:
    """Of both schemes, the share of ill-formed sentences with argmax, and what Viterbi adds to F1, in points."""
    folders = (RESULTS / f"{corpus}_schemes", RESULTS / f"{corpus}_schemes_viterbi")
    argmax, viterbi = (read(folder / "comparison.json")["arms"] for folder in folders)
    gains = {
        name: 100 * (fmean(viterbi[name]["f1"][OVERALL]) - fmean(arm["f1"][OVERALL])) for name, arm in argmax.items()
    }
    return [(fmean(argmax[name]["ill_formed"]), gains[name]) for name in ("BIO", "BIOES")]


def test_the_scheme_with_more_ill_formed_sentences_gains_more_from_viterbi() -> None:
    of_corpora = [gains_from_viterbi(corpus) for corpus in ("bc5cdr", "wnut17")]
    for (fewer, low), (more, high) in of_corpora:
        assert fewer < more
        assert low < high
    told = README.split("gains more from Viterbi**")[1].split("(")[0]
    assert re.findall(r"\d\.\d", told) == [f"{gain:.1f}" for schemes in of_corpora for _, gain in schemes]
