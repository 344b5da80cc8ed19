"""Coverage: counts of the words and entities of a split that could not be read, written or tokenized unchanged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ner_lightning.corpora.reader import OUTCOME_BY_KIND, Corpus, SplitName
from ner_lightning.encoding.alignment import EncodedSentence
from ner_lightning.encoding.batches import EncodedWindow
from ner_lightning.schemes import TagSet


@dataclass(frozen=True, slots=True)
class Coverage:
    """Counts that explain the scores of a split, for which every word is predicted and every gold entity is counted.

    Args:
        words: Number of words, each with one prediction.
        words_without_subwords: Words for which the tokenizer has no subword; they get the unknown subword.
        shortened_words: Words longer than a window; only their first subwords are read.
        words_in_several_windows: Words that also appear in another window as context.
        unannotated_words: Words that nobody annotated; predictions for them are not scored.
        changes_by_reader: Tags and spans that the reader repaired or dropped.
        entities_lost_to_scheme: Gold entities that the scheme cannot write (adjacent entities of one type in IO).
        entities_of_unknown_types: Gold entities of types that do not occur in training, and are always missed.
    """

    words: int
    words_without_subwords: int
    shortened_words: int
    words_in_several_windows: int
    unannotated_words: int
    changes_by_reader: int
    entities_lost_to_scheme: int
    entities_of_unknown_types: int

    def __str__(self) -> str:
        counts = [
            (self.words_without_subwords, "without subwords"),
            (self.shortened_words, "longer than a window"),
            (self.words_in_several_windows, "in several windows"),
        ]
        if self.unannotated_words:
            counts.append((self.unannotated_words, "not annotated and not scored"))
        entities = [
            (self.changes_by_reader, "repaired or dropped by the reader"),
            (self.entities_lost_to_scheme, "that the scheme cannot write"),
            (self.entities_of_unknown_types, "of types not in training"),
        ]
        return f"{self.words} words, all predicted ({_listed(counts)}); all gold entities counted ({_listed(entities)})"


def _listed(counts: list[tuple[int, str]]) -> str:
    return ", ".join(f"{count} {description}" for count, description in counts)


def measure_coverage(
    corpus: Corpus,
    split: SplitName,
    encoded: Sequence[tuple[EncodedSentence, Sequence[EncodedWindow]]],
    written_tags: TagSet,
    learned_tags: TagSet,
) -> Coverage:
    """Count the coverage of a split.

    Args:
        corpus: The corpus.
        split: One of its splits.
        encoded: Subwords and windows of every passage of the split.
        written_tags: The label scheme over all entity types of the corpus.
        learned_tags: The label scheme over the entity types that occur in training.
    """
    sentences = corpus.splits[split]
    num_entities = sum(len(sentence.entities) for sentence in sentences)
    num_written = sum(
        len(set(written_tags.read(written_tags.write(s.entities, len(s)))) & set(s.entities)) for s in sentences
    )
    num_words = sum(map(len, sentences))
    return Coverage(
        words=num_words,
        words_without_subwords=sum(len(subwords.words_without_subwords) for subwords, _ in encoded),
        shortened_words=sum(len(subwords.shortened_words) for subwords, _ in encoded),
        words_in_several_windows=sum(w.num_words for _, windows in encoded for w in windows) - num_words,
        unannotated_words=sum(len(sentence.unannotated) for sentence in sentences),
        changes_by_reader=sum(note.split == split and note.kind in OUTCOME_BY_KIND for note in corpus.notes),
        entities_lost_to_scheme=num_entities - num_written,
        entities_of_unknown_types=sum(
            count for kind, count in corpus.type_counts(split).items() if kind not in learned_tags.entity_types
        ),
    )
