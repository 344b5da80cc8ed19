"""Counts of the sentences, words, entities and subwords in each split of a corpus."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from ner_lightning.sentences import Sentence

CountSubwords = Callable[[Sequence[str]], list[int]]


@dataclass(frozen=True, slots=True)
class Lengths:
    """Lengths of sentences: the median, the 95th and 99th percentile (nearest rank), and the maximum."""

    median: int
    p95: int
    p99: int
    maximum: int

    @classmethod
    def of(cls, lengths: Iterable[int]) -> Lengths:
        """Return the percentiles of some lengths; all are 0 if there are no lengths.

        >>> Lengths.of([3, 1, 2])
        Lengths(median=2, p95=3, p99=3, maximum=3)
        """
        ordered = sorted(lengths) or [0]
        median, p95, p99 = (ordered[-(-len(ordered) * percent // 100) - 1] for percent in (50, 95, 99))
        return cls(median, p95, p99, ordered[-1])


@dataclass(frozen=True, slots=True)
class SubwordStatistics:
    """The words of a split as a tokenizer splits them.

    Args:
        num_subwords: Subwords of all words; a word without subwords counts as one, the unknown subword.
        lengths: Subwords per sentence, without special subwords.
        words_without_subwords: Code points of each word for which the tokenizer has no subword, with its count.
        longer_than_window: Sentences with more subwords than fit into the window; None if no window was given.
        words_by_subwords: For each number of subwords, the words that have it.
        sentences_by_length: For each number of subwords, the sentences that have it.
    """

    num_subwords: int
    lengths: Lengths
    words_without_subwords: dict[str, int]
    longer_than_window: int | None
    words_by_subwords: dict[int, int]
    sentences_by_length: dict[int, int]

    @property
    def words_split(self) -> int:
        """Words of several subwords."""
        return sum(words for subwords, words in self.words_by_subwords.items() if subwords > 1)


@dataclass(frozen=True, slots=True)
class SplitStatistics:
    """The counts of one split.

    Args:
        num_sentences: Sentences, with or without entities.
        num_words: Words of all sentences.
        num_unannotated: Words that nobody annotated, which are neither learned nor scored.
        num_documents: Documents, if the corpus names them; otherwise 0.
        num_outside: Annotated words outside any entity.
        entities_by_type: Number of entities of each type, sorted by type.
        mean_entity_length: Mean number of words per entity; 0 if there are no entities.
        longest_entity: Number of words of the longest entity; 0 if there are no entities.
        sentences_without_entities: Sentences without an entity.
        sentences_without_words: Sentences without a word.
        lengths: Words per sentence.
        repeated_sentences: Sentences with the same words as an earlier sentence of the split.
        repeated_ids: Ids that more than one sentence of the split has.
        sentences_in_train: Sentences with the same words as a training sentence; None for train itself.
        entities_in_train: Entities whose words are also an entity in train; None for train itself.
        sentences_by_length: For each number of words, the sentences that have it.
        near_duplicates: Sentences that are almost the same as a training sentence; None for train itself, and if they
            were not searched.
        subwords: The counts of subwords; None if no tokenizer was given.
    """

    num_sentences: int
    num_words: int
    num_unannotated: int
    num_outside: int
    num_documents: int
    entities_by_type: dict[str, int]
    mean_entity_length: float
    longest_entity: int
    sentences_without_entities: int
    sentences_without_words: int
    lengths: Lengths
    repeated_sentences: int
    repeated_ids: tuple[str, ...]
    sentences_by_length: dict[int, int]
    sentences_in_train: int | None = None
    entities_in_train: int | None = None
    near_duplicates: int | None = None
    subwords: SubwordStatistics | None = None

    @property
    def num_entities(self) -> int:
        return sum(self.entities_by_type.values())


def count_split(sentences: Sequence[Sentence]) -> SplitStatistics:
    """Count the sentences, words and entities of a split."""
    entities = [entity for sentence in sentences for entity in sentence.entities]
    ids = Counter(sentence.id for sentence in sentences if sentence.id)
    num_words, num_unannotated = sum(map(len, sentences)), sum(len(sentence.unannotated) for sentence in sentences)
    return SplitStatistics(
        num_sentences=len(sentences),
        num_words=num_words,
        num_unannotated=num_unannotated,
        num_outside=num_words - num_unannotated - sum(map(len, entities)),
        num_documents=len({s.document_id for s in sentences if s.document_id is not None}),
        entities_by_type=dict(sorted(Counter(entity.entity_type for entity in entities).items())),
        mean_entity_length=sum(map(len, entities)) / max(len(entities), 1),
        longest_entity=max(map(len, entities), default=0),
        sentences_without_entities=sum(not sentence.entities for sentence in sentences),
        sentences_without_words=sum(not sentence.words for sentence in sentences),
        lengths=Lengths.of(map(len, sentences)),
        repeated_sentences=len(sentences) - len({sentence.words for sentence in sentences}),
        repeated_ids=tuple(sentence_id for sentence_id, count in ids.items() if count > 1),
        sentences_by_length=_sorted_counts(Counter(map(len, sentences))),
    )


def count_subwords(
    sentences: Sequence[Sentence], subword_counts: CountSubwords, window: int | None
) -> SubwordStatistics:
    """Count the subwords of a split.

    Args:
        sentences: The sentences of the split.
        subword_counts: A function that returns the number of subwords of each word of a sentence.
        window: The number of subwords that the encoder can process at once, without special subwords.
    """
    without: Counter[str] = Counter()
    by_subwords: Counter[int] = Counter()
    lengths = []
    for sentence in sentences:
        counts = subword_counts(sentence.words)
        without.update(code_points(word) for word, count in zip(sentence.words, counts, strict=True) if count == 0)
        by_subwords.update(max(count, 1) for count in counts)
        lengths.append(sum(max(count, 1) for count in counts))
    longer = None if window is None else sum(length > window for length in lengths)
    return SubwordStatistics(
        num_subwords=sum(lengths),
        lengths=Lengths.of(lengths),
        words_without_subwords=dict(without.most_common()),
        longer_than_window=longer,
        words_by_subwords=_sorted_counts(by_subwords),
        sentences_by_length=_sorted_counts(Counter(lengths)),
    )


def _sorted_counts(counts: Counter[int]) -> dict[int, int]:
    return dict(sorted(counts.items()))


def code_points(word: str) -> str:
    """Return the code points of a word, for words that are invisible.

    >>> code_points("ab"), code_points("")
    ('U+0061 U+0062', '(empty)')
    """
    return " ".join(f"U+{ord(character):04X}" for character in word) or "(empty)"
