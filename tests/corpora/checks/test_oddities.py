import pytest

from ner_lightning.corpora.checks.oddities import find_oddities
from ner_lightning.corpora.checks.report import describe_corpus
from ner_lightning.corpora.reader import Corpus
from ner_lightning.entities import EntitySpan
from ner_lightning.sentences import Sentence
from support.checked_corpora import sound_split


def oddities_of(words: list[str], *types: str) -> list[str]:
    entities = tuple(EntitySpan(position, position + 1, kind) for position, kind in enumerate(types))
    return list(find_oddities(Corpus({"train": (Sentence(tuple(words), entities),)})))


def test_words_quoted_by_a_csv_writer_are_reported_with_the_setting():
    (warning,) = oddities_of(["Mira", "said", '""""', "yes", '""""', '"."""'])
    assert warning == (
        'train: words that look quoted by a CSV writer: 3, such as \'""""\'; set quoted to true to read them as \'"\''
    )


@pytest.mark.parametrize("word", ['"', '""', '"yes"', "''", "``", 'a""b'])
def test_ordinary_quotation_marks_are_not_reported(word: str):
    assert oddities_of([word] * 3) == []


@pytest.mark.parametrize("prefix", ["en:", "de/", "W_"])
def test_one_prefix_on_every_word_is_reported(prefix: str):
    (warning,) = oddities_of([*(f"{prefix}word{number}" for number in range(40)), "x"])
    assert warning == (
        f"train: 40 of 41 words begin with {prefix!r}, such as '{prefix}word0' (train 0), "
        f"which is probably not part of the text"
    )


def test_a_prefix_on_some_words_is_not_reported():
    assert oddities_of([f"en:word{number}" for number in range(40)] + ["word"] * 10) == []
    assert oddities_of(["en:a", "en:b"]) == []


@pytest.mark.parametrize(
    ("types", "warning"),
    [
        (("PER", "per"), "case, spaces or invisible characters: 'PER', 'per'; merge them with entity_types"),
        (("LOC", "LOC\u200b"), r"characters: 'LOC', 'LOC\u200b'; merge"),
        (("Work of art", "Workofart"), "characters: 'Work of art', 'Workofart'; merge"),
        (("ＬＯＣ", "LOC"), "characters: 'LOC', 'ＬＯＣ'; merge"),
        (("PER", "LOC\u00ad"), r"entity type with an invisible character: 'LOC\xad'; rename it"),
    ],
)
def test_types_that_look_the_same_are_reported(types: tuple[str, ...], warning: str):
    (found,) = oddities_of(["a", "b"], *types)
    assert warning in found


def test_different_types_are_not_reported():
    assert oddities_of(["a", "b", "c"], "PER", "LOC", "work-of-art") == []


def test_oddities_appear_as_warnings_in_the_report():
    splits = {"train": (*sound_split("t"), Sentence(('""""',))), "validation": sound_split("v")}
    (warning,) = describe_corpus(Corpus(splits)).warnings
    assert warning.startswith("train: words that look quoted by a CSV writer: 1")
