"""Warnings about raw text: entities that prediction on raw text cannot find as the corpus gives them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ner_lightning.corpora.raw_text import Skew, measure_skew
from ner_lightning.corpora.reader import Corpus, SplitName
from ner_lightning.word_splitting import (
    BlankSplitter,
    CharacterSplitter,
    PunctuationSplitter,
    UnicodeSplitter,
    WordSplitter,
)

MAX_MOVED_SHARE: Final = 0.01
MAX_RESPLIT_SHARE: Final = 0.05
SPLITTERS: Final = (PunctuationSplitter(), CharacterSplitter(), UnicodeSplitter(), BlankSplitter())
SETTING: Final = "data.raw_text.word_splitter.class_path"


def skew_by_split(corpus: Corpus, splitter: WordSplitter) -> dict[SplitName, Skew]:
    """Return how the word splitter of the model splits the raw text of each split."""
    return {name: measure_skew(sentences, splitter) for name, sentences in corpus.splits.items()}


def warn_about_skew(corpus: Corpus, splitter: WordSplitter, skews: dict[SplitName, Skew]) -> Iterator[str]:
    """Yield a warning for each split of which raw text is split differently, with the setting that helps."""
    for name, skew in skews.items():
        total = max(skew.num_entities, 1)
        if skew.moved <= MAX_MOVED_SHARE * total and skew.resplit <= MAX_RESPLIT_SHARE * total:
            continue
        others = [(measure_skew(corpus.splits[name], other, 0), other) for other in SPLITTERS if other != splitter]
        best, other = min(others, key=lambda pair: pair[0].moved + pair[0].resplit)
        warning = (
            f"{name}: {splitter.name} splits raw text differently from the words of the corpus: {skew.moved} of "
            f"{skew.num_entities} entities ({skew.share:.1%}) get other boundaries, and {skew.resplit - skew.moved} "
            f"more get other words"
        )
        if skew.examples:
            warning += f", such as {skew.examples[0]}"
        if best.moved + best.resplit < skew.moved + skew.resplit:
            warning += f"; with {SETTING} {other.name}, it would be {best.moved} and {best.resplit - best.moved}"
        yield warning
