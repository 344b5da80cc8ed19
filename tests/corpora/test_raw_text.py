from dataclasses import replace

import pytest

from ner_lightning.corpora.checks.report import describe_corpus
from ner_lightning.corpora.json_lines import JsonLines
from ner_lightning.corpora.raw_text import fitting_sentence_splitter, fitting_word_splitter, measure_skew
from ner_lightning.corpora.reader import Corpus, CorpusError
from ner_lightning.entities import EntitySpan
from ner_lightning.sentence_splitting import LanguageSentences, WholeTexts
from ner_lightning.sentences import Sentence
from ner_lightning.word_splitting import BlankSplitter, CharacterSplitter, PunctuationSplitter

CHINESE = Sentence(tuple("王伟住在海港市。"), (EntitySpan(0, 2, "PER"), EntitySpan(4, 7, "LOC")), "a")
ENGLISH = Sentence(("unit", "AHU.G2/V:7", "is", "off", "."), (EntitySpan(1, 2, "UNIT"),), "b")
THAI = Sentence(("ผม", "อยู่", "กรุงเทพ"), (EntitySpan(2, 3, "LOC"),), "c")


@pytest.mark.parametrize(
    ("sentence", "splitter"),
    [(CHINESE, CharacterSplitter()), (THAI, CharacterSplitter()), (ENGLISH, PunctuationSplitter())],
)
def test_words_of_scripts_without_spaces_are_split_by_characters(sentence, splitter):
    assert fitting_word_splitter(Corpus({"train": (sentence,)})) == splitter


def test_the_splitter_of_the_texts_wins():
    assert fitting_word_splitter(Corpus({"train": (CHINESE,)}, word_splitter=BlankSplitter())) == BlankSplitter()


def test_skew_counts_entities_with_other_boundaries_and_with_other_words():
    skew = measure_skew([CHINESE, ENGLISH], PunctuationSplitter())
    assert (skew.num_entities, skew.moved, skew.resplit) == (3, 2, 3)
    assert "'王伟' in '王伟住在海港市'" in skew.examples
    assert measure_skew([CHINESE], CharacterSplitter()).share == 0


def test_the_report_warns_about_skew_and_names_the_setting():
    corpus = Corpus({"train": (CHINESE,), "validation": (replace(CHINESE, id="v"),)}, word_splitter=BlankSplitter())
    report = describe_corpus(corpus)
    found = [line for line in report.warnings if "splits raw text differently" in line]
    assert len(found) == 2
    assert "train: BlankSplitter" in found[0]
    assert "2 of 2 entities (100.0%)" in found[0]
    assert "data.raw_text.word_splitter.class_path CharacterSplitter" in found[0]
    assert report.to_plain()["skew"]["train"]["moved"] == 2
    by_characters = describe_corpus(replace(corpus, word_splitter=None))
    assert by_characters.word_splitter == "CharacterSplitter"
    assert not [line for line in by_characters.warnings if "raw text" in line]


def test_paragraphs_stay_whole_and_sentences_do_not():
    paragraph = "One came. Two left. Three stayed. Four slept."
    assert fitting_sentence_splitter([Sentence(tuple(paragraph.split()))]) == WholeTexts()
    assert fitting_sentence_splitter([CHINESE, ENGLISH]) == LanguageSentences("en")


ZH = (
    '{"text": "叶老桂住在海港市", '
    '"entities": [{"start": 0, "end": 3, "type": "PER"}, {"start": 5, "end": 8, "type": "LOC"}]}'
)
KO = '{"text": "내 이름은 김태민이고", "entities": [{"start": 6, "end": 9, "type": "PER"}]}'
EN = '{"text": "Bill left", "entities": [{"start": 0, "end": 4, "type": "PER"}]}'


@pytest.mark.parametrize(("row", "surfaces"), [(ZH, ["叶 老 桂", "海 港 市"]), (KO, ["김 태 민"]), (EN, ["Bill"])])
def test_entities_within_words_are_read_by_characters(tmp_path, row, surfaces):
    (tmp_path / "a.jsonl").write_text(row, encoding="utf-8")
    corpus = JsonLines(train=str(tmp_path / "a.jsonl")).read()
    (sentence,) = corpus.splits["train"]
    assert [sentence.surface(entity) for entity in sentence.entities] == surfaces
    assert corpus.notes == ()
    assert corpus.word_splitter == (PunctuationSplitter() if row == EN else CharacterSplitter())


def test_splits_that_need_different_splitters_are_refused_with_the_setting(tmp_path):
    for name, row in (("a", EN), ("b", ZH)):
        (tmp_path / f"{name}.jsonl").write_text(row, encoding="utf-8")
    files = {"train": str(tmp_path / "a.jsonl"), "test": str(tmp_path / "b.jsonl")}
    with pytest.raises(CorpusError, match="set word_splitter to one of them"):
        JsonLines(**files).read()
    assert JsonLines(**files, word_splitter=CharacterSplitter()).read().notes == ()


def test_spans_that_the_given_splitter_cuts_are_a_warning_with_the_way_out(tmp_path):
    (tmp_path / "a.jsonl").write_text(f"{ZH}\n" * 6, encoding="utf-8")
    corpus = JsonLines(train=str(tmp_path / "a.jsonl"), word_splitter=PunctuationSplitter()).read()
    assert any("set word_splitter to CharacterSplitter" in line for line in describe_corpus(corpus).warnings)
