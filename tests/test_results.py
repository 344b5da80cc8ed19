"""Tests that docs/results/README.md agrees with the comparisons in its folder, and that their pages can be drawn."""

import re
from html import unescape
from pathlib import Path
from statistics import fmean

import pytest

from ner_lightning.__main__ import main
from ner_lightning.evaluation.comparison.arms import Comparison
from ner_lightning.evaluation.comparison.sliced_counts import LENIENT, STRICT
from ner_lightning.evaluation.comparison.stored import read_comparison
from ner_lightning.evaluation.comparison.tables import mean_and_deviation

RESULTS = Path(__file__).parents[1] / "docs" / "results"
PATHS = sorted(RESULTS.glob("*/comparison*.json"))
README = (RESULTS / "README.md").read_text(encoding="utf-8")

each_comparison = pytest.mark.parametrize("path", PATHS, ids=lambda path: str(path.relative_to(RESULTS)))


def test_the_folders_contain_only_comparisons() -> None:
    assert len(PATHS) == 8
    assert {path for path in RESULTS.rglob("*") if path.is_file()} == {*PATHS, RESULTS / "README.md"}


@each_comparison
def test_scores_and_verdicts_are_those_of_the_comparison(path: Path) -> None:
    comparison = read_comparison(path)
    assert f"]({path.relative_to(RESULTS)})" in README
    for difference in comparison.differences:
        assert f"> {difference.verdict()}\n" in README
    for arm in comparison.arms:
        cells = [mean_and_deviation(arm.f1(reading)) for reading in (LENIENT, STRICT)]
        row = f"| {arm.name} | {' | '.join(cells)} | {100 * fmean(arm.ill_formed):.2f} |"
        assert row in README


@each_comparison
def test_the_page_reports_where_its_numbers_come_from(path: Path) -> None:
    for run in (run for arm in read_comparison(path).arms for run in arm.runs):
        assert all(value in README for value in (run.corpus_checksum, str(run.commit), *run.versions.values()))
        assert str(run.encoder) in README
        assert run.path.startswith("runs/")  # not a path of the machine that it was trained on
        assert run.circumstances == {"precision": "32-true", "device": "cpu", "ranks": 1, "threads": 1}


@each_comparison
def test_the_page_of_a_comparison_is_drawn_on_demand(path: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    assert main(["compare", "--page", str(path), "--output", str(page)]) == 0
    html = unescape(page.read_text(encoding="utf-8"))
    comparison = read_comparison(path)
    assert all(difference.verdict() in html for difference in comparison.differences)
    assert all(run.path in html for arm in comparison.arms for run in arm.runs)
    assert "<code>disagreements.jsonl</code> was not beside <code>comparison.json</code>" in html


def test_the_readme_shows_the_command_that_draws_a_page() -> None:
    assert re.search(r"compare --page docs/results/bc5cdr_schemes/comparison.json --output \S+\.html", README)


@each_comparison
def test_both_decoders_give_the_same_verdicts_in_both_files(path: Path) -> None:
    comparison = read_comparison(path)
    (other,) = comparison.by_decoder
    name = path.name.replace("comparison.viterbi", "comparison")
    name = name if "viterbi" in path.name else name.replace("comparison", "comparison.viterbi", 1)
    assert other.differences == read_comparison(path.with_name(name)).differences


def gains_from_viterbi(corpus: str) -> list[tuple[float, float]]:
    """Return for both schemes the share of ill-formed sentences with argmax, and the gain in F1 points from Viterbi."""
    argmax = read_comparison(RESULTS / f"{corpus}_schemes" / "comparison.json")
    viterbi = read_comparison(RESULTS / f"{corpus}_schemes" / "comparison.viterbi.json")
    assert argmax.arm_names == viterbi.arm_names == ["BIO", "BIOES"]
    gains = [100 * (after - before) for before, after in zip(means(argmax), means(viterbi), strict=True)]
    return [(fmean(arm.ill_formed), gain) for arm, gain in zip(argmax.arms, gains, strict=True)]


def means(comparison: Comparison) -> list[float]:
    return [fmean(arm.f1()) for arm in comparison.arms]


def test_the_scheme_with_more_ill_formed_sentences_gains_more_from_viterbi() -> None:
    of_corpora = [gains_from_viterbi(corpus) for corpus in ("bc5cdr", "wnut17")]
    for (fewer, low), (more, high) in of_corpora:
        assert fewer < more
        assert low < high
    claim = README.split("gains more from Viterbi**")[1].split("(")[0]
    assert re.findall(r"\d\.\d", claim) == [f"{gain:.1f}" for schemes in of_corpora for _, gain in schemes]
