"""Comparisons of written runs: what is counted, what is refused, what is shown."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import mean

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from written_runs import GOLD, arm, sentences_of, tagged, write_run

from ner_lightning.entities import EntitySpan
from ner_lightning.evaluation.comparison import Comparison, compare_runs
from ner_lightning.evaluation.comparison_page import comparison_page
from ner_lightning.evaluation.comparison_scope import Scope
from ner_lightning.evaluation.comparison_tables import (
    arm_table,
    comparison_tables,
)
from ner_lightning.evaluation.run_folders import FinishedRun, read_run
from ner_lightning.evaluation.scores import score
from ner_lightning.evaluation.sliced_counts import AXES, LENIENT, STRICT, Slice, Units, count_by_unit
from ner_lightning.evaluation.strict_reading import read_strictly
from ner_lightning.predictions import PredictedSentence, write_predictions
from ner_lightning.schemes import BIO, BIOES
from strategies import flat_entities


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
    assert comparison.settings == {"data.scheme.class_path": ("ner_lightning.BIO", "ner_lightning.BIOES")}


def test_the_comparison_is_kept_as_json(comparison: Comparison) -> None:
    plain = json.loads(json.dumps(comparison.to_plain()))
    assert plain["sentences"] == 40
    assert [run["seed"] for run in plain["arms"]["bioes"]["runs"]] == [0, 1]
    assert plain["arms"]["bio"]["f1"]["all entities/lenient"] == comparison.arms[0].f1()
    assert plain["differences"][0]["verdict"] == comparison.differences[0].verdict()
    assert {part["value"]: part.keys() for part in plain["differences_by_slice"]}["LOC"] == {
        *("axis", "value", "first", "second", "difference", "interval")
    }


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
