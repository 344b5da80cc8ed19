import sys
from dataclasses import replace

import pytest

from ner_lightning.corpora.checks.leaks import MIN_LEAKED_SHARE
from ner_lightning.corpora.checks.report import CorpusReport, describe_corpus
from ner_lightning.corpora.reader import Corpus
from support.checked_corpora import checked_corpus, sentence, sound_split


def test_leaks_from_train_to_validation_match_a_count_by_hand():
    validation = describe_corpus(checked_corpus()).splits["validation"]
    assert validation.sentences_in_train == 1
    assert validation.entities_in_train == 2, "Paris, and Washington with another type"


@pytest.mark.parametrize(("num_others", "is_reported"), [(99, True), (100, False)])
def test_repeated_sentences_are_reported_from_one_percent_on(num_others: int, is_reported: bool):
    others = tuple(sentence(f"new {i} Rome", (2, 3, "LOC"), id=f"{i}") for i in range(num_others))
    report = describe_corpus(Corpus({"train": sound_split("t"), "validation": (*others, sound_split("t")[0])}))
    assert MIN_LEAKED_SHARE == 0.01
    assert any("also in train: 1 (1.0%)" in warning for warning in report.warnings) is is_reported


def test_documents_in_two_splits_are_reported_with_both_places():
    train = tuple(replace(it, document_id="d1") for it in sound_split("train"))
    validation = tuple(replace(it, document_id=f"d{i % 2}") for i, it in enumerate(sound_split("validation")))
    (warning,) = describe_corpus(Corpus({"train": train, "validation": validation})).warnings
    assert warning == (
        "validation: documents that are also in train: 1 of 2, such as 'd1' (train-0 and validation-1); "
        "scores are too high if a document was divided between splits"
    )


LONG = "The committee of the city council met on Monday to vote about the new bridge across the river"


def report_on_pair(train: str, validation: str) -> CorpusReport:
    splits = {"train": (*sound_split("t"), sentence(train, id="a")), "validation": (sentence(validation, id="b"),)}
    return describe_corpus(Corpus({**splits, "test": sound_split("test")}))


def test_sentences_that_are_almost_the_same_as_one_in_train_are_reported():
    report = report_on_pair(LONG, LONG.replace("Monday", "Tuesday").upper())
    assert report.splits["validation"].near_duplicates == 1
    assert report.splits["train"].near_duplicates is None
    (warning,) = (it for it in report.warnings if "almost" in it)
    assert warning == (
        "validation: sentences that are almost the same as one in train: 1 (100.0%), such as "
        "'THE COMMITTEE OF THE CITY COUNCIL MET ON TUESDAY TO VOTE …' (validation b) and "
        "'The committee of the city council met on Monday to vote …' (train a)"
    )


@pytest.mark.parametrize(
    ("train", "validation"),
    [
        (LONG, LONG),  # counted as the same
        (LONG, "The committee of the city council met on Friday and elected another mayor after a long debate"),
        ("It rained today .", "it rained today ."),  # short
    ],
)
def test_other_sentences_are_not_almost_the_same(train: str, validation: str):
    assert report_on_pair(train, validation).splits["validation"].near_duplicates == 0


def test_without_the_extra_the_report_says_what_was_not_searched(monkeypatch):
    monkeypatch.setitem(sys.modules, "rensa", None)
    report = report_on_pair(LONG, LONG.replace("Monday", "Tuesday"))
    assert report.splits["validation"].near_duplicates is None
    assert any('pip install "ner-lightning[duplicates]"' in note for note in report.notes)
