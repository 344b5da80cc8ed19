"""Losses: what a format cannot hold of a corpus, counted by kind."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from ner_lightning.sentences import Sentence
from ner_lightning.word_splitting import WordSplitter

LOST_SPLITTING: Final = (
    "sentences whose text the word splitter will split differently from the words of the corpus; "
    "set word_splitter (BlankSplitter splits at spaces only)"
)
LOST_EMPTY_ENTITY: Final = "entities without a character in the text: left out"
LOST_TEXT: Final = "sentences with a raw text: only the words are written"
LOST_ID: Final = "sentences with a custom id: not written"
LOST_DOCUMENT_ID: Final = "sentences with a document id: not written"
LOST_UNANNOTATED: Final = "words that nobody annotated: written like words outside any entity"
LOST_SCORE: Final = "entities with a score: written without it"
LOST_LINE_BREAK: Final = "texts that contain a line break or a tab: written with a space instead"
LOST_SENTENCE: Final = "sentences without words: left out"


@dataclass(frozen=True, slots=True)
class Losses:
    """Counts what a format cannot hold.

    Args:
        counts: Number of cases by the sentence that describes the loss.
    """

    counts: Counter[str] = field(default_factory=Counter)

    def add(self, loss: str, number: int = 1) -> None:
        """Count cases of a loss; adding no case has no effect."""
        if number:
            self.counts[loss] += number

    def add_resplit(self, sentence: Sentence, splitter: WordSplitter) -> None:
        """Count a sentence whose text a splitter splits into other words."""
        text, offsets = sentence.as_text()
        self.add(LOST_SPLITTING, tuple(splitter.split(text)) != offsets)

    def add_names(self, sentence: Sentence, positional_id: str) -> None:
        """Count the id and the document id of a sentence; the id that a reader would give is not lost."""
        self.add(LOST_ID, sentence.id not in {"", positional_id})
        self.add(LOST_DOCUMENT_ID, sentence.document_id is not None)

    def add_scores(self, sentence: Sentence) -> None:
        """Count the scores of the entities of a sentence."""
        self.add(LOST_SCORE, sum(entity.score is not None for entity in sentence.entities))

    def add_unannotated(self, sentence: Sentence) -> None:
        """Count the words of a sentence that nobody annotated."""
        self.add(LOST_UNANNOTATED, len(sentence.unannotated))

    def described(self) -> list[str]:
        """Return one sentence for each kind of loss."""
        return [f"{number} {loss}" for loss, number in self.counts.items()]
