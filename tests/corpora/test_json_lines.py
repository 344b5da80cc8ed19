import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner_lightning.corpora.json_lines import JsonLines, JsonLinesWriter
from ner_lightning.corpora.reader import Corpus, CorpusError
from ner_lightning.entities import EntitySpan
from ner_lightning.sentences import Sentence
from ner_lightning.word_splitting import BlankSplitter, PunctuationSplitter
from support.strategies import flat_entities

THREE_FORMS = Path(__file__).parents[1] / "data" / "three_forms.jsonl"


def read_rows(folder: Path, *rows: object, **options) -> Corpus:
    path = folder / "a.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return JsonLines(train=str(path), **options).read()


def surfaces(sentence: Sentence) -> list[tuple[str, str]]:
    return [(sentence.surface(entity), entity.entity_type) for entity in sentence.entities]


def test_one_file_may_mix_all_three_forms():
    corpus = JsonLines(train=str(THREE_FORMS)).read()
    characters, words, tags, _, _ = corpus.splits["train"]
    assert (characters.id, characters.document_id) == ("a", "7")
    assert surfaces(characters) == [("Bill Gates", "PER"), ("Seattle", "LOC"), ("Washington", "LOC")]
    assert [characters.text[start:end] for start, end in characters.word_offsets] == list(characters.words)
    assert words == Sentence(("New", "York", "", "\u2028"), (EntitySpan(0, 2, "LOC"),), "train-1")
    assert surfaces(tags) == [("EU", "ORG"), ("German", "MISC")]
    assert corpus.scheme_evidence["train"].startswith("BIO:")


def test_spans_that_do_not_fit_are_listed_with_their_line():
    corpus = JsonLines(train=str(THREE_FORMS)).read()
    assert surfaces(corpus.splits["train"][3]) == [("Bill Gates", "PER"), ("Seattle", "LOC")]
    assert [(note.line, note.kind, note.message) for note in corpus.notes] == [
        (5, "span_cuts_word", "PER 1-6 'ill G' cuts a word, widened to 0-10 'Bill Gates'"),
        (5, "span_outside_text", "LOC 20-40 is not inside the text of 0-23, dropped"),
        (5, "span_without_word", "PER 4-5 ' ' covers no word, dropped"),
        (5, "overlapping_span", "ORG 'Gates' overlaps PER 'Bill Gates', dropped"),
        (
            6,
            "ill_formed_tag",
            "I-LOC between the start and the end is ill-formed in BIO, read by the conlleval convention",
        ),
    ]
    assert str(corpus.notes[0]).startswith(f"{THREE_FORMS}:5: PER")


def test_word_spans_that_do_not_fit_are_listed(tmp_path):
    spans = [[1, 2, "PER"], [1, 3, "LOC"], [1, 4, "LOC"], [-1, 1, "LOC"], [2, 2, "LOC"], [3, 1, "LOC"]]
    corpus = read_rows(tmp_path, {"words": ["a", "b", "c"], "entities": spans})
    assert corpus.splits["train"][0].entities == (EntitySpan(1, 3, "LOC"),)
    assert [(note.kind, note.message) for note in corpus.notes] == [
        ("span_outside_text", "LOC 1-4 is not inside the words 0-3, dropped"),
        ("span_outside_text", "LOC -1-1 is not inside the words 0-3, dropped"),
        ("span_without_word", "LOC 2-2 is empty, dropped"),
        ("span_reversed", "LOC 3-1 ends before it starts, dropped"),
        ("overlapping_span", "PER 'b' overlaps LOC 'b c', dropped"),
    ]


def test_numbers_in_ner_tags_are_replaced_by_their_names(tmp_path):
    row = {"tokens": ["a", "b"], "ner_tags": [1, 2]}
    corpus = read_rows(tmp_path, row, tag_names=["O", "B-PER", "I-PER"])
    assert corpus.splits["train"][0].entities == (EntitySpan(0, 2, "PER"),)


def test_the_word_splitter_can_be_chosen(tmp_path):
    row = {"text": "a,b c", "entities": []}
    assert read_rows(tmp_path, row).splits["train"][0].words == ("a", ",", "b", "c")
    assert read_rows(tmp_path, row, word_splitter=BlankSplitter()).splits["train"][0].words == ("a,b", "c")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ([], "must be a JSON object"),
        ({"text": "a"}, 'must have the keys "text" and "entities", or .* got "text"'),
        ({}, "got none"),
        ({"text": "a", "words": ["a"], "entities": []}, r"\(one pair\), got"),
        ({"text": 1, "entities": []}, '"text" must be a string'),
        ({"text": "\ud800", "entities": []}, '"text" must be a string of valid Unicode'),
        ({"text": "a", "entities": {}}, '"entities" must be a list'),
        ({"text": "a", "entities": [[0, "PER"]]}, '"entities" must be a list of spans such as {"start"'),
        ({"text": "a", "entities": [[0, 1, []]]}, '"entities" must be a list of spans such as {"start"'),
        ({"text": "a", "entities": ["PER"]}, '"entities" must be a list of spans such as {"start"'),
        ({"text": "a", "entities": [], "label": []}, r"\(one pair\), got"),
        ({"tokenized_text": ["a"], "ner": [{}]}, '"ner" must be a list of spans'),
        ({"text": 1, "answer": "accept"}, '"text" must be a string'),
        ({"text": "a", "entities": [{"start": 0, "end": 1}]}, '"entities" must be'),
        ({"text": "a", "entities": [{"start": 0, "end": True, "type": "PER"}]}, '"entities" must be'),
        ({"text": "a", "entities": [{"start": 0, "end": 1, "type": ""}]}, '"entities" must be'),
        ({"words": ["a"], "entities": [{"start": 0, "end": 1, "type": "PER"}]}, r"such as \[0, 1"),
        ({"words": "a", "entities": []}, '"words" must be a list of strings'),
        ({"words": ["a", 1], "entities": []}, '"words" must be a list of strings'),
        ({"tokens": ["a"], "ner_tags": []}, "every word needs one tag, got 1 words and 0 tags"),
        ({"tokens": ["a"], "ner_tags": [1]}, "tag_names"),
        ({"tokens": ["a"], "ner_tags": [None]}, '"ner_tags" must be a list of tags'),
        ({"tokens": ["a"], "ner_tags": ["PER"]}, "a tag must be O"),
        ({"id": [1], "words": [], "entities": []}, '"id" must be'),
        ({"id": True, "words": [], "entities": []}, '"id" must be a string of valid Unicode or a whole number'),
        ({"id": "x\ud800", "words": [], "entities": []}, '"id" must be a string of valid Unicode or a whole number'),
        ({"document_id": "\ud800", "words": [], "entities": []}, '"document_id" must be a string of valid'),
    ],
)
def test_a_wrong_row_gives_one_line_with_file_and_line(tmp_path, row, message):
    with pytest.raises(CorpusError, match=message) as caught:
        read_rows(tmp_path, {"words": ["fine"], "entities": []}, row)
    assert str(caught.value).startswith(f"{tmp_path / 'a.jsonl'}:2: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ('{"text": "a b", "text": "Bill left", "entities": []}', "text"),
        ('{"text": "Bill", "entities": [{"start": 0, "start": 1, "end": 4, "type": "PER"}]}', "start"),
    ],
)
def test_a_repeated_key_is_refused(tmp_path, line, key):
    path = tmp_path / "a.jsonl"
    path.write_text(line)
    with pytest.raises(
        CorpusError, match=rf'a\.jsonl:1: .* every key must occur once in an object, "{key}" is repeated'
    ):
        JsonLines(train=str(path)).read()


def test_files_that_cannot_be_read_are_named(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"words": ["a"], "entities": []}\n{"words": [\n')
    with pytest.raises(CorpusError, match=r"a\.jsonl:2: must be one JSON object per line"):
        JsonLines(test=str(path)).read()
    path.write_text("\n")
    with pytest.raises(CorpusError, match="the test split must contain at least one sentence"):
        JsonLines(test=str(path)).read()
    with pytest.raises(CorpusError, match=r":2: .*unique in its split, 'x' is also used in line 1"):
        read_rows(tmp_path, {"id": "x", "words": ["a"], "entities": []}, {"id": "x", "words": [], "entities": []})
    with pytest.raises(CorpusError, match=r"numbers from 0 to 0, as given by tag_names, got 1"):
        read_rows(tmp_path, {"tokens": ["a"], "ner_tags": [1]}, tag_names=["O"])


TEXTS = st.text("aB ,.'\u0085\u2028\u200bé-", max_size=20)


TEXT_PARTS = st.tuples(TEXTS, st.none() | st.just("d"))
WORD_PARTS = flat_entities(max_words=6).flatmap(
    lambda drawn: st.tuples(st.lists(st.text(max_size=4), min_size=drawn[1], max_size=drawn[1]), st.just(drawn[0]))
)


def sentence_of_text(text: str, document_id: str | None, name: str) -> Sentence:
    offsets = tuple(PunctuationSplitter().split(text))
    words = tuple(text[start:end] for start, end in offsets)
    entities = tuple(EntitySpan(position, position + 1, "PER") for position in range(0, len(words), 2))
    return Sentence(words, entities, name, document_id, text, offsets)


@given(texts=st.lists(TEXT_PARTS, min_size=1, max_size=2), words=st.lists(WORD_PARTS, max_size=2))
def test_a_corpus_is_the_same_after_writing_and_reading(tmp_path_factory, texts, words):
    folder = tmp_path_factory.mktemp("written")
    sentences = [sentence_of_text(*part, f"test-{position}") for position, part in enumerate(texts)]
    sentences += [Sentence(tuple(w), tuple(entities), f"w{i}") for i, (w, entities) in enumerate(words)]
    corpus = Corpus({"test": tuple(sentences)})
    assert JsonLinesWriter().write(corpus, str(folder)) == []
    assert JsonLines(test=str(folder / "test.jsonl")).read() == Corpus(corpus.splits, (), {}, PunctuationSplitter())


def test_the_writer_keeps_character_offsets_and_reports_words_that_will_be_split_differently(tmp_path):
    sentence = Sentence(
        ("Bill,", "Al"),
        (EntitySpan(0, 1, "PER"), EntitySpan(1, 2, "PER")),
        "x",
        None,
        "Bill,  Al",
        ((0, 5), (7, 9)),
    )
    losses = JsonLinesWriter().write(Corpus({"train": (sentence,)}), str(tmp_path))
    assert [loss.partition(";")[0] for loss in losses] == [
        "1 sentences whose text the word splitter will split differently from the words of the corpus"
    ]
    row = json.loads((tmp_path / "train.jsonl").read_text())
    assert row["entities"] == [{"start": 0, "end": 5, "type": "PER"}, {"start": 7, "end": 9, "type": "PER"}]
    corpus = JsonLines(train=str(tmp_path / "train.jsonl"), word_splitter=BlankSplitter()).read()
    assert corpus.splits["train"] == (sentence,)
