"""Leaks between splits: sentences and entities of a validation or test split that also occur in train."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from ner_lightning.corpora.checks.counts import SplitStatistics
from ner_lightning.corpora.reader import SplitName
from ner_lightning.sentences import Sentence

MIN_LEAKED_SHARE: Final = 0.01  # below this, repeated sentences are not reported: short ones repeat by chance


@dataclass(frozen=True, slots=True)
class TrainingContent:
    """The sentences and entities of the training split, to look up those of other splits.

    Args:
        sentences: The words of each training sentence.
        entities: The words of each training entity, joined by spaces.
    """

    sentences: frozenset[tuple[str, ...]]
    entities: frozenset[str]

    @classmethod
    def of(cls, train: Sequence[Sentence]) -> TrainingContent:
        return cls(frozenset(sentence.words for sentence in train), frozenset(entity_texts(train)))

    def count_sentences(self, sentences: Sequence[Sentence]) -> int:
        """Return the number of sentences with the same words as a training sentence."""
        return sum(sentence.words in self.sentences for sentence in sentences)

    def count_entities(self, sentences: Sequence[Sentence]) -> int:
        """Return the number of entities whose words are also an entity in train, of whatever type."""
        return sum(text in self.entities for text in entity_texts(sentences))


def entity_texts(sentences: Iterable[Sentence]) -> Iterator[str]:
    """Yield the words of every entity, joined by spaces."""
    return (sentence.surface(entity) for sentence in sentences for entity in sentence.entities)


def find_leaks(name: SplitName, split: SplitStatistics) -> Iterator[str]:
    """Yield a warning if many sentences of a split are also in train."""
    share = (split.sentences_in_train or 0) / max(split.num_sentences, 1)
    if share >= MIN_LEAKED_SHARE:
        yield f"{name}: sentences that are also in train: {split.sentences_in_train} ({share:.1%})"
