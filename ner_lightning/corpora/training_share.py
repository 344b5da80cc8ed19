"""A share of the training split: what annotators would have delivered by then."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from random import Random

from ner_lightning.corpora.reader import Corpus


def keep_training_share(corpus: Corpus, share: float | None, seed: int) -> Corpus:
    """The corpus with a share of its training sentences, in their order; other splits stay whole.

    Documents are taken whole, as they are annotated, in an order that the seed draws, until there are enough
    sentences; a sentence of no document is taken by itself. So a share holds all smaller ones of its seed.

    Args:
        corpus: The corpus.
        share: Share of the training sentences; None keeps all.
        seed: Seed of the choice.

    Raises:
        ValueError: If it is no share.
    """
    if share is None:
        return corpus
    if not 0 < share <= 1:
        raise ValueError(f"train_share must be a share of the training sentences, above 0 and up to 1, got {share}")
    sentences = corpus.splits["train"]
    documents: dict[Hashable, list[int]] = {}
    for position, sentence in enumerate(sentences):
        documents.setdefault(position if sentence.document_id is None else sentence.document_id, []).append(position)
    drawn = list(documents.values())
    Random(seed).shuffle(drawn)
    kept: list[int] = []
    while drawn and len(kept) < max(round(share * len(sentences)), 1):
        kept += drawn.pop()
    return replace(corpus, splits={**corpus.splits, "train": tuple(sentences[position] for position in sorted(kept))})
