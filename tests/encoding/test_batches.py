import string
from functools import cache

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ner_lightning.encoding.alignment import EncodedSentence, WordTokenizer, align_labels
from ner_lightning.encoding.batches import (
    Batch,
    EncodedWindow,
    EvaluationBatch,
    OwnedWords,
    WindowEncoder,
    split_into_passes,
    tag_rows,
)
from ner_lightning.entities import EntitySpan
from ner_lightning.schemes import BIO, IGNORE_INDEX, TagSet
from ner_lightning.sentences import Sentence
from support.strategies import ENTITY_TYPES, flat_entities, tag_sets, word_piece_tokenizer

TAGS = TagSet(BIO(), tuple(ENTITY_TYPES))
PAD, CLS, SEP = 0, 2, 3


@cache
def words_of(max_subwords: int) -> WordTokenizer:
    """Draw words of a letter and up to this number of x, where each character is a subword."""
    return WordTokenizer(word_piece_tokenizer([*string.ascii_lowercase, "##x"]), max_subwords)


def encoder(max_subwords: int = 64, subwords: str = "first", overlap: int = 64) -> WindowEncoder:
    return WindowEncoder(words_of(max_subwords), TAGS, subwords, overlap)


@st.composite
def sentences(draw: st.DrawFn, max_words: int = 20) -> Sentence:
    """Draw words that differ in their first subwords, with up to six subwords each."""
    entities, num_words = draw(flat_entities(max_words))
    words = tuple(string.ascii_lowercase[i] + "x" * draw(st.integers(0, 5)) for i in range(num_words))
    return Sentence(words, tuple(entities), id="s")


def owned_positions(window: EncodedWindow, words: list[int], encoded: EncodedSentence) -> list[int]:
    """Return the positions of all subwords of a window's owned words, which are ``words`` of the sentence."""
    lengths = [encoded.word_begins[word + 1] - encoded.word_begins[word] for word in words]
    return [start + i for start, length in zip(window.word_starts, lengths, strict=True) for i in range(length)]


@given(sentences(), st.integers(3, 20), st.integers(0, 12), st.sampled_from(["first", "all"]))
def test_windows_own_every_word_once_with_its_subwords_and_labels(sentence, max_subwords, overlap, subwords):
    window_encoder = encoder(max_subwords, subwords, overlap)
    ((encoded, windows),) = window_encoder.encode([sentence])
    words = iter(range(len(sentence)))
    subword_ids, labels, scored_elsewhere = [], [], []
    for window in windows:
        assert len(window.input_ids) == len(window.labels) <= max_subwords
        assert (window.input_ids[0], window.input_ids[-1]) == (CLS, SEP)
        assert {words.sentence_id for words in window.owned} == {"s"}
        owned = owned_positions(window, [next(words) for _ in window.word_starts], encoded)
        subword_ids += [window.input_ids[i] for i in owned]
        labels += [window.labels[i] for i in owned]
        scored_elsewhere += [window.labels[i] for i in range(len(window.labels)) if i not in owned]
    assert next(words, None) is None
    assert tuple(subword_ids) == encoded.subword_ids
    tag_ids = TAGS.write(sentence.entities, len(sentence))
    assert labels == align_labels(tag_ids, encoded, TAGS, subwords)
    assert set(scored_elsewhere) == {IGNORE_INDEX}


@given(sentences(), st.integers(3, 20), st.integers(0, 12))
def test_a_window_is_a_part_of_the_sentence_with_its_number_of_words(sentence, max_subwords, overlap):
    ((encoded, windows),) = encoder(max_subwords, "first", overlap).encode([sentence])
    for window in windows:
        inner = window.input_ids[1:-1]
        places = [i for i in range(len(encoded.subword_ids) + 1) if encoded.subword_ids[i:][: len(inner)] == inner]
        assert places
        first_subwords = {encoded.subword_ids[begin] for begin in encoded.word_begins[:-1]}
        assert window.num_words == sum(subword in first_subwords for subword in inner)


def test_context_words_are_seen_but_not_learned():
    sentence = Sentence(("a", "b", "c", "d", "e"), (EntitySpan(1, 5, "PER"),))
    ((_, windows),) = encoder(max_subwords=6, overlap=2).encode([sentence])
    first_tag, inside = TAGS.tag_ids["B-PER"], TAGS.tag_ids["I-PER"]
    assert [window.labels for window in windows] == [
        (-100, 0, first_tag, inside, -100, -100),
        (-100, -100, inside, inside, -100),
    ]
    assert [window.word_starts for window in windows] == [(1, 2, 3), (2, 3)]


def test_a_sentence_without_words_is_one_window_of_special_tokens():
    ((_, windows),) = encoder().encode([Sentence(())])
    assert windows == [EncodedWindow((CLS, SEP), (-100, -100), (), 0, (OwnedWords("", 0, True, True),))]


def test_entities_of_unknown_types_are_left_unscored():
    sentence = Sentence(("a", "bx", "c", "d"), (EntitySpan(0, 1, "PER"), EntitySpan(1, 3, "ORG")))
    ((_, [window]),) = encoder(subwords="all").encode([sentence])
    assert window.labels == (-100, TAGS.tag_ids["B-PER"], -100, -100, -100, 0, -100)
    assert window.word_starts == (1, 2, 4, 5)


@given(st.lists(sentences(max_words=8), min_size=1, max_size=5))
def test_a_batch_is_its_windows_padded(generated):
    window_encoder = encoder(max_subwords=12, overlap=4)
    windows = [window for _, run in window_encoder.encode(generated) for window in run]
    batch = window_encoder.collate(windows)
    longest = max(len(window.input_ids) for window in windows)
    for row, window in enumerate(windows):
        length = len(window.input_ids)
        padding = longest - length
        assert batch.input_ids[row].tolist() == [*window.input_ids, *[PAD] * padding]
        assert batch.labels[row].tolist() == [*window.labels, *[IGNORE_INDEX] * padding]
        assert batch.attention_mask[row].tolist() == [True] * length + [False] * padding
        assert batch.word_starts[row].nonzero().flatten().tolist() == list(window.word_starts)
    assert batch.sentence_ids == tuple(words.sentence_id for window in windows for words in window.owned)
    assert batch.input_ids.shape == (len(windows), longest)


@given(st.lists(st.integers(1, 9), max_size=20), st.integers(1, 20))
def test_passes_keep_the_order_and_use_the_budget_fully(lengths, budget):
    windows = [
        EncodedWindow((7,) * n, (-100,) * n, (), 0, (OwnedWords(str(i), 0, True, True),)) for i, n in enumerate(lengths)
    ]
    passes = list(split_into_passes(iter(windows), budget))
    assert [window for run in passes for window in run] == windows
    totals = [sum(len(window.input_ids) for window in run) for run in passes]
    assert all(total <= budget or len(run) == 1 for total, run in zip(totals, passes, strict=True))
    assert all(
        total + len(following[0].input_ids) > budget for total, following in zip(totals, passes[1:], strict=False)
    )


@given(tag_sets(), st.lists(sentences(max_words=8), min_size=1, max_size=5))
def test_gold_entities_can_be_read_back_from_their_rows(tags, generated):
    rows = tag_rows(generated, tags)
    assert rows.shape == (len(generated), max(len(sentence) for sentence in generated))
    for row, sentence in zip(rows.tolist(), generated, strict=True):
        assert row[: len(sentence)] == tags.write(sentence.entities, len(sentence))
        assert set(row[len(sentence) :]) <= {IGNORE_INDEX}


def test_gold_entities_of_unknown_types_are_refused():
    with pytest.raises(ValueError, match="unknown entity type"):
        tag_rows([Sentence(("a",), (EntitySpan(0, 1, "ORG"),))], TAGS)


def test_all_tensors_of_a_batch_move_to_the_device():
    window_encoder = encoder()
    ((_, windows),) = window_encoder.encode([Sentence(("a", "b"), id="s")])
    batch = window_encoder.collate(windows)
    rows = torch.zeros(1, 2, dtype=torch.long)
    moved = EvaluationBatch((batch,), (Sentence(("a", "b"), id="s"),), rows, rows).to("meta")
    assert isinstance(moved.passes[0], Batch)
    tensors = [moved.gold, moved.word_labels, moved.passes[0].input_ids, moved.passes[0].attention_mask]
    tensors += [moved.passes[0].labels, moved.passes[0].word_starts]
    assert {tensor.device.type for tensor in tensors} == {"meta"}
    assert (moved.sentences[0].id, moved.passes[0].sentence_ids) == ("s", ("s",))
    assert batch.to("cpu").input_ids.equal(batch.input_ids)
