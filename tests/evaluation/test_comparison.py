"""Comparisons of written runs: what is counted, what is refused, what is shown."""

import html
import io
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
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
from ner_lightning.evaluation.comparison_page import comparison_page, seed_plot, type_plot
from ner_lightning.evaluation.comparison_scope import Scope
from ner_lightning.evaluation.comparison_tables import (
    arm_table,
    comparison_tables,
    mean_and_deviation,
    seed_table,
    settings_table,
    slice_table,
)
from ner_lightning.evaluation.disagreements import find_disagreements
from ner_lightning.evaluation.number_texts import interval, points
from ner_lightning.evaluation.run_folders import FinishedRun, read_run
from ner_lightning.evaluation.scores import score
from ner_lightning.evaluation.sliced_counts import AXES, LENIENT, STRICT, Slice, Units, count_by_unit
from ner_lightning.evaluation.strict_reading import read_strictly
from ner_lightning.evaluation.tables import rich_table
from ner_lightning.predictions import PredictedSentence, write_predictions
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
    return compare_runs(arms, Scope("test"), np.random.default_rng(0))


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
    counts = count_by_unit(sentences, read_strictly(sentences, BIO()).sentences, units, {"Bonn": {"PER": 1}})
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
        compare_runs({"a": runs, "b": [fewer]}, Scope("test"), np.random.default_rng(0))
    annotated = [tagged(number, GOLD[:2] if number == 7 else GOLD, []) for number in range(40)]
    other = read_run(write_run(tmp_path / "other", 9, annotated))
    with pytest.raises(ValueError, match=r"other has other ones in test-7 than other runs in test-7"):
        compare_runs({"a": runs, "b": [other]}, Scope("test"), np.random.default_rng(0))


def test_runs_of_an_arm_are_of_one_corpus(tmp_path: Path) -> None:
    runs = [
        read_run(write_run(tmp_path / str(seed), seed, sentences_of(seed, 0.5, BIO()), corpus_checksum=str(seed)))
        for seed in (0, 1)
    ]
    with pytest.raises(ValueError, match=r"one corpus, those of a have checksums"):
        compare_runs({"a": runs}, Scope("test"), np.random.default_rng(0))


def test_what_else_differs_is_noted(tmp_path: Path) -> None:
    runs = [
        read_run(write_run(tmp_path / str(seed), seed, sentences_of(seed, 0.5, BIO()), threads=1 + seed // 2))
        for seed in range(3)
    ]
    told = compare_runs({"a": runs}, Scope("test"), np.random.default_rng(0))
    assert told.notes == ("threads is not the same for all runs: 1 (2 runs), 2 (1 runs)",)
    assert told.differences == ()


def test_settings_that_differ_are_told(comparison: Comparison) -> None:
    assert comparison.settings == {
        "data.scheme.class_path": ("ner_lightning.schemes.BIO", "ner_lightning.schemes.BIOES")
    }


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
    assert {part["value"]: part.keys() for part in plain["differences_by_slice"]}["LOC"] == {
        *("axis", "value", "first", "second", "difference", "interval")
    }


def test_tables_fit_a_terminal(tmp_path: Path) -> None:
    arms = {name: arm(tmp_path / name, hits, BIO()) for name, hits in (("bio", 0.5), ("bioes", 0.52), ("crf", 0.8))}
    comparison = compare_runs(arms, Scope("test"), np.random.default_rng(0))
    console = Console(width=80, file=io.StringIO())
    settings = settings_table(list(arms), {"data.scheme.class_path": ["x" * 30] * 3})
    for table in (*comparison_tables(comparison), settings):
        console.print(rich_table(table))
    lines = console.file.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    assert {line.rstrip()[-1] for line in lines if line[0] in "│┃"} == {"│", "┃"}  # to their right edge
    cells = [cell.strip() for line in lines for cell in re.split("[│┃]", line)]
    for of_arm in comparison.arms:
        assert cells.count(of_arm.name) >= 2 + 8  # of the arm, of its runs, of eight slices
        assert mean_and_deviation(of_arm.f1()) in cells
    for difference in comparison.by_slice[Slice("type", "LOC")]:
        assert f"{points(difference.difference)} {interval(difference.interval)}" in cells


def test_arms_may_have_different_seeds_and_take_different_time(tmp_path: Path) -> None:
    arms = {
        "a": [
            read_run(write_run(tmp_path / f"a-{seed}", seed, sentences_of(seed, 0.5, BIO()), training_seconds=seconds))
            for seed, seconds in ((0, 60), (1, 120))
        ],
        "b": [read_run(write_run(tmp_path / "b", 7, sentences_of(7, 0.8, BIO()), training_seconds=15))],
    }
    told = compare_runs(arms, Scope("test"), np.random.default_rng(0))
    seeds = seed_table(told)
    assert seeds.header == ("arm", "seed 0", "seed 1", "seed 7")
    f1s = [f"{100 * score(run.predictions('test')).overall.f1:.2f}" for runs in arms.values() for run in runs]
    assert [[*map(str, row)] for row in seeds.rows] == [["a", f1s[0], f1s[1], "–"], ["b", "–", "–", f1s[2]]]
    costs = arm_table(told)
    assert [row[costs.header.index("minutes")] for row in costs.rows] == ["1.5", "0.2"]
    assert [row[costs.header.index("MiB")] for row in costs.rows] == ["1,001", "1,007"]


def test_many_arms_are_told_apart(tmp_path: Path) -> None:
    arms = {f"arm {index}": arm(tmp_path / str(index), 0.5, BIO(), num_seeds=1) for index in range(9)}
    told = compare_runs(arms, Scope("test"), np.random.default_rng(0))
    assert len(told.differences) == 9 * 8 / 2
    assert len(type_plot(told).axes[0].get_legend().texts) == 8
    styles = [(line.get_color(), line.get_marker()) for line in seed_plot(told).axes[0].lines if line.get_alpha()]
    assert len(set(styles)) == len(styles) == 9


def test_one_arm_is_told_without_what_takes_two(tmp_path: Path) -> None:
    told = compare_runs({"a": arm(tmp_path, 0.5, BIO())}, Scope("test"), np.random.default_rng(0))
    page = comparison_page(told, "One arm")
    assert "How sure" not in page
    assert "on which the arms differ" not in page
    assert "Where the numbers come from" in page
    titles = [table.title for table in comparison_tables(told)]
    assert titles[-1] == "F1 by surface in training"


def test_slices_that_no_run_saw_have_no_score(tmp_path: Path) -> None:
    """One arm makes up locations where there are none; the other says nothing of them, which is no F1 of 0."""
    silent = [tagged(number, [FIRM], [FIRM]) for number in range(12)]
    made_up = [tagged(number, [FIRM], [BONN, FIRM]) for number in range(12)]
    arms = {
        name: [read_run(write_run(tmp_path / f"{name}-{seed}", seed, sentences)) for seed in (0, 1)]
        for name, sentences in (("silent", silent), ("inventive", made_up))
    }
    told = compare_runs(arms, Scope("test"), np.random.default_rng(0))
    rows = [[*map(str, row)] for row in slice_table(told, "type").rows]
    assert rows[:2] == [["LOC", "silent", "0", "–", ""], ["", "inventive", "", "0.00", "+0.00 [+0.00, +0.00]"]]


@pytest.mark.parametrize("num_sentences", [1, 3])
def test_a_split_without_entities_gives_no_verdict(tmp_path: Path, num_sentences: int) -> None:
    nothing = [tagged(number, [], []) for number in range(num_sentences)]
    arms = {name: [read_run(write_run(tmp_path / f"{name}-{seed}", seed, nothing)) for seed in (0, 1)] for name in "ab"}
    told = compare_runs(arms, Scope("test"), np.random.default_rng(0))
    assert "no verdict, as fewer than 2 sentences hold an entity" in told.differences[0].verdict()
    assert "no verdict" in comparison_page(told, "Nothing")
    assert comparison_tables(told)
    json.dumps(told.to_plain(), allow_nan=False)


def test_a_split_without_sentences_is_refused(tmp_path: Path) -> None:
    runs = [read_run(write_run(tmp_path / "run", 0, []))]
    with pytest.raises(ValueError, match=r"compared on sentences, the test predictions of .*run hold none"):
        compare_runs({"a": runs}, Scope("test"), np.random.default_rng(0))


def test_runs_are_compared_by_the_decoder_that_is_asked_for(tmp_path: Path) -> None:
    runs = arm(tmp_path, 0.5, BIO(), num_seeds=2)
    for run in runs:
        write_predictions(run.path / "predictions" / "test.viterbi.jsonl", [tagged(n, GOLD, GOLD) for n in range(40)])
    assert compare_runs({"a": runs}, Scope("test", "viterbi"), np.random.default_rng(0)).arms[0].f1() == [1, 1]
    assert max(compare_runs({"a": runs}, Scope("test", "argmax"), np.random.default_rng(0)).arms[0].f1()) < 1


def test_only_entities_of_the_types_asked_for_count(tmp_path: Path) -> None:
    """All else is as if no other entity were annotated or predicted; the ill-formed share is still of all tags."""

    def people_only(sentences: Sequence[PredictedSentence]) -> list[PredictedSentence]:
        return [
            replace(
                sentence,
                gold=tuple(entity for entity in sentence.gold if entity.entity_type == "PER"),
                predicted=tuple(entity for entity in sentence.predicted if entity.entity_type == "PER"),
                predicted_tags=tuple(tag if tag.endswith("-PER") else "O" for tag in sentence.predicted_tags or ()),
            )
            for sentence in sentences
        ]

    whole, reduced = (
        {
            name: [
                read_run(write_run(tmp_path / kind / f"{name}-{seed}", seed, select(sentences_of(seed, hits, BIO()))))
                for seed in range(3)
            ]
            for name, hits in (("a", 0.4), ("b", 0.7))
        }
        for kind, select in (("whole", list), ("reduced", people_only))
    )
    told = compare_runs(whole, Scope("test", None, ("PER",)), np.random.default_rng(0))
    expected = compare_runs(reduced, Scope("test"), np.random.default_rng(0))
    assert told.differences == expected.differences
    assert {part.value for part in told.by_slice if part.axis == "type"} == {"PER"}
    for told_arm, expected_arm in zip(told.arms, expected.arms, strict=True):
        assert told_arm.f1(STRICT) == expected_arm.f1(STRICT)
        assert told_arm.gold(LENIENT) == 40
    assert [found.found for found in told.disagreements] == [found.found for found in expected.disagreements]
    assert told.verdicts == [f"Of PER alone: {expected.differences[0].verdict()}"]
    assert arm_table(told).title.startswith("test; only PER: means")
    assert "Only entities of PER count" in comparison_page(told, "People")
    with pytest.raises(ValueError, match=r"among \['LOC', 'ORG', 'PER'\], got 'PEOPLE'"):
        compare_runs(whole, Scope("test", None, ("PER", "PEOPLE")), np.random.default_rng(0))


def test_every_run_is_shown_while_it_is_scored(tmp_path: Path) -> None:
    seen = []

    def track(runs: Sequence[FinishedRun]) -> Iterator[FinishedRun]:
        for run in runs:
            yield run
            seen.append(run)

    runs = arm(tmp_path, 0.5, BIO(), num_seeds=2)
    compare_runs({"a": runs}, Scope("test"), np.random.default_rng(0), track)
    assert seen == runs


def test_disagreements_are_kept_as_json() -> None:
    (found,) = find_disagreements({"a": [[tagged(0, GOLD, [BONN])]], "b": [[tagged(0, GOLD, [])]]})
    assert json.loads(json.dumps(found.to_plain())) == {
        "id": "test-0",
        "document_id": None,
        "words": ["Bonn", *(f"word{number}" for number in range(1, 8))],
        "gold": [[0, 1, "LOC"], [2, 4, "ORG"], [5, 8, "PER"]],
        "found": {"a": [[0, 1, "LOC", 1.0]], "b": []},
        "gap": 1.0,
    }


def test_the_page_is_one_file(comparison: Comparison) -> None:
    page = comparison_page(comparison, "BIO <or> BIOES")
    assert "BIO &lt;or&gt; BIOES" in page
    assert comparison.differences[0].verdict() in html.unescape(page)
    assert page.count("<svg") == 3
    assert "http" not in page.replace("http-equiv", "").replace("http://www.w3.org", "").replace(
        "https://www.w3.org", ""
    )
