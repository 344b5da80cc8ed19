"""Batches: windows as padded tensors, for training on windows and evaluation on whole sentences."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import torch
from jaxtyping import Bool, Int
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from ner_lightning.encoding.alignment import EncodedSentence, Subwords, WordTokenizer, align_labels
from ner_lightning.encoding.passages import Passage, Unit, passages_of
from ner_lightning.encoding.windows import plan_windows_in_context
from ner_lightning.schemes import IGNORE_INDEX, OUTSIDE_ID, TagSet
from ner_lightning.sentences import Sentence
from ner_lightning.tags import Tag

MAX_SHARED: Final[dict[Unit, float]] = {"sentence": 1 / 2, "document": 1 / 4}  # of a window, with its neighbor


@dataclass(frozen=True, slots=True)
class OwnedWords:
    """Consecutive words of a sentence that are owned by the same window.

    Args:
        sentence_id: Id of the sentence.
        num_words: Number of the words.
        begins: True if they begin the sentence.
        ends: True if they end it.
    """

    sentence_id: str
    num_words: int
    begins: bool
    ends: bool


@dataclass(frozen=True, slots=True)
class EncodedWindow:
    """One row of a batch.

    Args:
        input_ids: Subword ids, with special tokens.
        labels: Label of every subword; -100 if it is not scored or the window does not own its word.
        word_starts: Positions of the first subwords of the owned words, in order.
        num_words: Number of words, owned or not.
        owned: The owned words, by sentence. A window that owns no words has one entry without words.
    """

    input_ids: tuple[int, ...]
    labels: tuple[int, ...]
    word_starts: tuple[int, ...]
    num_words: int
    owned: tuple[OwnedWords, ...]

    def without_owned_words(self) -> EncodedWindow:
        """Return the same window with all words as context."""
        owned = (replace(self.owned[-1], num_words=0),)
        return replace(self, labels=(IGNORE_INDEX,) * len(self.labels), word_starts=(), owned=owned)


class Batch:
    """Windows padded to the same length.

    This and :class:`EvaluationBatch` are not dataclasses, because Lightning would convert numbers in their fields.

    Args:
        input_ids: Subword ids.
        attention_mask: True on subwords, false on padding.
        labels: Tag ids to learn, and -100 elsewhere.
        word_starts: True on the first subword of every owned word.
        owned: The owned words of all rows, by sentence.
    """

    def __init__(
        self,
        input_ids: Int[Tensor, "batch subwords"],
        attention_mask: Bool[Tensor, "batch subwords"],
        labels: Int[Tensor, "batch subwords"],
        word_starts: Bool[Tensor, "batch subwords"],
        owned: tuple[OwnedWords, ...],
    ) -> None:
        self.input_ids, self.attention_mask = input_ids, attention_mask
        self.labels, self.word_starts, self.owned = labels, word_starts, owned

    @property
    def sentence_ids(self) -> tuple[str, ...]:
        """The ids of the sentences whose words are learned; a long sentence appears once for each of its windows."""
        return tuple(words.sentence_id for words in self.owned)

    def to(self, device: torch.device | str, non_blocking: bool = False) -> Batch:
        """Return the same batch on another device."""
        return Batch(
            self.input_ids.to(device, non_blocking=non_blocking),
            self.attention_mask.to(device, non_blocking=non_blocking),
            self.labels.to(device, non_blocking=non_blocking),
            self.word_starts.to(device, non_blocking=non_blocking),
            self.owned,
        )


class EvaluationBatch:
    """Whole sentences, whose windows are run in passes that fit the budget.

    A rank that has nothing to score gets a batch without sentences.

    Args:
        passes: The windows of all sentences, in order. Their owned words, concatenated, are the words of the sentences.
        sentences: The sentences.
        gold: Gold tag ids in a scheme that can write every entity; -100 after the last word.
        word_labels: Gold tag ids in the scheme of the model; larger ids belong to entity types that the model does not
            know, and -100 to words that nobody annotated.
    """

    def __init__(
        self,
        passes: tuple[Batch, ...],
        sentences: tuple[Sentence, ...],
        gold: Int[Tensor, "batch words"],
        word_labels: Int[Tensor, "batch words"],
    ) -> None:
        self.passes, self.sentences = passes, sentences
        self.gold, self.word_labels = gold, word_labels

    @property
    def mask(self) -> Bool[Tensor, "batch words"]:
        """True on words, false on padding."""
        return self.gold != IGNORE_INDEX

    def scored(self, tag_ids: Int[Tensor, "batch words"], tags: TagSet) -> Int[Tensor, "batch words"]:
        """Return predicted tag ids as they are scored: with ``O`` on words that nobody annotated.

        An entity that is cut there begins and ends as the scheme requires, so that the cut does not make it ill-formed.

        Args:
            tag_ids: The tag ids that a decoder has predicted.
            tags: Their tag set.
        """
        is_unannotated = self.mask & (self.word_labels == IGNORE_INDEX)
        tag_ids = tag_ids.masked_fill(is_unannotated, OUTSIDE_ID)
        for row, sentence in zip(tag_ids, self.sentences, strict=True):
            if sentence.unannotated:
                _mend_cut_entities(row, sentence, tags)
        return tag_ids

    def to(self, device: torch.device | str, non_blocking: bool = False) -> EvaluationBatch:
        """Return the same batch on another device."""
        return EvaluationBatch(
            tuple(batch.to(device, non_blocking) for batch in self.passes),
            self.sentences,
            self.gold.to(device, non_blocking=non_blocking),
            self.word_labels.to(device, non_blocking=non_blocking),
        )


def _mend_cut_entities(row: Int[Tensor, " words"], sentence: Sentence, tags: TagSet) -> None:
    """Replace the tags next to unannotated words by tags with which the scheme lets an entity begin or end there."""
    unannotated, scheme = set(sentence.unannotated), tags.scheme
    for entity in tags.read(row[: len(sentence)].tolist()):
        cuts = (
            (entity.start - 1, entity.start, scheme.can_begin, scheme.can_end),
            (entity.end, entity.end - 1, scheme.can_end, scheme.can_begin),
        )
        for neighbor, word, allowed, kept in cuts:
            prefix = tags.parsed_tags[int(row[word])].prefix
            if neighbor in unannotated and prefix not in allowed:
                suitable = (it for it in scheme.prefixes if it in allowed and (it in kept) == (prefix in kept))
                row[word] = tags.tag_ids[str(Tag(next(suitable, prefix), entity.entity_type))]


@dataclass(frozen=True, slots=True)
class WindowEncoder:
    """Turns sentences into windows of the encoder's size.

    Args:
        tokenizer: Encodes words.
        tags: The tags to learn.
        subwords: The subwords of a word that are labeled: its first or all.
        overlap: Largest number of subwords shared by neighboring windows; at most half a window, or a quarter if
            documents are read, which keeps their cost near that of their sentences.
        unit: The unit that is cut into windows: each ``sentence``, or the joined sentences of a ``document``.
        context: Largest number of subwords of neighboring sentences that a sentence is read with, on each side.
    """

    tokenizer: WordTokenizer
    tags: TagSet
    subwords: Subwords = "first"
    overlap: int = 64
    unit: Unit = "sentence"
    context: int = 0

    @property
    def reads_neighbors(self) -> bool:
        """True if a sentence is read with others of its document."""
        return self.unit == "document" or self.context > 0

    def with_max_subwords(self, max_subwords: int) -> WindowEncoder:
        """Return the same encoder with windows of at most this length, including special tokens."""
        limit = min(max_subwords, self.tokenizer.max_subwords)
        return replace(self, tokenizer=WordTokenizer(self.tokenizer.tokenizer, limit))

    def passages(self, sentences: Sequence[Sentence]) -> list[Passage]:
        """Return the passages that sentences are read in."""
        return passages_of(sentences, self.unit, self.context)

    def encode(self, sentences: Sequence[Sentence]) -> Iterator[tuple[EncodedSentence, list[EncodedWindow]]]:
        """Return the subwords and windows of each passage of these sentences, in order."""
        return self.encode_passages(self.passages(sentences))

    def encode_passages(self, passages: Sequence[Passage]) -> Iterator[tuple[EncodedSentence, list[EncodedWindow]]]:
        """Return the subwords and windows of each passage, in order."""
        encoded = self.tokenizer.encode(passage.words for passage in passages)
        for passage, subwords in zip(passages, encoded, strict=True):
            yield _without_neighbors(subwords, passage), list(self.windows(passage, subwords))

    def windows(self, passage: Passage, encoded: EncodedSentence) -> Iterator[EncodedWindow]:
        """Return the windows of a passage, in order; the words around its sentences are owned by no window."""
        tag_ids = [tag_id for sentence in passage.sentences for tag_id in self._tag_ids(sentence)]
        around = [[IGNORE_INDEX] * len(words) for words in (passage.before, passage.after)]
        labels = align_labels([*around[0], *tag_ids, *around[1]], encoded, self.tags, self.subwords)
        prefix, suffix = self.tokenizer.prefix, self.tokenizer.suffix
        begins, borders = encoded.word_begins, passage.borders
        capacity = self.tokenizer.capacity
        overlap = min(self.overlap, int(capacity * MAX_SHARED[self.unit]))
        for window in plan_windows_in_context(begins, borders[0], borders[-1], capacity, overlap, self.context):
            first, end = begins[window.start], begins[window.end]
            owned = range(begins[window.owned_start], begins[window.owned_end])
            yield EncodedWindow(
                input_ids=(*prefix, *encoded.subword_ids[first:end], *suffix),
                labels=(
                    *[IGNORE_INDEX] * len(prefix),
                    *(labels[i] if i in owned else IGNORE_INDEX for i in range(first, end)),
                    *[IGNORE_INDEX] * len(suffix),
                ),
                word_starts=tuple(
                    len(prefix) + begins[word] - first for word in range(window.owned_start, window.owned_end)
                ),
                num_words=window.end - window.start,
                owned=_by_sentence(passage, borders, window.owned_start, window.owned_end),
            )

    def _tag_ids(self, sentence: Sentence) -> list[int]:
        """Return the tag ids of a sentence; entities of unknown types and unannotated words have none."""
        known = tuple(e for e in sentence.entities if e.entity_type in self.tags.entity_types)
        tag_ids = self.tags.write(known, len(sentence))
        for entity in set(sentence.entities) - set(known):
            tag_ids[entity.start : entity.end] = [IGNORE_INDEX] * len(entity)
        for word in sentence.unannotated:
            tag_ids[word] = IGNORE_INDEX
        return tag_ids

    def collate(self, windows: Sequence[EncodedWindow]) -> Batch:
        """Pad windows to the same length."""
        word_starts = torch.zeros(len(windows), max(len(w.input_ids) for w in windows), dtype=torch.bool)
        for row, window in enumerate(windows):
            word_starts[row, list(window.word_starts)] = True
        lengths = torch.tensor([len(window.input_ids) for window in windows])
        return Batch(
            input_ids=_padded((w.input_ids for w in windows), self.tokenizer.pad_id),
            attention_mask=torch.arange(word_starts.shape[1]) < lengths[:, None],
            labels=_padded((w.labels for w in windows), IGNORE_INDEX),
            word_starts=word_starts,
            owned=tuple(words for window in windows for words in window.owned),
        )


def _by_sentence(passage: Passage, borders: Sequence[int], start: int, end: int) -> tuple[OwnedWords, ...]:
    """Return the words from ``start`` to ``end`` of a passage, by sentence."""
    first = min(bisect_right(borders, start), len(passage.sentences)) - 1
    stop = max(bisect_left(borders, end), first + 1)
    owned = (
        OwnedWords(sentence.id, min(end, right) - max(start, left), start <= left, right <= end)
        for sentence, left, right in zip(
            passage.sentences[first:stop], borders[first:stop], borders[first + 1 : stop + 1], strict=True
        )
    )
    return tuple(words for number, words in enumerate(owned) if words.num_words or not number)


def _without_neighbors(encoded: EncodedSentence, passage: Passage) -> EncodedSentence:
    """Return the subwords of a passage without notes on the words around its sentences, which are counted elsewhere."""
    if not (passage.before or passage.after):
        return encoded
    own = range(passage.borders[0], passage.borders[-1])
    return replace(
        encoded,
        words_without_subwords=tuple(word for word in encoded.words_without_subwords if word in own),
        shortened_words=tuple(word for word in encoded.shortened_words if word in own),
    )


def tag_rows(sentences: Sequence[Sentence], tags: TagSet) -> Int[Tensor, "batch words"]:
    """Return the gold tag ids of sentences, and -100 after the last word of each."""
    return _padded((tags.write(s.entities, len(s)) for s in sentences), IGNORE_INDEX)


def label_rows(sentences: Sequence[Sentence], tags: TagSet) -> Int[Tensor, "batch words"]:
    """Return the gold tag ids of sentences, with -100 on words that nobody annotated and after the last word."""
    rows = tag_rows(sentences, tags)
    for row, sentence in zip(rows, sentences, strict=True):
        row[list(sentence.unannotated)] = IGNORE_INDEX
    return rows


def split_into_passes(windows: Iterable[EncodedWindow], max_subwords: int) -> Iterator[list[EncodedWindow]]:
    """Split windows, in order, into runs of at most ``max_subwords`` subwords, or a single window if it is longer."""
    run: list[EncodedWindow] = []
    used = 0
    for window in windows:
        if run and used + len(window.input_ids) > max_subwords:
            yield run
            run, used = [], 0
        run.append(window)
        used += len(window.input_ids)
    if run:
        yield run


def _padded(rows: Iterable[Sequence[int]], value: int) -> Int[Tensor, "batch words"]:
    tensors = [torch.tensor(row, dtype=torch.long) for row in rows]
    return pad_sequence(tensors, True, value) if tensors else torch.zeros(0, 0, dtype=torch.long)
