"""A share of the training split, for learning curves."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from random import Random

from ner_lightning.corpora.reader import Corpus


def keep_training_share(corpus: Corpus, share: float | None, seed: int) -> Corpus:
    """Return the corpus with a share of its training sentences, in their order; other splits stay complete.

    Whole documents are drawn in random order until there are enough sentences, because corpora are annotated by
    document; a sentence without a document is drawn by itself. With the same seed, a larger share contains all
    smaller ones. Notes about sentences that are not drawn are dropped.

    Args:
        corpus: The corpus.
        share: Share of the training sentences; None keeps all.
        seed: Seed of the random order.

    Raises:
        ValueError: If the share is not above 0 and up to 1.
    """
    if share is None:
        return corpus
    if not 0 < share <= 1:
        raise ValueError(f"train_share must be above 0 and at most 1, got {share}")
    sentences = corpus.splits["train"]
    documents: dict[Hashable, list[int]] = {}
    for position, sentence in enumerate(sentences):
        documents.setdefault(position if sentence.document_id is None else sentence.document_id, []).append(position)
    drawn = list(documents.values())
    Random(seed).shuffle(drawn)
    kept: list[int] = []
    while drawn and len(kept) < max(round(share * len(sentences)), 1):
        kept += drawn.pop()
    train = tuple(sentences[position] for position in sorted(kept))
    kept_ids = {sentence.id for sentence in train}
    notes = tuple(
        note for note in corpus.notes if note.split != "train" or not note.sentence_id or note.sentence_id in kept_ids
    )
    return replace(corpus, splits={**corpus.splits, "train": train}, notes=notes)
