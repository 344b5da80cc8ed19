"""The corpus report: the contents of a corpus and its problems, as data."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from ner_lightning.corpora.checks.casing import entities_are_cased
from ner_lightning.corpora.checks.consistency import ambiguous_surfaces, label_conflicts
from ner_lightning.corpora.checks.counts import CountSubwords, SplitStatistics, count_split, count_subwords
from ner_lightning.corpora.checks.findings import find_errors, find_warnings
from ner_lightning.corpora.checks.imbalance import find_rare_types
from ner_lightning.corpora.checks.leaks import (
    TrainingContent,
    find_near_duplicates,
    find_shared_documents,
    nearly_in_train,
)
from ner_lightning.corpora.checks.lengths import find_long_entities, find_long_sentences
from ner_lightning.corpora.checks.near_duplicates import NOT_SEARCHED, can_search
from ner_lightning.corpora.checks.oddities import find_oddities
from ner_lightning.corpora.checks.skew import skew_by_split, warn_about_skew
from ner_lightning.corpora.raw_text import Skew, fitting_word_splitter
from ner_lightning.corpora.reader import SPLIT_NAMES, Corpus, NoteKind, SplitName
from ner_lightning.word_splitting import WordSplitter


@dataclass(frozen=True, slots=True)
class CorpusReport:
    """A report on the contents of a corpus and its problems.

    Args:
        splits: The counts of each split.
        scheme_evidence: For each split read from tags, the recognized scheme and the reason.
        notes_by_kind: For each split and kind, all notes of the reader, with file and line.
        ambiguous_surfaces: Entities that occur with several types, with the count of each type; most frequent first.
        label_conflicts: One line for each group of sentences with the same words but different entities.
        cased: True if capital letters distinguish entity words from others, see ``casing.entities_are_cased``.
        errors: The problems that make the corpus unfit for training, one line each.
        warnings: The problems that will lower quality or distort scores, one line each.
        notes: What is unusual or can be improved, one line each.
        word_splitter: Name of the word splitter for raw text, which the bundle records.
        skew: For each split, the entities that it splits differently from the words of the corpus.
        optimizer_steps: Number of optimizer steps of the run that the configuration describes; None if unknown.
    """

    splits: Mapping[SplitName, SplitStatistics]
    scheme_evidence: Mapping[SplitName, str]
    notes_by_kind: Mapping[SplitName, Mapping[NoteKind, Sequence[str]]]
    ambiguous_surfaces: dict[str, dict[str, int]]
    label_conflicts: tuple[str, ...]
    cased: bool
    errors: tuple[str, ...]
    warnings: tuple[str, ...]
    notes: tuple[str, ...]
    word_splitter: str
    skew: Mapping[SplitName, Skew]
    optimizer_steps: int | None = None

    def to_plain(self) -> dict[str, Any]:
        """Return the report as plain data for JSON."""
        plain: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return plain


def describe_corpus(
    corpus: Corpus,
    subword_counts: CountSubwords | None = None,
    window: int | None = None,
    word_splitter: WordSplitter | None = None,
) -> CorpusReport:
    """Report on the contents of a corpus and its problems.

    Args:
        corpus: The corpus as it was read.
        subword_counts: A function that returns the number of subwords of each word of a sentence.
        window: The number of subwords that the encoder can process at once, without special subwords.
        word_splitter: The word splitter for raw text; None is the one that fits the corpus.
    """
    splitter = word_splitter or fitting_word_splitter(corpus)
    skews = skew_by_split(corpus, splitter)
    has_pairs = len(corpus.splits) > 1 and "train" in corpus.splits
    similar = nearly_in_train(corpus) if has_pairs and can_search() else {}
    splits = _describe_splits(corpus, subword_counts, window)
    for name, pairs in similar.items():
        splits[name] = replace(splits[name], near_duplicates=len(pairs))
    kinds: dict[SplitName, dict[NoteKind, list[str]]] = {name: {} for name in splits}
    for note in corpus.notes:
        kinds.setdefault(note.split, {}).setdefault(note.kind, []).append(str(note))
    conflicts = label_conflicts(corpus)
    return CorpusReport(
        splits=splits,
        scheme_evidence=dict(corpus.scheme_evidence or {}),
        notes_by_kind=kinds,
        ambiguous_surfaces=ambiguous_surfaces(corpus),
        label_conflicts=conflicts,
        cased=entities_are_cased(corpus),
        errors=tuple(find_errors(splits)),
        warnings=(
            *find_shared_documents(corpus),
            *find_near_duplicates(corpus, similar),
            *find_oddities(corpus),
            *find_warnings(splits, kinds, conflicts),
            *warn_about_skew(corpus, splitter, skews),
            *find_long_sentences(corpus),
        ),
        notes=(
            *find_long_entities(corpus),
            *(find_rare_types(splits["train"]) if "train" in splits else ()),
            *((NOT_SEARCHED,) if has_pairs and not can_search() else ()),
        ),
        word_splitter=splitter.name,
        skew=skews,
    )


def _describe_splits(
    corpus: Corpus, subword_counts: CountSubwords | None, window: int | None
) -> dict[SplitName, SplitStatistics]:
    train = corpus.splits.get("train", ())
    known = TrainingContent.of(train)
    splits: dict[SplitName, SplitStatistics] = {}
    for name in SPLIT_NAMES:
        if name in corpus.splits:
            sentences = corpus.splits[name]
            split = count_split(sentences)
            if train and name != "train":
                seen = known.count_sentences(sentences), known.count_entities(sentences)
                split = replace(split, sentences_in_train=seen[0], entities_in_train=seen[1])
            if subword_counts is not None:
                split = replace(split, subwords=count_subwords(sentences, subword_counts, window))
            splits[name] = split
    return splits
