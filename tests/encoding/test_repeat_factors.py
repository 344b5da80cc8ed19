import pytest

from ner_lightning.encoding.repeat_factors import repeat_factors, sentence_factor
from ner_lightning.entities import EntitySpan
from ner_lightning.sentences import Sentence

PLAIN = Sentence(("It", "rains"))
PERSON = Sentence(("Ann", "saw", "Tom"), (EntitySpan(0, 1, "PER"), EntitySpan(2, 3, "PER")))
BOTH = Sentence(("Ann", "in", "Oslo"), (EntitySpan(0, 1, "PER"), EntitySpan(2, 3, "LOC")))
SENTENCES = [PLAIN] * 92 + [PERSON] * 7 + [BOTH]


def test_factors_match_a_calculation_by_hand():
    """Of 100 sentences 8 hold a person (one or two, counted once) and 1 a place."""
    assert repeat_factors(SENTENCES, 0.04) == {"LOC": 2.0, "PER": 1.0}
    assert repeat_factors(SENTENCES, 0.32) == pytest.approx({"LOC": 32**0.5, "PER": 2.0})


def test_a_sentence_has_the_factor_of_its_rarest_type():
    factors = repeat_factors(SENTENCES, 0.32)
    assert [sentence_factor(s, factors) for s in (PLAIN, PERSON, BOTH)] == pytest.approx([1, 2, 32**0.5])
    assert sentence_factor(BOTH, {}) == 1


@pytest.mark.parametrize("threshold", [0, -0.1, 1.5])
def test_a_threshold_must_be_between_0_and_1(threshold):
    with pytest.raises(ValueError, match="repeat_threshold must be above 0 and at most 1"):
        repeat_factors(SENTENCES, threshold)
