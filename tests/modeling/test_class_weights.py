import math

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight

from ner_lightning.modeling.class_weights import (
    Balanced,
    ClassWeights,
    EffectiveNumber,
    GivenWeights,
    InverseSqrt,
    tag_weights,
)
from ner_lightning.schemes import BIO, BIOES, IO, TagSet

COUNTS = {"O": 900, "LOC": 90, "PER": 9, "ORG": 1}


def test_balanced_weights_are_those_of_scikit_learn() -> None:
    labels = [kind for kind, count in COUNTS.items() for _ in range(count)]
    expected = compute_class_weight("balanced", classes=np.array(list(COUNTS)), y=labels)
    assert list(Balanced().by_type(COUNTS).values()) == pytest.approx(list(expected))


def test_balanced_weights_give_every_type_the_same_total_weight() -> None:
    totals = [COUNTS[kind] * weight for kind, weight in Balanced().by_type(COUNTS).items()]
    assert totals == pytest.approx([250.0] * 4)


def test_inverse_sqrt_weights_differ_by_the_square_root_of_the_counts() -> None:
    weights = InverseSqrt().by_type(COUNTS)
    assert weights["ORG"] / weights["O"] == pytest.approx(900**0.5)


def test_effective_number_ranges_from_equal_weights_to_inverse_frequency() -> None:
    """By hand for beta = 0.9: 1 word is 1 effective word, 9 are (1 - 0.9^9) / 0.1 = 6.1258."""
    assert EffectiveNumber(beta=0.0).by_type(COUNTS) == dict.fromkeys(COUNTS, 1.0)
    weights = EffectiveNumber(beta=0.9).by_type(COUNTS)
    assert weights["ORG"] / weights["PER"] == pytest.approx(6.12579511)
    assert sum(weights.values()) == pytest.approx(4)
    nearly_inverse = EffectiveNumber(beta=1 - 1e-9).by_type(COUNTS)
    assert nearly_inverse["ORG"] / nearly_inverse["O"] == pytest.approx(900, rel=1e-3)


@pytest.mark.parametrize("weights", [Balanced(2.0), InverseSqrt(2.0), EffectiveNumber(2.0)], ids=repr)
def test_no_weight_is_above_the_cap(weights: ClassWeights) -> None:
    uncapped = type(weights)(**{**vars(weights), "cap": None}).by_type(COUNTS)
    assert max(uncapped.values()) > 2
    assert weights.by_type(COUNTS) == {kind: min(weight, 2.0) for kind, weight in uncapped.items()}


@pytest.mark.parametrize("weights", [Balanced(), InverseSqrt(), EffectiveNumber()], ids=repr)
def test_a_class_without_words_counts_as_one_word(weights: ClassWeights) -> None:
    assert weights.by_type({"O": 0, "PER": 9}) == weights.by_type({"O": 0, "PER": 9} | {"O": 0})
    assert 0 < weights.by_type({"O": 0, "PER": 9})["PER"] <= weights.by_type({"O": 0, "PER": 9})["O"] < 10


def test_given_weights_are_used_unchanged_and_the_others_are_1() -> None:
    assert GivenWeights({"O": 0.1, "PER": 3}).by_type(COUNTS) == {"O": 0.1, "LOC": 1.0, "PER": 3, "ORG": 1.0}


@pytest.mark.parametrize("scheme", [IO(), BIO(), BIOES()], ids=repr)
def test_all_tags_of_a_type_have_the_same_weight_in_every_scheme(scheme: IO | BIO | BIOES) -> None:
    tags = TagSet(scheme, ("LOC", "PER"))
    by_tag = dict(zip(tags.tags, tag_weights({"O": 0.5, "LOC": 2.0, "PER": 3.0}, tags).tolist(), strict=True))
    assert by_tag == {"O": 0.5} | {f"{p}-{k}": w for k, w in (("LOC", 2.0), ("PER", 3.0)) for p in scheme.prefixes}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: EffectiveNumber(beta=1.0), "beta must be at least 0 and below 1, got 1.0"),
        (lambda: Balanced(-1.0), "the cap of class weights must be null or a finite number above 0, got -1.0"),
        (lambda: Balanced(math.nan), "the cap of class weights must be null or a finite number above 0, got nan"),
        (lambda: GivenWeights({"O": -1.0}), "class weights must be finite numbers of at least 0"),
        (lambda: Balanced(math.inf), "the cap of class weights must be null or a finite number above 0, got inf"),
        (lambda: GivenWeights({"PER": math.inf}), "class weights must be finite numbers of at least 0"),
        (lambda: GivenWeights({"PER": math.nan}), "class weights must be finite numbers of at least 0"),
        (
            lambda: GivenWeights({"PERS": 2.0}).by_type(COUNTS),
            r"class weights must name entity types of the corpus, .*, got \['PERS'\]",
        ),
    ],
)
def test_invalid_class_weights_are_refused(make: type, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_tag_weights_are_in_float64() -> None:
    assert tag_weights({"O": 0.1}, TagSet(BIO(), ())).dtype == torch.float64
