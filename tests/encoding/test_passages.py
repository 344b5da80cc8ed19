"""Tests of passages: sentences that are read with their neighbors or joined to documents."""

import string
from itertools import accumulate
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner_lightning.encoding import passages as passages_module
from ner_lightning.encoding.alignment import WordTokenizer, align_labels
from ner_lightning.encoding.augmented_windows import AugmentedWindows
from ner_lightning.encoding.batches import EncodedWindow, OwnedWords, WindowEncoder
from ner_lightning.encoding.passages import Unit, passages_of
from ner_lightning.encoding.windows import Window, plan_windows, plan_windows_in_context
from ner_lightning.entities import EntitySpan
from ner_lightning.modeling.scored_positions import ScoredPositions
from ner_lightning.schemes import BIO, IGNORE_INDEX, TagSet
from ner_lightning.sentences import Sentence
from support.strategies import ENTITY_TYPES, flat_entities, word_piece_tokenizer

TAGS = TagSet(BIO(), tuple(ENTITY_TYPES))
TOKENIZER = word_piece_tokenizer([*string.ascii_lowercase, "##x"])
UNITS: list[tuple[Unit, int]] = [("sentence", 0), ("sentence", 3), ("sentence", 50), ("document", 0)]


def encoder(max_subwords: int, unit: Unit, context: int, overlap: int = 64) -> WindowEncoder:
    return WindowEncoder(WordTokenizer(TOKENIZER, max_subwords), TAGS, "all", overlap, unit, context)


@st.composite
def splits(draw: st.DrawFn, max_words: int = 8) -> list[Sentence]:
    """Draw sentences of up to three documents that may be interleaved, and sentences without a document."""
    sentences = []
    for number in range(draw(st.integers(1, 8))):
        entities, num_words = draw(flat_entities(max_words))
        words = tuple(draw(st.sampled_from("abcd")) + "x" * draw(st.integers(0, 5)) for _ in range(num_words))
        document = draw(st.sampled_from(["p", "q", "r", None]))
        sentences.append(Sentence(words, tuple(entities), str(number), document))
    return sentences


def document_of(sentence: Sentence, sentences: list[Sentence]) -> list[Sentence]:
    if sentence.document_id is None:
        return [sentence]
    return [other for other in sentences if other.document_id == sentence.document_id]


@given(splits(), st.sampled_from(UNITS))
def test_every_sentence_is_in_one_passage_with_its_neighbors(sentences, settings):
    unit, context = settings
    passages = passages_of(sentences, unit, context)
    found = [(i, s) for p in passages for i, s in zip(p.positions, p.sentences, strict=True)]
    assert sorted(found, key=lambda pair: pair[0]) == list(enumerate(sentences))
    for passage in passages:
        document = document_of(passage.sentences[0], sentences)
        if unit == "document":
            assert list(passage.sentences) == document
            assert passage.before == passage.after == ()
            continue
        (sentence,) = passage.sentences
        place = document.index(sentence)
        earlier = [word for other in document[:place] for word in other.words]
        later = [word for other in document[place + 1 :] for word in other.words]
        assert list(passage.before) == (earlier[-context:] if context else [])
        assert list(passage.after) == later[:context]
    if unit == "sentence":
        assert [passage.positions for passage in passages] == [(i,) for i in range(len(sentences))]


def test_a_very_long_document_is_read_in_several_passages(monkeypatch):
    monkeypatch.setattr(passages_module, "MAX_WORDS", 5)
    sentences = [Sentence(tuple("a" * length), id=str(i), document_id="p") for i, length in enumerate([3, 2, 9, 1, 4])]
    passages = passages_of(sentences, "document", 0)
    assert [passage.positions for passage in passages] == [(0, 1), (2,), (3, 4)]


@given(splits(), st.integers(3, 30), st.integers(0, 12), st.sampled_from(UNITS))
def test_every_word_is_owned_once_with_the_labels_of_its_sentence(sentences, max_subwords, overlap, settings):
    window_encoder = encoder(max_subwords, *settings, overlap)
    passages = window_encoder.passages(sentences)
    for passage, (_, windows) in zip(passages, window_encoder.encode(sentences), strict=True):
        assert all(len(window.input_ids) == len(window.labels) <= max_subwords for window in windows)
        for window in windows:
            assert sum(words.num_words for words in window.owned) == len(window.word_starts)
        owned = [words for window in windows for words in window.owned]
        for sentence in passage.sentences:
            parts = [words for words in owned if words.sentence_id == sentence.id]
            assert sum(words.num_words for words in parts) == len(sentence)
            full = [words for words in parts if words.num_words]
            assert [words.begins for words in full] == [i == 0 for i in range(len(full))]
            assert [words.ends for words in full] == [i == len(full) - 1 for i in range(len(full))]
        subwords, labels = owned_subwords(windows)
        expected_subwords, expected_labels = [], []
        for sentence in passage.sentences:
            (alone,) = window_encoder.tokenizer.encode([sentence.words])
            expected_subwords += alone.subword_ids
            tag_ids = TAGS.write(sentence.entities, len(sentence))
            expected_labels += align_labels(tag_ids, alone, TAGS, "all")
        assert (subwords, labels) == (expected_subwords, expected_labels)


def owned_subwords(windows: list[EncodedWindow]) -> tuple[list[int], list[int]]:
    """Return the subwords and the labels of all owned words; "##x" continues the word before it."""
    inside = TOKENIZER.convert_tokens_to_ids("##x")
    subwords, labels = [], []
    for window in windows:
        owned = set()
        for start in window.word_starts:
            owned.add(start)
            while window.input_ids[start + 1] == inside:
                start += 1
                owned.add(start)
        for i, label in enumerate(window.labels):
            if i in owned:
                subwords.append(window.input_ids[i])
                labels.append(label)
            else:
                assert label == IGNORE_INDEX
    return subwords, labels


@given(splits(), st.integers(3, 30), st.sampled_from(UNITS))
def test_windows_do_not_depend_on_other_documents(sentences, max_subwords, settings):
    window_encoder = encoder(max_subwords, *settings)
    passages = window_encoder.passages(sentences)
    together = [windows for _, windows in window_encoder.encode(sentences)]
    for passage, windows in zip(passages, together, strict=True):
        document = document_of(passage.sentences[0], sentences)
        others = [other for _, other in window_encoder.encode(document)]
        assert windows in others


@given(splits(), st.integers(8, 40))
def test_a_document_costs_at_most_a_third_more_than_its_words(sentences, max_subwords):
    window_encoder = encoder(max_subwords, "document", 0)
    capacity = window_encoder.tokenizer.capacity
    longest = 6  # subwords of a word: a window may end this much earlier
    for subwords, windows in window_encoder.encode(sentences):
        total = sum(len(window.input_ids) - 2 for window in windows)
        shared = (len(windows) - 1) * (capacity // 4)
        assert total <= len(subwords.subword_ids) + shared
        if capacity > 2 * longest:
            assert len(windows) <= 1 + len(subwords.subword_ids) / (capacity - capacity // 4 - longest)


@st.composite
def plans_in_context(draw: st.DrawFn) -> tuple[list[int], int, int, int, int, int]:
    capacity = draw(st.integers(1, 12))
    lengths = draw(st.lists(st.integers(1, capacity), max_size=40))
    start = draw(st.integers(0, len(lengths)))
    end = draw(st.integers(start, len(lengths)))
    return lengths, start, end, capacity, draw(st.integers(0, capacity // 2)), draw(st.integers(0, 15))


@given(plans_in_context())
def test_outer_windows_are_filled_with_neighboring_words(plan):
    lengths, start, end, capacity, overlap, context = plan
    begins = list(accumulate(lengths, initial=0))
    windows = plan_windows_in_context(begins, start, end, capacity, overlap, context)
    alone = [
        Window(start + w.start, start + w.end, start + w.owned_start, start + w.owned_end)
        for w in plan_windows(begins[start : end + 1], capacity, overlap)
    ]
    assert [(w.owned_start, w.owned_end) for w in windows] == [(w.owned_start, w.owned_end) for w in alone]
    assert windows[1:-1] == alone[1:-1]
    first, last = windows[0], windows[-1]
    assert all(begins[w.end] - begins[w.start] <= capacity for w in windows)
    assert begins[start] - begins[first.start] <= context
    assert begins[last.end] - begins[end] <= context
    room = {id(w): capacity - (begins[w.end] - begins[w.start]) for w in windows}
    if first.start > 0 and begins[start] - begins[first.start - 1] <= context:  # another word would not fit
        spare = 0 if len(windows) > 1 else lengths[last.end] if last.end < len(lengths) else 0
        assert room[id(first)] < lengths[first.start - 1] + spare
    if last.end < len(lengths) and begins[last.end + 1] - begins[end] <= context:
        assert room[id(last)] < lengths[last.end]


@given(plans_in_context())
def test_without_context_windows_are_those_of_the_words_alone(plan):
    lengths, _, _, capacity, overlap, _ = plan
    begins = list(accumulate(lengths, initial=0))
    assert plan_windows_in_context(begins, 0, len(lengths), capacity, overlap, 0) == plan_windows(
        begins, capacity, overlap
    )


@pytest.mark.parametrize("unit", ["sentence", "document"])
def test_a_sentence_without_a_document_has_the_windows_that_it_has_alone(unit):
    sentences = [Sentence(tuple("abcabcab"), (EntitySpan(1, 3, "PER"),), "1"), Sentence((), (), "2")]
    alone = encoder(6, "sentence", 0, overlap=1)
    assert list(encoder(6, unit, 0, overlap=1).encode(sentences)) == list(alone.encode(sentences))


def test_context_is_seen_but_neither_learned_nor_counted():
    sentences = [
        Sentence(("ax", "b"), (EntitySpan(0, 1, "PER"),), "1", "p"),
        Sentence(("c", "\u200b"), (EntitySpan(0, 2, "PER"),), "2", "p"),
        Sentence(("d", "ax"), (), "3", "p"),
    ]
    window_encoder = encoder(30, "sentence", 2)
    encoded = list(window_encoder.encode(sentences))
    ids = dict(zip("abcdx", TOKENIZER.convert_tokens_to_ids(["a", "b", "c", "d", "##x"]), strict=True))
    unknown, cls, sep = 1, 2, 3
    (window,) = encoded[1][1]
    assert window == EncodedWindow(
        input_ids=(cls, ids["b"], ids["c"], unknown, ids["d"], sep),  # neither ax has room in two subwords
        labels=(-100, -100, TAGS.tag_ids["B-PER"], TAGS.tag_ids["I-PER"], -100, -100),
        word_starts=(2, 3),
        num_words=4,
        owned=(OwnedWords("2", 2, True, True),),
    )
    assert [subwords.words_without_subwords for subwords, _ in encoded] == [(), (3,), ()]


@given(splits(), st.integers(3, 30))
def test_losses_over_sequences_get_one_row_for_each_sentence_of_a_document(sentences, max_subwords):
    window_encoder = encoder(max_subwords, "document", 0)
    windows = [window for _, row in window_encoder.encode(sentences) for window in row]
    batch = window_encoder.collate(windows)
    logits = batch.input_ids[batch.attention_mask][:, None].double()
    rows = ScoredPositions.of_windows(logits, batch).words()
    assert len(rows.labels) == len(batch.sentence_ids)
    for name, sentence in ((s.id, s) for s in sentences if len(s)):
        own = [row for row, found in enumerate(batch.sentence_ids) if found == name and rows.mask[row].any()]
        labels = [label for row in own for label in rows.labels[row][rows.mask[row]].tolist()]
        assert labels == TAGS.write(sentence.entities, len(sentence))
        read = [rows.logits[row][rows.mask[row]][:, 0].tolist() for row in own]
        first_subwords = TOKENIZER.convert_tokens_to_ids([word[0] for word in sentence.words])
        assert [value for row in read for value in row] == first_subwords
        assert (rows.begins[own].tolist(), rows.ends[own].tolist()) == (
            [i == 0 for i in range(len(own))],
            [i == len(own) - 1 for i in range(len(own))],
        )


def shout(sentence: Sentence, random: Random) -> Sentence:  # noqa: ARG001
    return Sentence(tuple("z" for _ in sentence.words), (), sentence.id)


@pytest.mark.parametrize(("unit", "context", "expected"), [("sentence", 2, "abzzef"), ("document", 0, "zzzzzz")])
def test_the_words_around_an_augmented_sentence_are_the_original_ones(unit, context, expected):
    sentences = [Sentence(tuple(words), (), words, "p") for words in ("ab", "cd", "ef")]
    window_encoder = encoder(20, unit, context)
    num_windows = [len(windows) for _, windows in window_encoder.encode(sentences)]
    augmented = AugmentedWindows(sentences, num_windows, [shout], window_encoder, seed=0)
    rows = augmented.__getitems__([(0, window) for window in range(len(augmented))])
    (row,) = [row for row in rows if "cd" in [words.sentence_id for words in row.owned]]
    assert "".join(TOKENIZER.convert_ids_to_tokens(row.input_ids[1:-1])) == expected
