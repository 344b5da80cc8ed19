"""Comparisons of written runs: what is counted, what is refused, what is shown."""

import html
import io
import json
from itertools import product
from pathlib import Path
from statistics import mean

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from written_runs import tagged, write_run

from ner_lightning.entities import EntitySpan
from ner_lightning.evaluation.comparison import Comparison, compare_runs
from ner_lightning.evaluation.comparison_page import comparison_page
from ner_lightning.evaluation.comparison_tables import comparison_tables
from ner_lightning.evaluation.disagreements import find_disagreements
from ner_lightning.evaluation.run_folders import FinishedRun, read_run
from ner_lightning.evaluation.scores import score
from ner_lightning.evaluation.sliced_counts import AXES, LENIENT, STRICT, Slice, Units, count_by_unit
from ner_lightning.evaluation.strict_reading import read_strictly
from ner_lightning.evaluation.tables import rich_table
from ner_lightning.predictions import PredictedSentence
from ner_lightning.schemes import BIO, BIOES, LabelScheme
from strategies import flat_entities

BONN, FIRM, ANNA = EntitySpan(0, 1, "LOC"), EntitySpan(2, 4, "ORG"), EntitySpan(5, 8, "PER")
GOLD = (BONN, FIRM, ANNA)


def sentences_of(seed: int, hits: float, scheme: LabelScheme) -> list[PredictedSentence]:
    """Forty sentences in which a share of the entities is found."""
    rng = np.random.default_rng(seed)
    return [
        tagged(number, GOLD, [entity for entity in GOLD if rng.random() < hits], scheme=scheme) for number in range(40)
    ]


def arm(folder: Path, hits: float, scheme: LabelScheme, num_seeds: int = 3, first_seed: int = 0) -> list[FinishedRun]:
    seeds = range(first_seed, first_seed + num_seeds)
    return [
        read_run(write_run(folder / f"{scheme.name}-{seed}", seed, sentences_of(seed, hits, scheme), scheme=scheme))
        for seed in seeds
    ]


@pytest.fixture(scope="module")
def comparison(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    folder = tmp_path_factory.mktemp("runs")
    arms = {"bio": arm(folder, 0.5, BIO()), "bioes": arm(folder, 0.8, BIOES(), num_seeds=2)}
    return compare_runs(arms, "test", None, np.random.default_rng(0))


def test_every_run_has_the_f1_that_its_predictions_have_alone(comparison: Comparison) -> None:
    for of_arm in comparison.arms:
        alone = [score(run.predictions("test")) for run in of_arm.runs]
        assert of_arm.f1() == pytest.approx([scores.overall.f1 for scores in alone], abs=1e-12)
        for kind in ("LOC", "ORG", "PER"):
            expected = [scores.by_type[kind].f1 for scores in alone]
            assert of_arm.f1(Slice("type", kind)) == pytest.approx(expected, abs=1e-12)
    (difference,) = comparison.differences
    first, second = (mean(of_arm.f1()) for of_arm in comparison.arms)
    assert difference.difference == pytest.approx(second - first)
    assert difference.better == "bioes"


def test_slices_tell_lengths_and_surfaces(comparison: Comparison) -> None:
    gold = {part: comparison.arms[0].gold(part) for part in comparison.by_slice}
    assert gold[Slice("length", "1 word")] == gold[Slice("length", "2 words")] == gold[Slice("length", "3 words")] == 40
    assert (gold[Slice("surface in training", "seen")], gold[Slice("surface in training", "unseen")]) == (40, 80)
    assert gold[LENIENT] == gold[STRICT] == 120


@given(st.data())
def test_the_counts_of_an_axis_add_up(data: st.DataObject) -> None:
    sentences = []
    for number in range(data.draw(st.integers(1, 4))):
        gold, num_words = data.draw(flat_entities())
        known = [EntitySpan(e.start, e.end, "LOC" if e.entity_type == "MISC" else e.entity_type) for e in gold]
        predicted = [entity for entity in known if data.draw(st.booleans())]
        sentences.append(tagged(number, known, predicted, max(num_words, 1)))
    units = Units.of(sentences)
    counts = count_by_unit(sentences, read_strictly(sentences, BIO()), units, {"Bonn": {"PER": 1}})
    overall = score(sentences).overall
    total = counts.get(LENIENT, np.zeros((len(units), 3))).sum(axis=0)
    assert total.tolist() == [overall.matched, overall.predicted, overall.gold]
    for axis in AXES:
        parts = [array for part, array in counts.items() if part.axis == axis]
        assert np.array_equal(sum(parts, np.zeros((len(units), 3))), counts.get(LENIENT, np.zeros((len(units), 3))))


def test_units_are_documents_where_all_sentences_have_one() -> None:
    with_documents = [tagged(number, [], [], document_id=f"d{number // 2}") for number in range(5)]
    units = Units.of(with_documents)
    assert (units.name, len(units), list(units.by_sentence.values())) == ("documents", 3, [0, 0, 1, 1, 2])
    units = Units.of([*with_documents, tagged(5, [], [])])
    assert (units.name, len(units)) == ("sentences", 6)
    units = Units.of(with_documents[:2])
    assert (units.name, len(units)) == ("sentences", 2)


def test_other_sentences_or_annotations_are_refused(tmp_path: Path) -> None:
    runs = arm(tmp_path / "a", 0.5, BIO())
    fewer = read_run(write_run(tmp_path / "fewer", 9, sentences_of(9, 0.5, BIO())[:-1]))
    with pytest.raises(ValueError, match=r"same sentences, .*fewer has 39 instead of 40"):
        compare_runs({"a": runs, "b": [fewer]}, "test", None, np.random.default_rng(0))
    annotated = [tagged(number, GOLD[:2] if number == 7 else GOLD, []) for number in range(40)]
    other = read_run(write_run(tmp_path / "other", 9, annotated))
    with pytest.raises(ValueError, match=r"other has other ones in test-7 than other runs in test-7"):
        compare_runs({"a": runs, "b": [other]}, "test", None, np.random.default_rng(0))


def test_runs_of_an_arm_are_of_one_corpus(tmp_path: Path) -> None:
    runs = [
        read_run(write_run(tmp_path / str(seed), seed, sentences_of(seed, 0.5, BIO()), corpus_checksum=str(seed)))
        for seed in (0, 1)
    ]
    with pytest.raises(ValueError, match=r"one corpus, those of a have checksums"):
        compare_runs({"a": runs}, "test", None, np.random.default_rng(0))


def test_what_else_differs_is_noted(tmp_path: Path) -> None:
    runs = [
        read_run(write_run(tmp_path / str(seed), seed, sentences_of(seed, 0.5, BIO()), threads=1 + seed // 2))
        for seed in range(3)
    ]
    told = compare_runs({"a": runs}, "test", None, np.random.default_rng(0))
    assert told.notes == ("threads is not the same for all runs: 1 (2 runs), 2 (1 runs)",)
    assert told.differences == ()


def test_settings_that_differ_are_told(comparison: Comparison) -> None:
    assert comparison.settings == {"data.scheme.class_path": ("ner_lightning.BIO", "ner_lightning.BIOES")}


def test_arms_disagree_where_most_runs_do() -> None:
    def runs(*found: list[EntitySpan]) -> list[list[PredictedSentence]]:
        return [[tagged(0, GOLD, []), tagged(1, GOLD, entities)] for entities in found]

    first = runs([BONN], [BONN, FIRM], [BONN])
    assert find_disagreements({"a": first, "b": runs([BONN])}) == []
    (disagreement,) = find_disagreements({"a": first, "b": runs([FIRM], [FIRM], [])})
    assert disagreement.sentence.id == "test-1"
    assert disagreement.found == {"a": (BONN,), "b": (FIRM,)}
    assert [entity.score for entities in disagreement.found.values() for entity in entities] == [1.0, 2 / 3]
    assert disagreement.gap == pytest.approx(1 + 1 / 3)


def test_the_comparison_is_kept_as_json(comparison: Comparison) -> None:
    plain = json.loads(json.dumps(comparison.to_plain()))
    assert plain["sentences"] == 40
    assert [run["seed"] for run in plain["arms"]["bioes"]["runs"]] == [0, 1]
    assert plain["arms"]["bio"]["f1"]["all entities/lenient"] == comparison.arms[0].f1()
    assert plain["differences"][0]["verdict"] == comparison.differences[0].verdict()


def test_tables_fit_a_terminal(comparison: Comparison) -> None:
    console = Console(width=80, file=io.StringIO())
    tables = comparison_tables(comparison)
    for table in tables:
        console.print(rich_table(table))
    printed = console.file.getvalue()
    for of_arm, value in product(comparison.arms, (lambda a: a.name, lambda a: f"{100 * mean(a.f1()):.2f}")):
        assert value(of_arm) in printed
    assert "…" not in printed


def test_the_page_is_one_file(comparison: Comparison) -> None:
    page = comparison_page(comparison, "BIO <or> BIOES")
    assert "BIO &lt;or&gt; BIOES" in page
    assert comparison.differences[0].verdict() in html.unescape(page)
    assert page.count("<svg") == 3
    assert "http" not in page.replace("http-equiv", "").replace("http://www.w3.org", "").replace(
        "https://www.w3.org", ""
    )
