import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner_lightning.sentence_splitting import LanguageSentences, SentenceSplitter, WholeTexts
from ner_lightning.serialization import from_plain, to_plain

SPLITTER = LanguageSentences()
WRAPPED = (
    "This paragraph was wrapped by an editor at fifty\ncharacters, so that the name of the city of New\nYork is cut."
)


@pytest.mark.parametrize(
    "marked",
    [
        "Dr. Smith went to the U.S. in Jan. 2020. |He left! |Really?",
        "A title\n|The text. |More.\n\n|The end.",
        "one tweet without an end\n|and another one\r\n|a third",
        WRAPPED,
        WRAPPED + "\n\n|New paragraph.",
        "王伟住在海港市。|他来了！",
        "यह है। |वह था।",
        "",
        "x " * 2000,
    ],
)
def test_sentences(marked: str):
    text = marked.replace("|", "")
    parts, position = [0], 0
    for part in marked.split("|")[:-1]:
        position += len(part)
        parts.append(position)
    words = [i for i in SPLITTER.starts(text) if text[i : i + 1].strip() or i == 0]
    assert words == parts


@given(st.text(st.sampled_from('aB.!? \n"(1)。é\U0001f600\u0301\r'), max_size=700))
def test_starts_are_in_order_within_the_text(text: str):
    starts = SPLITTER.starts(text)
    assert starts[0] == 0
    assert starts == sorted(set(starts))
    assert starts[-1] < max(len(text), 1)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("unit", ["a. ", "“", "(a ", "!", "\n", "A. B. "])
def test_long_odd_texts_are_split_in_linear_time(unit: str):
    assert SPLITTER.starts(unit * 50_000)[0] == 0


@pytest.mark.parametrize("splitter", [WholeTexts(), LanguageSentences("de")])
def test_a_splitter_is_rebuilt_from_plain_data(splitter: SentenceSplitter):
    assert from_plain(SentenceSplitter, to_plain(splitter)) == splitter
