"""The raw text that a corpus stands for, and how word splitters split it compared to the words of the corpus."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from ner_lightning.corpora.reader import Corpus
from ner_lightning.sentence_splitting import LanguageSentences, SentenceSplitter, WholeTexts
from ner_lightning.sentences import Sentence
from ner_lightning.word_splitting import (
    HANGUL_SYLLABLE,
    UNSPACED_LETTER,
    CharacterSplitter,
    PunctuationSplitter,
    WordSplitter,
)

MAX_SENTENCES: Final = 2_000  # enough to choose a splitter
MAX_SENTENCES_PER_UNIT: Final = 2.0  # corpora whose units hold more on average consist of paragraphs or documents


@dataclass(frozen=True, slots=True)
class Skew:
    """Counts of entities that raw text splits differently from the words that a corpus gives.

    Args:
        num_entities: Number of entities.
        moved: Entities with a start or an end that is not the border of a word in the raw text.
        resplit: Entities whose words differ in the raw text, including all of ``moved``.
        examples: A few moved entities, each with the words that the raw text has in its place.
    """

    num_entities: int
    moved: int
    resplit: int
    examples: tuple[str, ...] = ()

    @property
    def share(self) -> float:
        """The share of entities that prediction on raw text cannot find with their exact boundaries."""
        return self.moved / max(self.num_entities, 1)


def as_raw_text(sentence: Sentence) -> tuple[str, tuple[tuple[int, int], ...]]:
    """Return the text of a sentence and the offsets of its words; words without a text are joined as in their script.

    >>> as_raw_text(Sentence(("王", "伟", "in", "New", "York")))
    ('王伟in New York', ((0, 1), (1, 2), (2, 4), (5, 8), (9, 13)))
    """
    if sentence.text is not None:
        return sentence.as_text()
    parts: list[str] = []
    offsets, end, left = [], 0, ""
    for word in sentence.words:
        if parts and _has_space_between(left, word):
            parts.append(" ")
            end += 1
        offsets.append((end, end + len(word)))
        parts.append(word)
        end, left = end + len(word), word
    return "".join(parts), tuple(offsets)


def measure_skew(sentences: Iterable[Sentence], splitter: WordSplitter, max_examples: int = 3) -> Skew:
    """Compare the words of all entities with those that a word splitter finds in the raw text."""
    num_entities = moved = resplit = 0
    examples: list[str] = []
    for sentence in sentences:
        if not sentence.entities:
            continue
        text, offsets = as_raw_text(sentence)
        words = splitter.split(text)
        starts, ends = {start: i for i, (start, _) in enumerate(words)}, {end: i for i, (_, end) in enumerate(words)}
        for entity in sentence.entities:
            num_entities += 1
            start, end = offsets[entity.start][0], offsets[entity.end - 1][1]
            if start not in starts or end not in ends:
                moved += 1
                if len(examples) < max_examples:
                    found = [text[left:right] for left, right in words if left < end and right > start]
                    examples.append(f"{text[start:end]!r} in {' '.join(found)!r}")
            elif list(offsets[entity.start : entity.end]) != words[starts[start] : ends[end] + 1]:
                resplit += 1
    return Skew(num_entities, moved, moved + resplit, tuple(examples))


def fitting_word_splitter(corpus: Corpus) -> WordSplitter:
    """Return the word splitter that split the texts of a corpus, or for words the one that comes closest to them.

    For words, that is :class:`CharacterSplitter` if the training entities show it, as in corpora of single Chinese
    characters, and otherwise :class:`PunctuationSplitter`.
    """
    if corpus.word_splitter is not None:
        return corpus.word_splitter
    annotated = list(islice((s for s in corpus.splits.get("train", ()) if s.entities), MAX_SENTENCES))
    candidates = (PunctuationSplitter(), CharacterSplitter())  # of equally good ones, min takes the first
    skews = ((measure_skew(annotated, splitter), splitter) for splitter in candidates)
    return min(skews, key=lambda pair: pair[0].moved + pair[0].resplit)[1]


def fitting_sentence_splitter(sentences: Sequence[Sentence]) -> SentenceSplitter:
    """Return the sentence splitter for raw text: none if the training sentences are paragraphs or documents."""
    splitter = LanguageSentences()
    units = [text for sentence in sentences[:MAX_SENTENCES] if (text := as_raw_text(sentence)[0])]
    num_sentences = sum(len(splitter.starts(text)) for text in units)
    return WholeTexts() if num_sentences > MAX_SENTENCES_PER_UNIT * len(units) else splitter


def _has_space_between(left: str, right: str) -> bool:
    """Return True if two neighboring words are separated by a space in running text."""
    if UNSPACED_LETTER.match(left) or UNSPACED_LETTER.match(right):
        return False
    return not (len(left) == len(right) == 1 and HANGUL_SYLLABLE.match(left) and HANGUL_SYLLABLE.match(right))
