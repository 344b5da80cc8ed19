"""Sentences of a validation or test split that are almost the same as a training sentence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from ner_lightning.sentences import Sentence

if TYPE_CHECKING:
    from rensa import RMinHash

MIN_SIMILARITY: Final = 0.8  # the Jaccard similarity of both sets of pieces
PIECE: Final = 5  # characters
MIN_WORDS: Final = 5  # shorter sentences resemble each other by chance
NUM_HASHES: Final = 128
NUM_BANDS: Final = 16  # a pair with a similarity of 0.8 is compared with a probability of 95 %
NOT_SEARCHED: Final = (
    "sentences that are almost the same in two splits are not searched, since rensa is not installed; install it with "
    'pip install "ner-lightning[duplicates]"'
)


@dataclass(frozen=True, slots=True)
class NearDuplicate:
    """A pair of similar sentences with different words, as their numbers in the split and in the training split."""

    number: int
    train_number: int


def can_search() -> bool:
    """Return whether the library that hashes sentences is installed."""
    return find_spec("rensa") is not None


def near_duplicates(train: Sequence[Sentence], *splits: Sequence[Sentence]) -> Iterator[list[NearDuplicate]]:
    """Yield the near-duplicates of each split, with the first training sentence that each resembles.

    MinHash proposes pairs, and the similarity of each pair is then computed exactly. Case is ignored.
    """
    from rensa import RMinHashLSH

    index = RMinHashLSH(threshold=MIN_SIMILARITY, num_perm=NUM_HASHES, num_bands=NUM_BANDS)
    for number, sentence in enumerate(train):
        if len(sentence) >= MIN_WORDS:
            index.insert(number, _hash(_pieces(sentence)))
    for sentences in splits:
        found = []
        for number, sentence in enumerate(sentences):
            if len(sentence) >= MIN_WORDS:
                pieces = _pieces(sentence)
                candidates = (train_number for train_number in sorted(index.query(_hash(pieces))))
                similar = (it for it in candidates if _are_similar(pieces, _pieces(train[it])))
                first = next(similar, None)
                if first is not None and train[first].words != sentence.words:
                    found.append(NearDuplicate(number, first))
        yield found


def _pieces(sentence: Sentence) -> set[str]:
    text = " ".join(sentence.words).casefold()
    return {text[start : start + PIECE] for start in range(max(len(text) - PIECE + 1, 1))}


def _hash(pieces: set[str]) -> RMinHash:
    from rensa import RMinHash

    result = RMinHash(num_perm=NUM_HASHES, seed=0)
    result.update(sorted(pieces))
    return result


def _are_similar(left: set[str], right: set[str]) -> bool:
    return len(left & right) >= MIN_SIMILARITY * len(left | right)
