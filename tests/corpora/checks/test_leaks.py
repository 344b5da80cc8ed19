import pytest

from ner_lightning.corpora.checks.leaks import MIN_LEAKED_SHARE
from ner_lightning.corpora.checks.report import describe_corpus
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
