import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner_lightning.corpora.checks.counts import Lengths, SubwordStatistics
from ner_lightning.corpora.checks.report import describe_corpus
from ner_lightning.corpora.reader import Corpus
from ner_lightning.entities import EntitySpan
from ner_lightning.sentences import Sentence
from support.checked_corpora import checked_corpus, letters, sound_split


def test_the_numbers_of_a_split_match_a_count_by_hand():
    train = describe_corpus(checked_corpus()).splits["train"]
    assert (train.num_sentences, train.num_words, train.num_documents, train.num_entities) == (4, 11, 2, 3)
    assert train.entities_by_type == {"LOC": 1, "PER": 2}
    assert (train.mean_entity_length, train.longest_entity) == (pytest.approx(4 / 3), 2)
    assert (train.sentences_without_entities, train.sentences_without_words, train.repeated_sentences) == (
        2,
        0,
        1,
    )
    assert train.lengths == Lengths(median=2, p95=4, p99=4, maximum=4)
    assert (train.sentences_in_train, train.entities_in_train, train.subwords) == (None, None, None)


def test_words_without_subwords_are_counted_by_code_points():
    odd = Sentence(("ab", "\u200b", "", "\u200b", "c"), (EntitySpan(0, 1, "LOC"),))
    splits = {"train": (*sound_split("t"), odd), "validation": sound_split("v")}
    report = describe_corpus(Corpus(splits), letters, window=5)
    assert report.splits["train"].subwords == SubwordStatistics(
        num_subwords=10 * 6 + 6,  # t, a digit and Rome; ab and c, and one unknown subword for each of three words
        lengths=Lengths(6, 6, 6, 6),
        words_without_subwords={"U+200B": 2, "(empty)": 1},
        longer_than_window=11,
        words_by_subwords={1: 20 + 3 + 1, 2: 1, 4: 10},
        sentences_by_length={6: 11},
    )
    assert report.warnings == (
        "train: words without subwords: 3 (U+200B, (empty)); each is replaced by the unknown subword",
    )


@pytest.mark.parametrize(("window", "longer"), [(None, None), (5, 10), (6, 0)])
def test_sentences_are_compared_to_the_window(window: int | None, longer: int | None):
    six_letters_each = Corpus({"train": sound_split("t")})
    [split] = describe_corpus(six_letters_each, letters, window).splits.values()
    assert split.subwords.longer_than_window == longer


def test_a_tokenizer_must_count_every_word():
    with pytest.raises(ValueError, match="zip"):
        describe_corpus(checked_corpus(), lambda words: [1])  # noqa: ARG005


@given(st.lists(st.integers(0, 1000), min_size=1))
def test_percentiles_equal_those_of_numpy(lengths: list[int]):
    expected = np.percentile(lengths, [50, 95, 99, 100], method="inverted_cdf").tolist()
    assert Lengths.of(lengths) == Lengths(*expected)
