"""Names of places in a corpus, by which people find a sentence again."""

from __future__ import annotations

from textwrap import shorten

from ner_lightning.sentences import Sentence


def place_of(split: str, number: int, sentence: Sentence) -> str:
    """Return the id of a sentence with its split, or the number of a sentence without an id.

    >>> place_of("train", 3, Sentence(("a",), id="train-3")), place_of("train", 3, Sentence(("a",), id="x"))
    ('train-3', 'train x')
    """
    return sentence.id if sentence.id.startswith(split) else f"{split} {sentence.id or number}"


def shortened(text: str) -> str:
    """Return the beginning of a text, which is long enough to recognize it."""
    return shorten(text, 60, placeholder=" …")
