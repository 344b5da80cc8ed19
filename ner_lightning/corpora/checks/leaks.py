"""Leaks between splits: documents in two splits, and sentences and entities that also occur in train."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

from ner_lightning.corpora.checks.counts import SplitStatistics
from ner_lightning.corpora.checks.near_duplicates import NearDuplicate, near_duplicates
from ner_lightning.corpora.checks.places import place_of, shortened
from ner_lightning.corpora.reader import Corpus, SplitName
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


def find_shared_documents(corpus: Corpus) -> Iterator[str]:
    """Yield a warning for each pair of splits that have documents in common."""
    places: dict[SplitName, dict[str, str]] = {name: {} for name in corpus.splits}
    for name, sentences in corpus.splits.items():
        for number, sentence in enumerate(sentences):
            if sentence.document_id is not None:
                places[name].setdefault(sentence.document_id, place_of(name, number, sentence))
    for left, right in combinations(places, 2):
        shared = [document for document in places[right] if document in places[left]]
        if shared:
            first = shared[0]
            yield (
                f"{right}: documents that are also in {left}: {len(shared)} of {len(places[right])}, such as "
                f"{shortened(first)!r} ({places[left][first]} and {places[right][first]}); scores are too high if a "
                f"document was divided between splits"
            )


def nearly_in_train(corpus: Corpus) -> Mapping[SplitName, Sequence[NearDuplicate]]:
    """Return the sentences of every other split that are almost the same as a training sentence."""
    names = [name for name in corpus.splits if name != "train"]
    others = (corpus.splits[name] for name in names)
    return dict(zip(names, near_duplicates(corpus.splits["train"], *others), strict=True))


def find_near_duplicates(corpus: Corpus, similar: Mapping[SplitName, Sequence[NearDuplicate]]) -> Iterator[str]:
    """Yield a warning for each split of which many sentences are almost the same as a training sentence."""
    train = corpus.splits.get("train", ())
    for name, pairs in similar.items():
        share = len(pairs) / max(len(corpus.splits[name]), 1)
        if pairs and share >= MIN_LEAKED_SHARE:
            number, train_number = pairs[0].number, pairs[0].train_number
            sentence, known = corpus.splits[name][number], train[train_number]
            yield (
                f"{name}: sentences that are almost the same as one in train: {len(pairs)} ({share:.1%}), such as "
                f"{shortened(' '.join(sentence.words))!r} ({place_of(name, number, sentence)}) and "
                f"{shortened(' '.join(known.words))!r} ({place_of('train', train_number, known)})"
            )
