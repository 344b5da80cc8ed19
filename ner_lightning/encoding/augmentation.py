"""Augmentation: training sentences changed at random, with their entities in the right places."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from random import Random

from ner_lightning.entities import EntitySpan
from ner_lightning.schemes import TagSet
from ner_lightning.sentences import Sentence

Words = tuple[str, ...]
SentenceChange = Callable[[Sentence, Random], Sentence]
CASINGS: tuple[Callable[[str], str], ...] = (str.lower, str.upper, str.capitalize)
KEYBOARD = ("1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm")  # each row stands half a key right of the one above
TOUCHING = ((0, -1), (0, 1), (-1, 0), (-1, 1), (1, -1), (1, 0))  # rows down and keys to the right


def keys_beside() -> dict[str, str]:
    """For every key those that touch it."""
    place_of = {key: (row, column) for row, keys in enumerate(KEYBOARD) for column, key in enumerate(keys)}
    key_at = {place: key for key, place in place_of.items()}
    return {
        key: "".join(key_at.get((row + down, column + right), "") for down, right in TOUCHING)
        for key, (row, column) in place_of.items()
    }


KEYS_BESIDE = keys_beside()


@dataclass(frozen=True)
class Augmentation(ABC):
    """One way to change training sentences; configured without the corpus, and bound to its training split once.

    Args:
        probability: How often a change is made, from 0 to 1.
    """

    probability: float

    def __post_init__(self) -> None:
        if not 0 <= self.probability <= 1:
            raise ValueError(f"the probability of {type(self).__name__} must be from 0 to 1, got {self.probability}")

    @abstractmethod
    def bind(self, training: Sequence[Sentence], tags: TagSet) -> SentenceChange:
        """What changes a sentence with the random numbers that it is given, and depends on nothing else."""


@dataclass(frozen=True)
class MentionReplacement(Augmentation):
    """Entities become other training entities of their type (mention replacement of Dai and Adel 2020).

    Args:
        probability: Share of the entities that are replaced. All distinct surfaces of a type are equally likely; the
            only one of its type stays.
    """

    def bind(self, training: Sequence[Sentence], tags: TagSet) -> SentenceChange:  # noqa: ARG002 (of the base)
        return partial(replace_mentions, mentions=mentions_by_type(training), probability=self.probability)


@dataclass(frozen=True)
class TokenReplacement(Augmentation):
    """Words become training words with the same tag (label-wise token replacement of Dai and Adel 2020).

    Args:
        probability: Share of the words that are replaced, by words as frequent as they are under the tag.
    """

    def bind(self, training: Sequence[Sentence], tags: TagSet) -> SentenceChange:
        return partial(replace_words, tags=tags, words=words_by_tag(training, tags), probability=self.probability)


@dataclass(frozen=True)
class CasingNoise(Augmentation):
    """Whole sentences lose their casing, as in headlines and hasty messages (Mayhew et al. 2019, on mixing them in).

    Args:
        probability: Share of the sentences whose words all become lower case, upper case or capitalised,
            each equally likely.
    """

    def bind(self, training: Sequence[Sentence], tags: TagSet) -> SentenceChange:  # noqa: ARG002 (of the base)
        return partial(change_casing, probability=self.probability)


@dataclass(frozen=True)
class TypingNoise(Augmentation):
    """Words get the slips of a typist (Belinkov and Bisk 2018).

    Args:
        probability: Share of the words in which one character is swapped with the next, dropped, doubled or
            replaced by one beside it on the keyboard.
    """

    def bind(self, training: Sequence[Sentence], tags: TagSet) -> SentenceChange:  # noqa: ARG002 (of the base)
        return partial(mistype_words, probability=self.probability)


def mentions_by_type(sentences: Sequence[Sentence]) -> dict[str, list[Words]]:
    """The distinct words of the entities of each type, in order of appearance."""
    mentions: dict[str, dict[Words, None]] = {}
    for sentence in sentences:
        for entity in sentence.entities:
            mentions.setdefault(entity.entity_type, {})[sentence.words[entity.start : entity.end]] = None
    return {kind: list(surfaces) for kind, surfaces in mentions.items()}


def words_by_tag(sentences: Sequence[Sentence], tags: TagSet) -> dict[int, list[str]]:
    """All words with each tag id, as often as they occur."""
    words: dict[int, list[str]] = {}
    for sentence in sentences:
        for word, tag_id in zip(sentence.words, tags.write(sentence.entities, len(sentence)), strict=True):
            words.setdefault(tag_id, []).append(word)
    return words


def replace_mentions(
    sentence: Sentence, random: Random, *, mentions: Mapping[str, Sequence[Words]], probability: float
) -> Sentence:
    """Replace each entity with the probability; what follows it moves along."""
    words: list[str] = []
    entities: list[EntitySpan] = []
    end = 0
    for entity in sentence.entities:
        words += sentence.words[end : entity.start]
        own, known = sentence.words[entity.start : entity.end], mentions[entity.entity_type]
        mention = own
        if random.random() < probability and len(known) > 1:
            while mention == own:
                mention = random.choice(known)
        entities.append(replace(entity, start=len(words), end=len(words) + len(mention)))
        words += mention
        end = entity.end
    return _changed(sentence, (*words, *sentence.words[end:]), tuple(entities))


def replace_words(
    sentence: Sentence, random: Random, *, tags: TagSet, words: Mapping[int, Sequence[str]], probability: float
) -> Sentence:
    """Replace each word with the probability."""
    tag_ids = tags.write(sentence.entities, len(sentence))
    return _changed(
        sentence,
        tuple(
            random.choice(words[tag_id]) if random.random() < probability else word
            for word, tag_id in zip(sentence.words, tag_ids, strict=True)
        ),
        sentence.entities,
    )


def change_casing(sentence: Sentence, random: Random, *, probability: float) -> Sentence:
    """Give all words one casing, with the probability."""
    if random.random() >= probability:
        return sentence
    return _changed(sentence, tuple(map(random.choice(CASINGS), sentence.words)), sentence.entities)


def mistype_words(sentence: Sentence, random: Random, *, probability: float) -> Sentence:
    """Mistype each word with the probability; an empty word stays."""
    words = (mistyped(word, random) if word and random.random() < probability else word for word in sentence.words)
    return _changed(sentence, tuple(words), sentence.entities)


def mistyped(word: str, random: Random) -> str:
    """A word with one slip at a random character; each that the character allows is equally likely."""
    at = random.randrange(len(word))
    before, character, after = word[:at], word[at], word[at + 1 :]
    slips = [before + 2 * character + after]
    if len(word) > 1:
        slips.append(before + after)
    if after:
        slips.append(before + after[0] + character + after[1:])
    if keys := KEYS_BESIDE.get(character.lower()):
        key = random.choice(keys)
        slips.append(before + (key.upper() if character.isupper() else key) + after)
    return random.choice(slips)


def _changed(sentence: Sentence, words: Words, entities: tuple[EntitySpan, ...]) -> Sentence:
    """The sentence with other words, which no longer stand in its text."""
    if (words, entities) == (sentence.words, sentence.entities):
        return sentence
    return replace(sentence, words=words, entities=entities, text=None, word_offsets=None)
