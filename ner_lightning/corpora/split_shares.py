"""Shares of the training split: one to train on, for learning curves, and one to hold out as validation split."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace
from random import Random

from ner_lightning.corpora.reader import SPLIT_NAMES, Corpus, CorpusError
from ner_lightning.sentences import Sentence


def keep_training_share(corpus: Corpus, share: float | None, seed: int) -> Corpus:
    """Return the corpus with a share of its training sentences, in their order; other splits stay complete.

    With the same seed, a larger share contains all smaller ones. Notes about sentences that are not drawn are dropped.

    Args:
        corpus: The corpus.
        share: Share of the training sentences; None keeps all.
        seed: Seed of the random order.

    Raises:
        ValueError: If the share is not above 0 and at most 1.
    """
    if share is None:
        return corpus
    if not 0 < share <= 1:
        raise ValueError(f"train_share must be above 0 and at most 1, got {share}")
    sentences = corpus.splits["train"]
    drawn = draw(documents_in_random_order(sentences, seed), max(round(share * len(sentences)), 1))
    train = tuple(sentence for position, sentence in enumerate(sentences) if position in drawn)
    kept_ids = {sentence.id for sentence in train}
    notes = tuple(
        note for note in corpus.notes if note.split != "train" or not note.sentence_id or note.sentence_id in kept_ids
    )
    return replace(corpus, splits={**corpus.splits, "train": train}, notes=notes)


def hold_out_validation(corpus: Corpus, share: float | None, seed: int) -> Corpus:
    """Return the corpus with a share of its training sentences as validation split.

    Args:
        corpus: The corpus.
        share: Share of the training sentences to hold out; None holds out nothing.
        seed: Seed of the random order.

    Raises:
        ValueError: If the share is not above 0 and below 1.
        CorpusError: If the corpus has a validation split, or no training split, or the training split has only one
            document.
    """
    if share is None:
        return corpus
    if not 0 < share < 1:
        raise ValueError(f"validation_share must be above 0 and below 1, got {share}")
    if "validation" in corpus.splits:
        raise CorpusError("validation_share must be null, because the corpus already has a validation split")
    sentences = corpus.splits.get("train", ())
    documents = documents_in_random_order(sentences, seed)
    if len(documents) < 2:
        raise CorpusError(
            "validation_share holds out whole documents, so the train split must have at least two, "
            f"got {len(sentences)} sentences of one document"
        )
    drawn = draw(documents[1:], max(round(share * len(sentences)), 1))  # the first always stays for training
    train, validation = (
        tuple(sentence for position, sentence in enumerate(sentences) if (position in drawn) is is_held_out)
        for is_held_out in (False, True)
    )
    held_out_ids = {sentence.id for sentence in validation}
    notes = tuple(
        replace(note, split="validation") if note.split == "train" and note.sentence_id in held_out_ids else note
        for note in corpus.notes
    )
    splits = {**corpus.splits, "train": train, "validation": validation}
    return replace(corpus, splits={name: splits[name] for name in SPLIT_NAMES if name in splits}, notes=notes)


def documents_in_random_order(sentences: Sequence[Sentence], seed: int) -> list[list[int]]:
    """Return the positions of the sentences of every document; a sentence without a document is one by itself.

    Shares are drawn as whole documents, because corpora are annotated by document, and sentences of one document
    resemble each other.
    """
    documents: dict[Hashable, list[int]] = {}
    for position, sentence in enumerate(sentences):
        documents.setdefault(position if sentence.document_id is None else sentence.document_id, []).append(position)
    order = list(documents.values())
    Random(seed).shuffle(order)
    return order


def draw(documents: Sequence[list[int]], num_sentences: int) -> set[int]:
    """Return the positions of the sentences of the last documents, until there are at least this many sentences."""
    drawn: set[int] = set()
    for document in reversed(documents):
        if len(drawn) >= num_sentences:
            break
        drawn.update(document)
    return drawn
