from dataclasses import replace

import pytest
from sentences_with_errors import SENTENCES

from ner_lightning.entities import EntitySpan
from ner_lightning.evaluation.error_analysis import about_strict, analyse, describe, problem
from ner_lightning.metrics.error_types import EntityPair
from ner_lightning.schemes import BIO, BIOES
from ner_lightning.tags import entities_of


def tagged(tags: str):
    split = tuple(tags.split())
    return replace(
        SENTENCES[0], words=("w",) * len(split), gold=(), predicted=tuple(entities_of(split)), predicted_tags=split
    )


def test_errors_come_in_the_order_of_the_file():
    errors = [(sentence.id, describe(pair)) for sentence, pair in analyse(SENTENCES).errors()]
    assert errors == [
        ("2", "PER as LOC, too short"),
        ("2", "LOC as PER"),
        ("3", "ORG too long"),
        ("4", "PER spurious"),
        ("4", "PER missed"),
        ("5", "LOC as PER"),
    ]


def test_compared_are_the_pairs_with_both_sides():
    assert [sentence.id for sentence, _, _ in analyse(SENTENCES).compared()] == ["1", "1", "2", "2", "3", "5"]


@pytest.mark.parametrize(
    ("gold", "predicted", "expected"),
    [
        ((0, 2, "A"), None, "missed"),
        (None, (0, 2, "A"), "spurious"),
        ((0, 2, "A"), (0, 2, "B"), "wrong type"),
        ((0, 2, "A"), (1, 3, "A"), "shifted"),
        ((0, 2, "A"), (1, 3, "B"), "wrong type, shifted"),
        ((0, 2, "A"), (0, 2, "A"), "correct"),
    ],
)
def test_problems_are_named(gold, predicted, expected):
    assert problem(EntityPair(*(side and EntitySpan(*side) for side in (gold, predicted)))) == expected


def test_the_scheme_is_given_or_recognised():
    sentences = [tagged("B-PER I-PER")]
    recognised, given = analyse(sentences).strict, analyse(sentences, scheme=BIOES()).strict
    assert recognised is not None
    assert given is not None
    assert (recognised.scheme, recognised.scores.overall.predicted) == (BIO(), 1)
    assert (given.scheme, given.scores.overall.predicted) == (BIOES(), 0)


def test_what_there_is_of_strict_scores_is_said():
    assert about_strict(analyse([tagged("B-PER I-LOC")])).endswith("ill-formed sentences 100.00 %.")
    assert "not every sentence has predicted tags" in about_strict(analyse([*SENTENCES, tagged("B-PER I-PER")]))
    assert "in no scheme that is known" in about_strict(analyse([tagged("I-PER B-PER O I-LOC")]))
