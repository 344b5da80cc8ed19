from dataclasses import replace

import pytest

from ner_lightning.entities import EntitySpan
from ner_lightning.evaluation.errors.analysis import about_strict, analyse, describe, problem
from ner_lightning.metrics.error_types import EntityPair
from ner_lightning.schemes import BIO, BIOES
from ner_lightning.tags import entities_of
from support.sentences_with_errors import SENTENCES


def tagged(tags: str):
    split = tuple(tags.split())
    return replace(
        SENTENCES[0], words=("w",) * len(split), gold=(), predicted=tuple(entities_of(split)), predicted_tags=split
    )


def test_errors_are_in_the_order_of_the_file():
    errors = [(sentence.id, describe(pair)) for sentence, pair in analyse(SENTENCES).errors()]
    assert errors == [
        ("2", "PER as LOC, too short"),
        ("2", "LOC as PER"),
        ("3", "ORG too long"),
        ("4", "PER spurious"),
        ("4", "PER missed"),
        ("5", "LOC as PER"),
    ]


def test_only_pairs_with_both_sides_are_compared():
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
def test_every_problem_is_described(gold, predicted, expected):
    assert problem(EntityPair(*(side and EntitySpan(*side) for side in (gold, predicted)))) == expected


def test_the_scheme_is_given_or_recognized():
    sentences = [tagged("B-PER I-PER")]
    for scheme, read_in, found in ((None, BIO(), 1), (BIOES(), BIOES(), 0)):
        analysis = analyse(sentences, scheme=scheme)
        assert analysis.strict is not None
        assert analysis.strict_scores is not None
        assert (analysis.strict.scheme, analysis.strict_scores.overall.predicted) == (read_in, found)
        assert ("as the tags look" in about_strict(analysis)) == (scheme is None)


def test_the_line_about_strict_scores_says_what_is_known():
    assert about_strict(analyse([tagged("B-PER I-LOC")])).endswith("ill-formed sentences 100.00 %.")
    assert "not every sentence has predicted tags" in about_strict(analyse([*SENTENCES, tagged("B-PER I-PER")]))
    for tags in ("I-PER B-PER O I-LOC", "I-PER I-PER", "O O"):  # IOB1; IO or a poor BIO; any
        assert "does not tell their scheme; --scheme would" in about_strict(analyse([tagged(tags)]))
    contradicting = [replace(tagged("B-PER O"), predicted=()), tagged("B-PER O")]
    assert about_strict(analyse(contradicting)).endswith(
        "In 1 sentences the predicted entities are not those of the predicted tags."
    )
