from dataclasses import replace

import pytest

from ner_lightning.entities import EntitySpan
from ner_lightning.evaluation.errors.analysis import analyse, describe, error_name, strict_summary
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
def test_every_kind_of_error_has_a_name(gold, predicted, expected):
    assert error_name(EntityPair(*(side and EntitySpan(*side) for side in (gold, predicted)))) == expected


def test_the_scheme_is_given_or_recognized():
    sentences = [tagged("B-PER I-PER")]
    for scheme, read_in, found in ((None, BIO(), 1), (BIOES(), BIOES(), 0)):
        analysis = analyse(sentences, scheme=scheme)
        assert analysis.strict is not None
        assert analysis.strict_scores is not None
        assert (analysis.strict.scheme, analysis.strict_scores.overall.predicted) == (read_in, found)
        assert ("recognized from the tags" in strict_summary(analysis)) == (scheme is None)


def test_the_strict_summary_gives_the_score_or_the_reason_why_it_is_missing():
    assert strict_summary(analyse([tagged("B-PER I-LOC")])).endswith("ill-formed sentences 100.00 %.")
    assert "not every sentence has predicted tags" in strict_summary(analyse([*SENTENCES, tagged("B-PER I-PER")]))
    for tags in ("I-PER B-PER O I-LOC", "I-PER I-PER", "O O"):  # IOB1; IO or a poor BIO; any
        assert "the label scheme of the predicted tags is unclear; set it with --scheme" in strict_summary(
            analyse([tagged(tags)])
        )
    contradicting = [replace(tagged("B-PER O"), predicted=()), tagged("B-PER O")]
    assert strict_summary(analyse(contradicting)).endswith(
        "In 1 sentence, the predicted entities contradict the predicted tags."
    )
    twice = [*contradicting, contradicting[0]]
    assert strict_summary(analyse(twice)).endswith(
        "In 2 sentences, the predicted entities contradict the predicted tags."
    )
