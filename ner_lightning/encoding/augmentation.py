"""Augmentation: random changes of training sentences that keep their entities in the right places."""

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
KEYBOARD = ("1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm")  # each row is shifted right by half a key
TOUCHING = ((0, -1), (0, 1), (-1, 0), (-1, 1), (1, -1), (1, 0))  # rows down, keys right


def neighboring_keys() -> dict[str, str]:
    """Return the neighbors of every key."""
    place_of = {key: (row, column) for row, keys in enumerate(KEYBOARD) for column, key in enumerate(keys)}
    key_at = {place: key for key, place in place_of.items()}
    return {
        key: "".join(key_at.get((row + down, column + right), "") for down, right in TOUCHING)
        for key, (row, column) in place_of.items()
    }


NEIGHBORING_KEYS = neighboring_keys()


@dataclass(frozen=True)
class Augmentation(ABC):
    """A way to change training sentences, configured without a corpus and bound to its training split later.

    Sentences with words that nobody annotated are not changed.

    Args:
        probability: Probability of a change, from 0 to 1.
    """

    probability: float

    def __post_init__(self) -> None:
        if not 0 <= self.probability <= 1:
            raise ValueError(f"the probability of {type(self).__name__} must be from 0 to 1, got {self.probability}")

    @abstractmethod
    def bind(self, training: Sequence[Sentence], tags: TagSet) -> SentenceChange:
        """Return a function that changes a sentence, using only the random numbers it is given."""


@dataclass(frozen=True)
class MentionReplacement(Augmentation):
    """Replaces entities by other training entities of their type (mention replacement of Dai and Adel 2020).

    Args:
        probability: Share of the entities that are replaced. All other surface forms of the type are equally likely;
            an entity stays if its type has only one surface form.
    """

    def bind(self, training: Sequence[Sentence], tags: TagSet) -> SentenceChange:  # noqa: ARG002 (of the base)
        return partial(replace_mentions, mentions=mentions_by_type(training), probability=self.probability)


@dataclass(frozen=True)
class TokenReplacement(Augmentation):
    """Replaces words by training words with the same tag (label-wise token replacement of Dai and Adel 2020).

    Args:
        probability: Share of the words that are replaced. Replacements are drawn by their frequency with that tag.
    """

    def bind(self, training: Sequence[Sentence], tags: TagSet) -> SentenceChange:
        return partial(replace_words, tags=tags, words=words_by_tag(training, tags), probability=self.probability)


@dataclass(frozen=True)
class CasingNoise(Augmentation):
    """Changes the casing of whole sentences, as in headlines and hasty messages (Mayhew et al. 2019).

    Args:
        probability: Share of the sentences whose words all become lower case, upper case or capitalized, with equal
            probability.
    """

    def bind(self, training: Sequence[Sentence], tags: TagSet) -> SentenceChange:  # noqa: ARG002 (of the base)
        return partial(change_casing, probability=self.probability)


@dataclass(frozen=True)
class TypingNoise(Augmentation):
    """Adds typing errors to words (Belinkov and Bisk 2018).

    Args:
        probability: Share of the words in which one character is swapped with the next one, dropped, doubled, or
            replaced by a neighbor on the keyboard.
    """

    def bind(self, training: Sequence[Sentence], tags: TagSet) -> SentenceChange:  # noqa: ARG002 (of the base)
        return partial(mistype_words, probability=self.probability)


def mentions_by_type(sentences: Sequence[Sentence]) -> dict[str, list[Words]]:
    """Return the distinct surface forms of each entity type, in order of appearance."""
    mentions: dict[str, dict[Words, None]] = {}
    for sentence in sentences:
        for entity in sentence.entities:
            mentions.setdefault(entity.entity_type, {})[sentence.words[entity.start : entity.end]] = None
    return {kind: list(surfaces) for kind, surfaces in mentions.items()}


def words_by_tag(sentences: Sequence[Sentence], tags: TagSet) -> dict[int, list[str]]:
    """Return all words with each tag id, repeated as often as they occur, of completely annotated sentences."""
    words: dict[int, list[str]] = {}
    for sentence in sentences:
        if sentence.unannotated:
            continue
        for word, tag_id in zip(sentence.words, tags.write(sentence.entities, len(sentence)), strict=True):
            words.setdefault(tag_id, []).append(word)
    return words


def replace_mentions(
    sentence: Sentence, random: Random, *, mentions: Mapping[str, Sequence[Words]], probability: float
) -> Sentence:
    """Replace each entity with this probability, and shift everything after it."""
    words: list[str] = []
    entities: list[EntitySpan] = []
    end = 0
    for entity in sentence.entities:
        words += sentence.words[end : entity.start]
        original, known = sentence.words[entity.start : entity.end], mentions[entity.entity_type]
        mention = original
        if random.random() < probability and len(known) > 1:
            while mention == original:
                mention = random.choice(known)
        entities.append(replace(entity, start=len(words), end=len(words) + len(mention)))
        words += mention
        end = entity.end
    return _changed(sentence, (*words, *sentence.words[end:]), tuple(entities))


def replace_words(
    sentence: Sentence, random: Random, *, tags: TagSet, words: Mapping[int, Sequence[str]], probability: float
) -> Sentence:
    """Replace each word with this probability."""
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
    """Give all words the same casing, with this probability."""
    if random.random() >= probability:
        return sentence
    return _changed(sentence, tuple(map(random.choice(CASINGS), sentence.words)), sentence.entities)


def mistype_words(sentence: Sentence, random: Random, *, probability: float) -> Sentence:
    """Add a typing error to each word with this probability; empty words are left unchanged."""
    words = (mistyped(word, random) if word and random.random() < probability else word for word in sentence.words)
    return _changed(sentence, tuple(words), sentence.entities)


def mistyped(word: str, random: Random) -> str:
    """Return a word with one typing error at a random character; all errors possible there are equally likely."""
    at = random.randrange(len(word))
    before, character, after = word[:at], word[at], word[at + 1 :]
    errors = [before + 2 * character + after]
    if len(word) > 1:
        errors.append(before + after)
    if after:
        errors.append(before + after[0] + character + after[1:])
    if keys := NEIGHBORING_KEYS.get(character.lower()):
        key = random.choice(keys)
        errors.append(before + (key.upper() if character.isupper() else key) + after)
    return random.choice(errors)


def _changed(sentence: Sentence, words: Words, entities: tuple[EntitySpan, ...]) -> Sentence:
    """Return the sentence with other words, and therefore without text and offsets."""
    if (words, entities) == (sentence.words, sentence.entities):
        return sentence
    return replace(sentence, words=words, entities=entities, text=None, word_offsets=None)
