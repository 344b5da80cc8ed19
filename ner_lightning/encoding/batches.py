"""Batches: windows as padded tensors, for training on windows and evaluation on whole sentences."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Int
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from ner_lightning.encoding.alignment import EncodedSentence, Subwords, WordTokenizer, align_labels
from ner_lightning.encoding.windows import plan_windows
from ner_lightning.schemes import IGNORE_INDEX, OUTSIDE_ID, TagSet
from ner_lightning.sentences import Sentence
from ner_lightning.tags import Tag


@dataclass(frozen=True, slots=True)
class EncodedWindow:
    """One row of a batch.

    Args:
        sentence_id: Id of the sentence that the window is cut from.
        input_ids: Subword ids, with special tokens.
        labels: Label of every subword; -100 if it is not scored or the window does not own its word.
        word_starts: Positions of the first subwords of the owned words, in order.
        num_words: Number of words, owned or not.
        edges: True if the owned words begin the sentence, and true if they end it.
    """

    sentence_id: str
    input_ids: tuple[int, ...]
    labels: tuple[int, ...]
    word_starts: tuple[int, ...]
    num_words: int
    edges: tuple[bool, bool]


class Batch:
    """Windows padded to the same length.

    This and :class:`EvaluationBatch` are not dataclasses, because Lightning would convert numbers in their fields.

    Args:
        input_ids: Subword ids.
        attention_mask: True on subwords, false on padding.
        labels: Tag ids to learn, and -100 elsewhere.
        word_starts: True on the first subword of every owned word.
        edges: True if the owned words of a row begin its sentence, and true if they end it.
        sentence_ids: Sentence id of every row.
    """

    def __init__(
        self,
        input_ids: Int[Tensor, "batch subwords"],
        attention_mask: Bool[Tensor, "batch subwords"],
        labels: Int[Tensor, "batch subwords"],
        word_starts: Bool[Tensor, "batch subwords"],
        edges: Bool[Tensor, "batch 2"],
        sentence_ids: tuple[str, ...],
    ) -> None:
        self.input_ids, self.attention_mask = input_ids, attention_mask
        self.labels, self.word_starts, self.edges = labels, word_starts, edges
        self.sentence_ids = sentence_ids

    def to(self, device: torch.device | str, non_blocking: bool = False) -> Batch:
        """Return the same batch on another device."""
        return Batch(
            self.input_ids.to(device, non_blocking=non_blocking),
            self.attention_mask.to(device, non_blocking=non_blocking),
            self.labels.to(device, non_blocking=non_blocking),
            self.word_starts.to(device, non_blocking=non_blocking),
            self.edges.to(device, non_blocking=non_blocking),
            self.sentence_ids,
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
        overlap: Largest number of subwords shared by neighboring windows of a sentence.
    """

    tokenizer: WordTokenizer
    tags: TagSet
    subwords: Subwords = "first"
    overlap: int = 64

    def with_max_subwords(self, max_subwords: int) -> WindowEncoder:
        """Return the same encoder with windows of at most this length, including special tokens."""
        limit = min(max_subwords, self.tokenizer.max_subwords)
        return replace(self, tokenizer=WordTokenizer(self.tokenizer.tokenizer, limit))

    def windows(self, sentence: Sentence, encoded: EncodedSentence) -> Iterator[EncodedWindow]:
        """Return the windows of a sentence, in order; entities of unknown types and unannotated words have no label."""
        known = tuple(e for e in sentence.entities if e.entity_type in self.tags.entity_types)
        tag_ids = self.tags.write(known, len(sentence))
        for entity in set(sentence.entities) - set(known):
            tag_ids[entity.start : entity.end] = [IGNORE_INDEX] * len(entity)
        for word in sentence.unannotated:
            tag_ids[word] = IGNORE_INDEX
        labels = align_labels(tag_ids, encoded, self.tags, self.subwords)
        prefix, suffix = self.tokenizer.prefix, self.tokenizer.suffix
        begins = encoded.word_begins
        overlap = min(self.overlap, self.tokenizer.capacity // 2)
        for window in plan_windows(begins, self.tokenizer.capacity, overlap):
            first, end = begins[window.start], begins[window.end]
            owned = range(begins[window.owned_start], begins[window.owned_end])
            yield EncodedWindow(
                sentence_id=sentence.id,
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
                edges=(window.owned_start == 0, window.owned_end == len(sentence)),
            )

    def encode(self, sentences: Sequence[Sentence]) -> Iterator[tuple[EncodedSentence, list[EncodedWindow]]]:
        """Return the subwords and windows of each sentence, in order."""
        encoded = self.tokenizer.encode(sentence.words for sentence in sentences)
        for sentence, subwords in zip(sentences, encoded, strict=True):
            yield subwords, list(self.windows(sentence, subwords))

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
            edges=torch.tensor([window.edges for window in windows]),
            sentence_ids=tuple(window.sentence_id for window in windows),
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
