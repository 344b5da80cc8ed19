from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner_lightning.corpora.entity_types import select_entity_types
from ner_lightning.corpora.reader import Corpus, CorpusError, ReadingNote
from ner_lightning.entities import EntitySpan
from ner_lightning.sentences import Sentence
from support.strategies import ENTITY_TYPES, flat_entities

EARLIER = ReadingNote("train", "ill_formed_tag", "read by the conlleval convention", "a.conll", 3)


def corpus() -> Corpus:
    words = ("Ada", "met", "Bo", "in", "Rome")
    entities = (EntitySpan(0, 1, "PER"), EntitySpan(2, 3, "PERSON"), EntitySpan(4, 5, "LOC"))
    train = (
        Sentence(words, entities, id="a", document_id="d"),
        Sentence(("Oslo",), (EntitySpan(0, 1, "LOC"),)),
    )
    test = (Sentence(("Bo",), (EntitySpan(0, 1, "PERSON"),)),)
    return Corpus({"train": train, "test": test}, (EARLIER,), {"train": "BIO: stated"})


def test_without_a_selection_the_corpus_is_unchanged():
    given_corpus = corpus()
    assert select_entity_types(given_corpus, None) is given_corpus


def test_a_list_keeps_its_types_and_counts_the_dropped_ones():
    selected = select_entity_types(corpus(), ["LOC"])
    assert [sentence.entities for sentence in selected.splits["train"]] == [
        (EntitySpan(4, 5, "LOC"),),
        (EntitySpan(0, 1, "LOC"),),
    ]
    assert selected.splits["test"] == (Sentence(("Bo",)),)
    assert selected.notes == (
        EARLIER,
        ReadingNote("train", "type_dropped", "1 entity of type PER dropped: not among entity_types"),
        ReadingNote("train", "type_dropped", "1 entity of type PERSON dropped: not among entity_types"),
        ReadingNote("test", "type_dropped", "1 entity of type PERSON dropped: not among entity_types"),
    )


def test_a_mapping_merges_renames_and_drops():
    selected = select_entity_types(corpus(), {"PER": "PER", "PERSON": "PER"})
    first = selected.splits["train"][0]
    assert first.entities == (EntitySpan(0, 1, "PER"), EntitySpan(2, 3, "PER"))
    assert (first.id, first.document_id, selected.scheme_evidence) == ("a", "d", {"train": "BIO: stated"})
    assert [(note.split, note.kind, note.message) for note in selected.notes[1:]] == [
        ("train", "type_dropped", "2 entities of type LOC dropped: not among entity_types"),
        ("train", "type_renamed", "1 entity of type PERSON renamed to PER"),
        ("test", "type_renamed", "1 entity of type PERSON renamed to PER"),
    ]


def test_renamed_entities_keep_their_scores():
    scored = Corpus({"train": (Sentence(("Bo",), (EntitySpan(0, 1, "PERSON", 0.5),)),)})
    [sentence] = select_entity_types(scored, {"PERSON": "PER"}).splits["train"]
    assert (sentence.entities[0].entity_type, sentence.entities[0].score) == ("PER", 0.5)


def test_names_can_be_swapped():
    selected = select_entity_types(corpus(), {"PER": "LOC", "LOC": "PER", "PERSON": "PERSON"})
    assert [entity.entity_type for entity in selected.splits["train"][0].entities] == ["LOC", "PERSON", "PER"]


@pytest.mark.parametrize(
    ("entity_types", "message"),
    [
        (["ORG", "LOC"], "must name types of the corpus, got ORG; it has: LOC, PER, PERSON"),
        ({"per": "PER"}, "must name types of the corpus, got per; it has: LOC, PER, PERSON"),
        ([], "must name types of the corpus, got none; it has: LOC, PER, PERSON"),
        ({False: "X"}, "must be text, got False; YAML reads NO, OFF and FALSE as false; put such names in quotes, "),
        ({True: "X"}, "YAML reads YES, ON and TRUE as true; put such names in quotes, for example 'YES'"),
        ({1: "ONE"}, "must be text, got 1; YAML reads 1 as a number; put such names in quotes, for example '1'"),
        ({1e3: "X"}, "YAML reads 1000.0 as a number"),
        ({None: "X"}, "YAML reads NULL and ~ as null; put such names in quotes, for example 'NULL'"),
        ({"LOC": False}, "must be text, got False"),
        (["LOC", False], "must be text, got False"),
        ({"LOC": ""}, "must not rename to an empty name, got {'LOC': ''}"),
    ],
)
def test_wrong_types_give_one_clear_line(entity_types: Any, message: str):
    with pytest.raises(CorpusError) as caught:
        select_entity_types(corpus(), entity_types)
    assert message in str(caught.value)


@given(
    st.lists(flat_entities(), min_size=1, max_size=4),
    st.dictionaries(st.sampled_from(ENTITY_TYPES), st.sampled_from(["A", "B"]), min_size=1),
)
def test_the_counts_of_merged_types_add_up(drawn: list[tuple[list[EntitySpan], int]], new_by_old: dict[str, str]):
    sentences = tuple(Sentence(("w",) * num_words, tuple(entities)) for entities, num_words in drawn)
    given_corpus = Corpus({"train": sentences})
    before = given_corpus.type_counts("train")
    if set(new_by_old) - set(before):
        with pytest.raises(CorpusError):
            select_entity_types(given_corpus, new_by_old)
        return
    expected: Counter[str] = Counter()
    for old, new in new_by_old.items():
        expected[new] += before[old]
    selected = select_entity_types(given_corpus, new_by_old)
    assert selected.type_counts("train") == expected
    assert [sentence.words for sentence in selected.splits["train"]] == [s.words for s in sentences]
    assert len(selected.notes) == len(before)


def test_the_name_of_a_type_must_not_be_o():
    outside = Corpus({"train": (Sentence(("Ada", "met"), (EntitySpan(0, 1, "PER"), EntitySpan(1, 2, "O"))),)})
    line = r"must not be called O, which .*; rename it with data.entity_types: \{O: OTHER, PER: PER\}"
    for selection in (None, ["O", "PER"], {"PER": "O"}):
        with pytest.raises(CorpusError, match=line if selection != {"PER": "O"} else "must not be called O"):
            select_entity_types(outside, selection)
    renamed = select_entity_types(outside, {"O": "OTHER", "PER": "PER"})
    assert renamed.entity_types("train") == ("OTHER", "PER")
    assert select_entity_types(outside, ["PER"]).entity_types("train") == ("PER",)
