"""The rule that decides whether capital letters help to recognize the entities of a corpus."""

from __future__ import annotations

from collections import Counter
from typing import Final

from ner_lightning.corpora.reader import Corpus

MIN_CAPITALIZED_SHARE: Final = 0.5


def entities_are_cased(corpus: Corpus) -> bool:
    """Return True if capital letters distinguish entities from other words, so that an uncased encoder loses evidence.

    Only words that begin with a cased letter count, and the first word of each sentence does not. At least half of
    the entity words must begin with a capital, and the share of the other words must be at most half as large.
    """
    counts = Counter(
        (position in entity_positions, word[0].isupper())
        for sentence in (s for sentences in corpus.splits.values() for s in sentences)
        for entity_positions in ({p for e in sentence.entities for p in range(e.start, e.end)},)
        for position, word in enumerate(sentence.words)
        if position and word and word[0].lower() != word[0].upper()
    )
    in_entities, elsewhere = (
        counts[inside, True] / max(counts[inside, True] + counts[inside, False], 1) for inside in (True, False)
    )
    return in_entities >= MIN_CAPITALIZED_SHARE and elsewhere <= in_entities / 2
