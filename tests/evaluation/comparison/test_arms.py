"""Tests of comparisons between runs: counts, decoders, verdicts, and comparisons that are rejected."""

import html
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import mean

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner_lightning.entities import EntitySpan
from ner_lightning.evaluation.comparison.arms import Comparison, verdict_lines
from ner_lightning.evaluation.comparison.comparing import compare_runs
from ner_lightning.evaluation.comparison.page import comparison_page
from ner_lightning.evaluation.comparison.scope import Scope
from ner_lightning.evaluation.comparison.sliced_counts import AXES, LENIENT, STRICT, Slice, Units, count_by_unit
from ner_lightning.evaluation.comparison.stored import to_plain
from ner_lightning.evaluation.comparison.tables import arm_table, comparison_tables
from ner_lightning.evaluation.scores import score
from ner_lightning.evaluation.strict_reading import read_strictly
from ner_lightning.predictions import PredictedSentence, read_predictions, write_predictions
from ner_lightning.runs.folders import FinishedRun, read_run
from ner_lightning.schemes import BIO, BIOES
from support.strategies import flat_entities
from support.written_runs import DATE, GOLD, arm, sentences_of, tagged, write_run


@pytest.fixture(scope="module")
def comparison(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    folder = tmp_path_factory.mktemp("runs")
    arms = {"bio": arm(folder, 0.5, BIO()), "bioes": arm(folder, 0.8, BIOES(), num_seeds=4)}
    return compare_runs(arms, Scope("test"), DATE)


def test_every_run_has_the_f1_of_its_predictions_file(comparison: Comparison) -> None:
    for of_arm in comparison.arms:
        files = [Path(run.path) / "predictions" / "test.jsonl" for run in of_arm.runs]
        scores = [score(read_predictions(path)) for path in files]
        assert of_arm.f1() == pytest.approx([of_run.overall.f1 for of_run in scores], abs=1e-12)
        for kind in ("LOC", "ORG", "PER"):
            expected = [of_run.by_type[kind].f1 for of_run in scores]
            assert of_arm.f1(Slice("type", kind)) == pytest.approx(expected, abs=1e-12)
    (difference,) = comparison.differences
    first, second = (mean(of_arm.f1()) for of_arm in comparison.arms)
    assert difference.difference == pytest.approx(second - first)
    assert difference.better == "bioes"


def test_entities_are_sliced_by_length_and_surface(comparison: Comparison) -> None:
    gold = {part: comparison.arms[0].gold[part] for part in comparison.by_slice}
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


def test_units_are_documents_if_all_sentences_name_one() -> None:
    with_documents = [tagged(number, [], [], document_id=f"d{number // 2}") for number in range(5)]
    units = Units.of(with_documents)
    assert (units.name, len(units), list(units.by_sentence.values())) == ("documents", 3, [0, 0, 1, 1, 2])
    units = Units.of([*with_documents, tagged(5, [], [])])
    assert (units.name, len(units)) == ("sentences", 6)
    units = Units.of(with_documents[:2])
    assert (units.name, len(units)) == ("sentences", 2)


def test_runs_on_different_sentences_or_annotations_are_rejected(tmp_path: Path) -> None:
    runs = arm(tmp_path / "a", 0.5, BIO())
    fewer = read_run(write_run(tmp_path / "fewer", 9, sentences_of(9, 0.5, BIO())[:-1]))
    with pytest.raises(ValueError, match=r"same sentences, .*fewer has 39 instead of 40"):
        compare_runs({"a": runs, "b": [fewer]}, Scope("test"), DATE)
    annotated = [tagged(number, GOLD[:2] if number == 7 else GOLD, []) for number in range(40)]
    other = read_run(write_run(tmp_path / "other", 9, annotated))
    with pytest.raises(ValueError, match=r"sentence test-7 of .*other differs from sentence test-7 of another run"):
        compare_runs({"a": runs, "b": [other]}, Scope("test"), DATE)


def test_runs_of_an_arm_must_be_trained_on_one_corpus(tmp_path: Path) -> None:
    runs = [
        read_run(write_run(tmp_path / str(seed), seed, sentences_of(seed, 0.5, BIO()), corpus_checksum=str(seed)))
        for seed in (0, 1)
    ]
    with pytest.raises(ValueError, match=r"the same corpus, but those of a have the checksums \['0', '1'\]"):
        compare_runs({"a": runs}, Scope("test"), DATE)


def test_other_differences_between_runs_are_noted(tmp_path: Path) -> None:
    runs = [
        read_run(write_run(tmp_path / str(seed), seed, sentences_of(seed, 0.5, BIO()), threads=1 + seed // 2))
        for seed in range(3)
    ]
    found = compare_runs({"a": runs}, Scope("test"), DATE)
    assert found.notes == ("The runs differ in threads: 1 (2 runs), 2 (1 run).",)
    assert found.differences == ()
    assert found.verdict_groups == []


def test_settings_that_differ_are_reported(comparison: Comparison) -> None:
    assert comparison.settings == {"data.scheme.class_path": ("ner_lightning.BIO", "ner_lightning.BIOES")}


@pytest.mark.parametrize("num_sentences", [1, 3])
def test_a_split_without_entities_gives_no_verdict(tmp_path: Path, num_sentences: int) -> None:
    nothing = [tagged(number, [], []) for number in range(num_sentences)]
    arms = {
        name: [read_run(write_run(tmp_path / f"{name}-{seed}", seed, nothing)) for seed in range(3)] for name in "ab"
    }
    found = compare_runs(arms, Scope("test"), DATE)
    assert "no verdict, because fewer than 2 sentences contain an entity." in found.differences[0].verdict()
    assert "no verdict" in comparison_page(found)
    assert comparison_tables(found)
    json.dumps(to_plain(found), allow_nan=False)


def test_a_split_without_sentences_is_rejected(tmp_path: Path) -> None:
    runs = [read_run(write_run(tmp_path / "run", 0, []))]
    with pytest.raises(ValueError, match=r"the test predictions of .*run contain no sentence to compare arms on"):
        compare_runs({"a": runs}, Scope("test"), DATE)


def write_viterbi(runs: Sequence[FinishedRun], hits: float) -> None:
    """Write predictions under Viterbi, which the runs did not use themselves."""
    for run in runs:
        write_predictions(run.predictions_path("test", "viterbi"), sentences_of(run.seed, hits, BIO()))


@pytest.fixture(scope="module")
def by_decoder(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[FinishedRun]]:
    """Two arms, of which the second is worse under argmax, the runs' own decoder, and better under Viterbi."""
    folder = tmp_path_factory.mktemp("decoders")
    arms = {"bio": arm(folder / "bio", 0.6, BIO()), "bioes": arm(folder / "bioes", 0.4, BIO())}
    write_viterbi(arms["bio"], 0.62)
    write_viterbi(arms["bioes"], 0.9)
    return arms


def test_the_verdict_is_shown_under_both_decoders(by_decoder: dict[str, list[FinishedRun]]) -> None:
    found = compare_runs(by_decoder, Scope("test"), DATE)
    assert [result.decoder for result in found.by_decoder] == ["viterbi"]
    own, other = verdict_lines(found.verdict_groups)
    assert own == f"Decoder argmax, which the runs used: {found.differences[0].verdict()}"
    assert own.endswith("bio is better.")
    assert other == f"Decoder viterbi: {found.by_decoder[0].differences[0].verdict()}"
    assert other.endswith("bioes is better.")
    assert found.warnings == [
        "The verdict on bioes − bio depends on the decoder (argmax: bio is better; viterbi: bioes is better)."
    ]
    page = comparison_page(found)
    assert all(html.escape(line, quote=False).replace("'", "&#39;") in page for line in found.warnings)
    assert other.removeprefix("Decoder viterbi: ") in page
    assert "Scores by decoder" in page
    assert [table.title.partition(",")[0] for table in comparison_tables(found)][:2] == ["Scores", "Scores by decoder"]


def test_a_decoder_gives_the_same_result_with_and_without_another_one(by_decoder: dict[str, list[FinishedRun]]) -> None:
    beside = compare_runs(by_decoder, Scope("test"), DATE).by_decoder[0]
    requested = compare_runs(by_decoder, Scope("test", "viterbi"), DATE)
    assert requested.differences == beside.differences
    assert [of_arm.f1(STRICT) for of_arm in requested.arms] == [of_arm.f1(STRICT) for of_arm in beside.arms]
    assert [of_arm.decoder for of_arm in requested.arms] == ["viterbi", "viterbi"]
    assert [result.decoder for result in requested.by_decoder] == ["argmax"]
    assert [group.title for group in requested.verdict_groups] == ["Decoder viterbi", "Decoder argmax"]
    assert arm_table(requested).title.endswith("decoder viterbi")


def test_arms_with_different_decoders_are_warned_about(tmp_path: Path) -> None:
    """One arm was trained with Viterbi as its decoder; both have the predictions of both."""
    plain = arm(tmp_path / "plain", 0.5, BIO())
    write_viterbi(plain, 0.7)
    crf = [
        read_run(
            write_run(
                tmp_path / f"crf-{seed}",
                seed,
                sentences_of(seed, 0.7, BIO()),
                decoder={"name": "ViterbiDecoder", "init_args": {}},
            )
        )
        for seed in range(3)
    ]
    for run in crf:
        write_predictions(run.predictions_path("test", "argmax"), sentences_of(run.seed, 0.5, BIO()))
    found = compare_runs({"plain": plain, "crf": crf}, Scope("test"), DATE)
    assert found.decoder == "plain: argmax, crf: viterbi"
    assert found.verdict_groups[0].title == "Each arm's own decoder (plain: argmax, crf: viterbi)"
    assert found.notes[0].startswith(
        "The arms were scored with different decoders (plain with argmax, crf with viterbi)"
    )
    assert [result.decoder for result in found.by_decoder] == ["argmax", "viterbi"]
    same = compare_runs({"plain": plain, "crf": crf}, Scope("test", "viterbi"), DATE)
    assert same.notes == ()
    assert same.differences[0].difference == found.by_decoder[1].differences[0].difference == 0


def test_runs_without_the_other_predictions_are_named(by_decoder: dict[str, list[FinishedRun]], tmp_path: Path) -> None:
    older = arm(tmp_path, 0.5, BIO())
    found = compare_runs({"bio": by_decoder["bio"], "older": older}, Scope("test"), DATE)
    assert found.by_decoder == ()
    (note,) = found.notes
    assert note.startswith("There is no verdict under viterbi, since 3 of 6 runs have no test predictions with it,")
    assert note.endswith(f"such as {older[0].path}.")
    assert compare_runs({"older": older}, Scope("test"), DATE).notes == ()


def test_only_entities_of_the_requested_types_count(tmp_path: Path) -> None:
    """The result is the same as if no other entity were annotated or predicted, except for the ill-formed share."""

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
    found = compare_runs(whole, Scope("test", None, ("PER",)), DATE)
    expected = compare_runs(reduced, Scope("test"), DATE)
    assert found.differences == expected.differences
    assert {part.value for part in found.by_slice if part.axis == "type"} == {"PER"}
    for found_arm, expected_arm in zip(found.arms, expected.arms, strict=True):
        assert found_arm.f1(STRICT) == expected_arm.f1(STRICT)
        assert found_arm.gold[LENIENT] == 40
    assert [each.found for each in found.disagreements] == [each.found for each in expected.disagreements]
    assert verdict_lines(found.verdict_groups) == [
        f"Decoder argmax, which the runs used, only PER: {expected.differences[0].verdict()}"
    ]
    assert arm_table(found).title.endswith(": test split, only PER, decoder argmax")
    assert "Only entities of PER count" in comparison_page(found)
    with pytest.raises(ValueError, match=r"among \['LOC', 'ORG', 'PER'\], got 'PEOPLE'"):
        compare_runs(whole, Scope("test", None, ("PER", "PEOPLE")), DATE)


def test_progress_is_shown_for_every_run(tmp_path: Path) -> None:
    seen = []

    def track(runs: Sequence[FinishedRun]) -> Iterator[FinishedRun]:
        for run in runs:
            yield run
            seen.append(run)

    runs = arm(tmp_path, 0.5, BIO(), num_seeds=2)
    compare_runs({"a": runs}, Scope("test"), DATE, track)
    assert seen == runs
