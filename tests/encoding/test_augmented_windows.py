import string
from functools import cache, partial
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import DataLoader

from ner_lightning.encoding import augmented_windows
from ner_lightning.encoding.alignment import EncodedSentence, WordTokenizer
from ner_lightning.encoding.augmented_windows import AugmentedWindows
from ner_lightning.encoding.batch_sampler import TokenBudgetBatchSampler, WithEpoch
from ner_lightning.encoding.batches import WindowEncoder
from ner_lightning.schemes import BIO, IGNORE_INDEX, TagSet
from ner_lightning.sentences import Sentence
from support.strategies import word_piece_tokenizer

CAPACITY = 4


@cache
def encoder() -> WindowEncoder:
    """Return an encoder for windows of four words."""
    tokenizer = WordTokenizer(word_piece_tokenizer(string.ascii_letters), CAPACITY + 2)
    return WindowEncoder(tokenizer, TagSet(BIO(), ("PER",)), overlap=2)


def resized(sentence: Sentence, random: Random, *, num_words: int) -> Sentence:
    """Replace the words of a sentence by this number of random ones."""
    words = tuple(random.choice(string.ascii_letters) for _ in range(num_words))
    return Sentence(words, (), sentence.id)


def dataset(sentences: list[Sentence], num_words: int, seed: int = 0) -> AugmentedWindows:
    num_windows = [len(windows) for _, windows in encoder().encode(sentences)]
    return AugmentedWindows(sentences, num_windows, [partial(resized, num_words=num_words)], encoder(), seed)


def lengths_of_sentences() -> st.SearchStrategy[list[int]]:
    return st.lists(st.integers(1, 20), min_size=1, max_size=4)


@given(lengths_of_sentences(), st.integers(1, 20), st.integers(0, 3))
def test_every_augmented_word_is_learned_once_at_any_length(lengths, num_words, epoch):
    sentences = [Sentence(tuple("a" * length), (), str(number)) for number, length in enumerate(lengths)]
    windows = dataset(sentences, num_words)
    whole = windows.__getitems__([(epoch, window) for window in range(len(windows))])
    ids = encoder().tokenizer.tokenizer.convert_tokens_to_ids
    for number, sentence in enumerate(sentences):
        rows = [window for window in whole if window.owned[0].sentence_id == sentence.id]
        learned = [row.input_ids[i] for row in rows for i, label in enumerate(row.labels) if label != IGNORE_INDEX]
        owned = [row.input_ids[start] for row in rows for start in row.word_starts]
        assert owned == learned == [ids(word) for word in windows.augmented(epoch, number).words]


@given(lengths_of_sentences(), st.integers(1, 20), st.integers(0, 3))
def test_every_window_gets_a_row(lengths, num_words, epoch):
    windows = dataset([Sentence(tuple("a" * length)) for length in lengths], num_words)
    for window in range(len(windows)):
        rows = windows.__getitems__([(epoch, window)])
        assert rows
        assert all(len(row.input_ids) > 2 for row in rows)


def test_only_the_last_window_gets_additional_rows():
    windows = dataset([Sentence(tuple("a" * 6))], num_words=20)
    assert len(windows) == 2
    first, *further = (windows.__getitems__([(0, window)]) for window in range(2))
    assert len(first) == 1
    ((_, as_encoded),) = encoder().encode([windows.augmented(0, 0)])
    assert [*first, *further[0]] == as_encoded


def test_augmentation_is_reproducible_and_varies_by_epoch_sentence_and_seed():
    sentences = [Sentence(("a",)), Sentence(("a",))]
    forms = [
        dataset(sentences, 20, seed).augmented(epoch, number).words
        for seed in (0, 1)
        for epoch in (0, 1)
        for number in (0, 1)
    ]
    assert len(set(forms)) == 8
    assert dataset(sentences, 20, 1).augmented(1, 1).words == forms[-1]


def encoded_word_counts(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that gets the number of words of every sentence that is encoded from now on."""
    counts: list[int] = []
    align = WordTokenizer._align

    def counting(self: WordTokenizer, subwords_by_word: list[list[int]]) -> EncodedSentence:
        counts.append(len(subwords_by_word))
        return align(self, subwords_by_word)

    monkeypatch.setattr(WordTokenizer, "_align", counting)
    return counts


def test_a_long_sentence_is_encoded_once_per_epoch_however_its_windows_are_batched(monkeypatch):
    windows = dataset([Sentence(tuple("a" * 40), (), str(number)) for number in range(3)], num_words=40)
    keys = [(0, window) for window in range(len(windows))]
    Random(0).shuffle(keys)
    alone = [
        row for key in keys for row in dataset(windows.sentences, 40).__getitems__([key])
    ]  # each from a dataset that has not cached anything
    counts = encoded_word_counts(monkeypatch)
    found = [row for begin in range(0, len(keys), 4) for row in windows.__getitems__(keys[begin : begin + 4])]
    assert found == alone
    assert len(windows) > 3 * 10
    assert counts == [40] * 3


def test_the_most_recently_used_sentences_are_kept(monkeypatch):
    monkeypatch.setattr(augmented_windows, "MAX_KEPT", 2)
    windows = dataset([Sentence(tuple("a" * 6), (), str(number)) for number in range(3)], num_words=6)
    firsts = [window for window, (_, k) in enumerate(windows.places) if k == 0]
    for sentence in (0, 1, 0, 2):
        windows.__getitems__([(0, firsts[sentence])])
    assert list(windows.kept) == [(0, 0), (0, 2)]
    windows.__getitems__([(1, window) for window in range(len(windows))])  # more at once than are kept
    assert list(windows.kept) == [(1, 1), (1, 2)]


def test_a_sentence_of_one_window_is_not_kept():
    windows = dataset([Sentence(("a",))], num_words=20)
    windows.__getitems__([(0, 0)])
    assert not windows.kept


@pytest.mark.parametrize("num_workers", [0, 2])
def test_workers_use_the_epoch_of_the_sampler(num_workers):
    windows = dataset([Sentence(tuple("a" * 6), (), str(number)) for number in range(6)], num_words=6)
    sampler = TokenBudgetBatchSampler([CAPACITY + 2] * len(windows), max_subwords=20, max_windows=3)
    loader = DataLoader(windows, batch_sampler=WithEpoch(sampler), collate_fn=list, num_workers=num_workers)
    for epoch in (0, 1):
        sampler.set_epoch(epoch)
        expected = [windows.__getitems__([(epoch, w) for w in batch]) for batch in sampler.batches_of(epoch)]
        assert list(loader) == expected
