import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner_lightning.serialization import from_plain
from ner_lightning.word_splitting import (
    BlankSplitter,
    CharacterSplitter,
    PunctuationSplitter,
    UnicodeSplitter,
    WordSplitter,
)

SPLITTERS = [BlankSplitter(), PunctuationSplitter(), CharacterSplitter(), UnicodeSplitter()]
ROOT = Path(__file__).parents[1]
DATA = next((path for path in (ROOT / "data", ROOT.parent / "shared" / "data") if path.is_dir()), ROOT / "data")
DATA = Path(os.environ.get("NER_LIGHTNING_DATA", DATA))

any_text = st.text(st.characters())  # includes lone surrogates
odd_text = st.text(st.sampled_from("aAsé9.,:/-'\u2019@#&_ \t\n\u00a0\u200b\u00ad\u0301\u20ac\U0001f600wWhtp"))


def words_of(text: str, splitter: WordSplitter = SPLITTERS[1]) -> list[str]:
    return [text[start:end] for start, end in splitter.split(text)]


def test_words_have_character_offsets_into_the_text():
    text = "Bill Gates was the CEO of Microsoft in Seattle, Washington."
    assert PunctuationSplitter().split(text) == [
        *[(0, 4), (5, 10), (11, 14), (15, 18), (19, 22), (23, 25), (26, 35), (36, 38)],
        *[(39, 46), (46, 47), (48, 58), (58, 59)],
    ]


# A space marks the end of a word, a bar an end without a space in the text.
@pytest.mark.parametrize(
    "marked",
    [
        "It paid $|1,000.50 at 10:30 on 22/08/1996|, or 3.5|%|.",
        "The 19-year-old won 3-1 (|6-4|)|.",
        "U.S. forces|, U.S.-led|, came at 5 a.m.|, e.g. by car",
        "Made in the U.S.A|, not in E.U.",
        "J. Smith and George W. Bush met Mr. Reed|, Ph.D.",
        "Plan B|.",
        "Shell Corp. and AT&T fell|.",
        "Coca-Cola|'s and players|' shirts",
        "Anna|\u2019s l\u2019État didn't see O'Brien|; I|'m sure we|'ll IT|'S",
        "RT @ann_b|: go to https://t.co/a?b=c#d|, (|www.example.com/x_y|)|!!!",
        "write to ann.b+c@mail.example.co.uk|. #NER2003|!",
        "and|/|or a|--|b wait|... end|.|Next example.com",
        "“|Paris|”|, «|Köln|»|… naïve|—|café|。",
        "हिन्दी में cafe\u0301 co\u00adop",
        "x\u00a0y\u3000z\u2028w",
        "👍🏽|👍 €|5",
        "\u200b \u0301",
        "@ # . '' ```` http|:|//",
        "",
        " \n\t ",
    ],
)
def test_a_text_is_split_into_the_expected_words(marked: str):
    expected = marked.replace("|", " ").split()
    assert words_of(marked.replace("|", "")) == expected


def test_a_possessive_an_abbreviation_and_a_missing_space_are_split_correctly():
    assert words_of("Gates's U.S.-led end.Next") == ["Gates", "'s", "U.S.-led", "end", ".", "Next"]


@pytest.mark.parametrize("splitter", SPLITTERS, ids=repr)
@given(text=any_text | odd_text)
def test_every_character_except_spaces_is_in_exactly_one_word(splitter: WordSplitter, text: str):
    offsets = splitter.split(text)
    assert all(start < end for start, end in offsets)
    assert offsets == sorted(offsets)
    covered = [position for start, end in offsets for position in range(start, end)]
    assert covered == [position for position, character in enumerate(text) if not character.isspace()]


@given(text=any_text | odd_text)
def test_the_blank_splitter_gives_the_same_words_as_str_split(text: str):
    assert words_of(text, BlankSplitter()) == text.split()


@given(text=any_text | odd_text)
def test_the_punctuation_splitter_also_splits_wherever_the_blank_splitter_does(text: str):
    starts = {start for start, _ in PunctuationSplitter().split(text)}
    assert starts >= {start for start, _ in BlankSplitter().split(text)}


ODD_UNITS = ["a", "a.", "a.A.", "A.", "a-", "a'", "'s", "1,", "a@", "@", "#", "a+", ".", "!?", "Mr.", "-a-"]
ODD_UNITS += ["a_@b", "http://", "http://.", "www.", "http://!<", "x.y@z-"]
ODD_UNITS += [" ", "A. ", "\u0301", "a\u0301", "é\u2019", "👍"]


@pytest.mark.timeout(20)  # a quadratic splitter would need many minutes
@pytest.mark.parametrize("unit", ODD_UNITS)
def test_long_odd_texts_are_split_in_linear_time(unit: str):
    for text in (unit * 50_000, "a@" + unit * 50_000, unit * 50_000 + "!" * 50_000):
        assert "".join(words_of(text)) == "".join(text.split())


@pytest.mark.parametrize("splitter", SPLITTERS, ids=repr)
def test_a_splitter_is_found_by_its_name(splitter: WordSplitter):
    assert from_plain(WordSplitter, splitter.name) == splitter


def test_an_unknown_name_is_refused_with_a_list_of_known_ones():
    with pytest.raises(ValueError, match=r"one of \['BlankSplitter', .*'PunctuationSplitter'.*\], got 'Nltk'"):
        from_plain(WordSplitter, "Nltk")


@pytest.mark.parametrize(
    ("name", "share"),
    [("wnut17/train.conll", 0.65), ("wnut17/test.conll", 0.94), ("bc5cdr/train.bio.tsv", 0.99)],
)
def test_real_corpora_are_split_as_by_their_authors(name: str, share: float):
    if not (DATA / name).is_file():
        pytest.skip(f"{name} is not in the data folder")
    blocks = (DATA / name).read_text(encoding="utf-8").replace("\n\t\n", "\n\n").strip().split("\n\n")
    sentences = [[line.split("\t")[0] for line in block.splitlines() if line.strip()] for block in blocks]
    equal = [words_of(" ".join(words)) == words for words in sentences]
    assert len(equal) > 1000
    assert sum(equal) / len(equal) >= share


@pytest.mark.parametrize(
    "marked",
    [
        "王|伟|住|在|海|港|市|。",
        "2020|年|5|月|iPhone|上|市|,|3.5|%",
        "コ|ー|ヒ|ー|を|飲|む|々|〇",
        "내 이|름|은 김|태|민|이|고",
        "สี่ โ|ม|ง",
        "ລາວ".replace("າ", "|າ|"),
        "ភា|សា",
        "မြ|န်|မာ",
        "见|http://t.co/a?b=c|中|文|#|中|国|#",
        "Anna|'s 3-1 U.S. forces don't",
        "か\u3099|か",
    ],
)
def test_scripts_without_spaces_are_split_into_characters_and_the_rest_as_usual(marked: str):
    assert words_of(marked.replace("|", ""), CharacterSplitter()) == marked.replace("|", " ").split()


@given(st.text(st.characters(codec="utf-8", max_codepoint=0x2FF)))
def test_characters_of_spaced_scripts_are_split_by_punctuation(text: str):
    assert CharacterSplitter().split(text) == PunctuationSplitter().split(text)


@pytest.mark.parametrize(
    "marked", ["can't a.b.com 3.14", "AHU.G2|/|V|:|7 e|-|mail", "王|伟 カタカナ", "cafe\u0301 \u0301|x"]
)
def test_words_of_unicode(marked: str):
    assert words_of(marked.replace("|", ""), UnicodeSplitter()) == marked.replace("|", " ").split()
