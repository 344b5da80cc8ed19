"""A corpus bound to tags and a tokenizer: everything that training and scoring read from it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from transformers import PreTrainedTokenizerBase

from ner_lightning.corpora.reader import Corpus, CorpusError, SplitName
from ner_lightning.encoding.alignment import EncodedSentence
from ner_lightning.encoding.augmentation import SentenceChange
from ner_lightning.encoding.batches import EncodedWindow, WindowEncoder
from ner_lightning.encoding.coverage import Coverage, measure_coverage
from ner_lightning.encoding.passages import Passage
from ner_lightning.schemes import BIO, TagSet
from ner_lightning.sentences import Sentence
from ner_lightning.tags import OUTSIDE

USUAL_PERCENT: Final = 99  # longer windows are exceptions, from which little is learned
MIN_USUAL_LENGTH: Final = 64  # subwords; on WNUT-17 better than 128 for text without sentence ends
ROUNDING: Final = 32  # subwords

EncodedSplit = Sequence[tuple[EncodedSentence, list[EncodedWindow]]]


@dataclass(frozen=True)
class BoundCorpus:
    """A corpus with its tags, its tokenizer, and its sentences or documents encoded as windows.

    Args:
        corpus: The sentences that are trained on and scored.
        num_annotated: Number of training sentences before a share of them was drawn.
        checksum: Checksum of the whole corpus.
        tags: The label scheme over the entity types of the training split; the network has one output per tag.
        word_counts: Number of training words by entity type, and of words outside any entity under ``O``.
        window_encoder: Turns training sentences into windows.
        evaluation_encoder: Turns other sentences into windows no longer than is usual in training.
        encoded: Subwords and windows of every passage, by split; a passage is a sentence or a document.
        repeat_factors: How many times per epoch a sentence with this entity type is used; empty if all are used once.
        changes: Changes that augmentation makes to training sentences, in this order.
    """

    corpus: Corpus
    num_annotated: int
    checksum: str
    tags: TagSet
    word_counts: Mapping[str, int]
    window_encoder: WindowEncoder
    evaluation_encoder: WindowEncoder
    encoded: Mapping[SplitName, EncodedSplit]
    repeat_factors: Mapping[str, float]
    changes: Sequence[SentenceChange]

    @property
    def tokenizer(self) -> PreTrainedTokenizerBase:
        return self.window_encoder.tokenizer.tokenizer

    @cached_property
    def gold_tags(self) -> TagSet:
        """BIO over all entity types of the corpus, including those that never occur in training."""
        known = self.tags.entity_types
        types = {entity_type for split in self.corpus.splits for entity_type in self.corpus.entity_types(split)}
        return TagSet(BIO(), (*known, *sorted(types - set(known))))

    @cached_property
    def word_tags(self) -> TagSet:
        """The label scheme over the same entity types as :attr:`gold_tags`."""
        return TagSet(self.tags.scheme, self.gold_tags.entity_types)

    def passages(self, split: SplitName) -> list[Passage]:
        """Return the passages of a split, in the order of :attr:`encoded`."""
        return self.window_encoder.passages(self.corpus.splits[split])

    def coverage(self, split: SplitName) -> Coverage:
        """Count the coverage of a split."""
        return measure_coverage(self.corpus, split, self.encoded[split], self.word_tags, self.tags)


def count_words(sentences: Sequence[Sentence], entity_types: Sequence[str]) -> dict[str, int]:
    """Count the words of each entity type, and the annotated words outside any entity under ``O``."""
    counts = Counter(dict.fromkeys((OUTSIDE, *entity_types), 0))
    for sentence in sentences:
        counts[OUTSIDE] += len(sentence) - len(sentence.unannotated)
        for entity in sentence.entities:
            counts[OUTSIDE] -= len(entity)
            counts[entity.entity_type] += len(entity)
    return dict(counts)


def usual_length(encoded: EncodedSplit) -> int:
    """Return the length of the longest windows that are usual in training, rounded up so that little text is cut.

    A model reads longer windows worse than several of this length.
    """
    lengths = sorted(len(window.input_ids) for _, windows in encoded for window in windows)
    usual = lengths[-(-len(lengths) * USUAL_PERCENT // 100) - 1]
    return max(-(-usual // ROUNDING) * ROUNDING, MIN_USUAL_LENGTH)


def require_split(corpus: Corpus, split: SplitName, user: str) -> None:
    """Check that a corpus has a split.

    Raises:
        CorpusError: If the corpus does not have it.
    """
    if split not in corpus.splits:
        advice = "; data.validation_share: 0.1 holds out a share of train" if split == "validation" else ""
        found = ", ".join(corpus.splits) or "none"
        raise CorpusError(f"{user} needs the {split} split, got a corpus with {found}{advice}")


def require_annotated_words(corpus: Corpus) -> None:
    """Check that every split has a word that somebody annotated, since a split without one cannot be scored.

    Raises:
        CorpusError: If a split has none.
    """
    for split, sentences in corpus.splits.items():
        if not any(len(sentence) > len(sentence.unannotated) for sentence in sentences):
            raise CorpusError(f"every split must have at least one annotated word, got none in {split}")


def require_unique_ids(corpus: Corpus) -> None:
    """Check that the id of a sentence is unique in its split, so that it identifies a prediction.

    Raises:
        CorpusError: If two sentences of a split share an id.
    """
    for split, sentences in corpus.splits.items():
        repeated = [(name, count) for name, count in Counter(s.id for s in sentences).items() if count > 1]
        if repeated:
            name, count = repeated[0]
            raise CorpusError(f"a sentence's id must be unique in its split, got {name!r} for {count} of {split}")
