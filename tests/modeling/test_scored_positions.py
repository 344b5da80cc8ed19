"""Tests of the positions that losses use: all scored subwords, or words at their first subwords."""

import pytest
import torch

from ner_lightning.encoding.alignment import Subwords, WordTokenizer
from ner_lightning.encoding.batches import Batch, EncodedWindow, WindowEncoder
from ner_lightning.entities import EntitySpan
from ner_lightning.modeling.scored_positions import ScoredPositions
from ner_lightning.schemes import BIO, TagSet
from ner_lightning.sentences import Sentence
from support.strategies import word_piece_tokenizer

TAGS = TagSet(BIO(), ("LOC", "PER"))
TOKENIZER = word_piece_tokenizer(["Anna", "Bo", "##x", "in", "Rome"])
SENTENCE = Sentence(("Box", "in", "Rome", "in", "Box"), (EntitySpan(0, 1, "PER"), EntitySpan(2, 3, "LOC")))


def windows(max_subwords: int | None, subwords: Subwords = "first") -> tuple[list[EncodedWindow], WindowEncoder]:
    encoder = WindowEncoder(WordTokenizer(TOKENIZER, max_subwords), TAGS, subwords, overlap=2)
    ((_, found),) = encoder.encode([SENTENCE])
    return found, encoder


def scored(batch: Batch) -> ScoredPositions:
    """Return scored positions whose logits are the number of the subword."""
    places = torch.arange(batch.attention_mask.sum()).double()
    return ScoredPositions.of_windows(places[:, None].expand(-1, len(TAGS.tags)), batch)


@pytest.mark.parametrize("subwords", ["first", "all"])
def test_words_are_read_at_their_first_subwords(subwords: Subwords) -> None:
    found, encoder = windows(None, subwords)
    read = scored(encoder.collate(found))
    words = read.words()
    assert words.logits[0, :, 0].tolist() == [1, 3, 4, 5, 6]  # [CLS] Bo ##x in Rome in Bo ##x [SEP]
    assert words.labels[0].tolist() == TAGS.write(SENTENCE.entities, 5)
    assert (words.begins.item(), words.ends.item()) == (True, True)
    assert read.logits[:, 0].tolist() == ([1, 2, 3, 4, 5, 6, 7] if subwords == "all" else [1, 3, 4, 5, 6])


def test_windows_of_a_long_sentence_contain_each_word_once_and_mark_its_ends() -> None:
    found, encoder = windows(6)
    assert len(found) > 1
    words = scored(encoder.collate(found)).words()
    assert words.labels[words.mask].tolist() == TAGS.write(SENTENCE.entities, 5)
    assert words.mask.sum() == 5
    assert words.begins.tolist() == [True] + [False] * (len(found) - 1)
    assert words.ends.tolist() == [False] * (len(found) - 1) + [True]


def test_windows_with_nothing_to_learn_are_rows_without_words() -> None:
    (window,), encoder = windows(None)
    empty = window.without_owned_words()
    alone = scored(encoder.collate([empty]))
    assert alone.words().logits.shape == (1, 0, 5)
    assert len(alone.logits) == 0
    beside = scored(encoder.collate([empty, window]))
    assert beside.words().mask.tolist() == [[False] * 5, [True] * 5]
