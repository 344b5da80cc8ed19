"""Sentences and entities of unusual length, each with an example."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ner_lightning.corpora.checks.places import place_of, shortened
from ner_lightning.corpora.reader import Corpus

MAX_WORDS: Final = 2000  # of a sentence; more usually means that nothing in the file ends sentences


def find_long_sentences(corpus: Corpus) -> Iterator[str]:
    """Yield a warning for each split with very long sentences, with what they cost and the way out."""
    for name, sentences in corpus.splits.items():
        long = [(len(it), number) for number, it in enumerate(sentences) if len(it) > MAX_WORDS]
        if long:
            most, number = max(long, key=lambda pair: pair[0])
            place = place_of(name, number, sentences[number])
            yield (
                f"{name}: sentences of more than {MAX_WORDS:,} words: {len(long)}, such as {place} with {most:,}; "
                f"windows cut each of them, so it costs about as much as {most // 20:,} sentences of 20 words, and "
                f"words of different windows do not see each other; if this is not intended, separate its sentences"
            )


def find_long_entities(corpus: Corpus) -> Iterator[str]:
    """Yield a note for each split with entities of more words than any in train."""
    longest = max((len(e) for sentence in corpus.splits.get("train", ()) for e in sentence.entities), default=0)
    for name, sentences in corpus.splits.items():
        longer = [
            (len(e), number, it.surface(e))
            for number, it in enumerate(sentences)
            for e in it.entities
            if len(e) > longest > 0
        ]
        if longer:
            most, number, surface = max(longer, key=lambda item: item[0])
            yield (
                f"{name}: entities with more words than any in train ({longest}): {len(longer)}, such as "
                f"{shortened(surface)!r} with {most} words ({place_of(name, number, sentences[number])})"
            )
