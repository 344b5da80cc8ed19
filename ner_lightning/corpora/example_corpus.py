"""A generated corpus that needs no files: sentences from handwritten patterns, filled with invented names."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from ner_lightning.corpora import example_patterns as data
from ner_lightning.corpora.reader import Corpus, CorpusError, CorpusReader, SplitName
from ner_lightning.entities import EntitySpan
from ner_lightning.sentences import Sentence

SLOT: Final = re.compile(r"\{([a-z]+)\}")
NAME_SLOT: Final = re.compile(r"\{([A-Z]+)([.a-z]*):?(\d?)\}")  # entity type, kind of name, number of words
SHARE_WITHOUT_NAMES: Final = 0.15
SHARE_OF_REAL_NAMES: Final = 0.1
SHARE_OF_NEUTRAL_NAMES: Final = 0.15
SENTENCES_PER_DOCUMENT: Final = 6
VOWELS: Final = "aeiou"
NUM_INVENTED_NAMES: Final[dict[SplitName, int]] = {"train": 800, "validation": 150, "test": 150}  # per slot

# Words that occur in names of all splits; every other word of a name occurs in only one split.
COMMON_NAME_WORDS: Final = frozenset(
    word for shapes in data.NAME_SHAPES.values() for word in " ".join(shapes).split() if not SLOT.search(word)
).union(*data.FIXED_NAME_WORDS.values())


@dataclass(frozen=True, slots=True)
class NameWords:
    """The parts from which the names of one split are built, by slot."""

    invented: Mapping[str, tuple[str, ...]]
    given: tuple[str, ...]
    ambiguous: tuple[str, ...]

    def draw(self, slot: str, random: Random) -> str:
        if slot in data.FIXED_NAME_WORDS:
            return random.choice(data.FIXED_NAME_WORDS[slot])
        if slot in ("acronym", "adjective"):
            return random.choice(self.invented[slot])
        chance = random.random()
        if chance < SHARE_OF_REAL_NAMES:
            return random.choice(self.given if slot == "given" else self.ambiguous)
        if chance < SHARE_OF_REAL_NAMES + SHARE_OF_NEUTRAL_NAMES:
            slot = "any"
        return random.choice(self.invented[slot])


class ExampleCorpus(CorpusReader):
    """A generated corpus for demos and tests, with persons, organizations, places and miscellaneous names.

    No name of validation or test occurs in training, and neither do half of their sentence patterns, so a
    good score means that names are recognized by context and form. A few names (Washington, Lincoln) can be
    persons, places or organizations, depending on the context.

    Args:
        num_train: Number of training sentences.
        num_validation: Number of validation sentences.
        num_test: Number of test sentences.
        seed: Seed of names and sentences; the same seed gives the same corpus on every machine.
    """

    def __init__(self, num_train: int = 2400, num_validation: int = 400, num_test: int = 400, seed: int = 0) -> None:
        self.num_sentences: dict[SplitName, int] = {
            "train": num_train,
            "validation": num_validation,
            "test": num_test,
        }
        self.seed = seed
        for split, number in self.num_sentences.items():
            if number < 1:
                raise CorpusError(f"the {split} split must contain at least one sentence, got {number}")

    def read(self) -> Corpus:
        names = _name_words_by_split(Random(self.seed))
        return Corpus({split: self._sentences(split, names[split]) for split in self.num_sentences})

    def _sentences(self, split: SplitName, names: NameWords) -> tuple[Sentence, ...]:
        random = Random(f"{self.seed} {split}")  # so that a split does not depend on the size of another
        with_names, without_names = patterns_of(split)
        sentences = []
        for number in range(self.num_sentences[split]):
            patterns = without_names if random.random() < SHARE_WITHOUT_NAMES else with_names
            words, entities = _fill(random.choice(patterns), names, random)
            document, position = divmod(number, SENTENCES_PER_DOCUMENT)
            document_id = f"{split}-{document}"
            sentences.append(Sentence(words, entities, f"{document_id}-{position}", document_id))
        return tuple(sentences)


def patterns_of(split: SplitName) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the patterns of a split with names, and those without."""
    if split == "train":
        own, own_without_names = data.TRAIN_PATTERNS, data.TRAIN_PATTERNS_WITHOUT_NAMES
    else:
        own, own_without_names = data.HELD_OUT_PATTERNS, data.HELD_OUT_PATTERNS_WITHOUT_NAMES
    return data.SHARED_PATTERNS + own, data.SHARED_PATTERNS_WITHOUT_NAMES + own_without_names


def _fill(pattern: str, names: NameWords, random: Random) -> tuple[tuple[str, ...], tuple[EntitySpan, ...]]:
    words: list[str] = []
    entities = []
    for part in pattern.split():
        start = len(words)
        if slot := NAME_SLOT.fullmatch(part):
            entity_type, kind, length = slot.groups()
            shape = _draw_shape(entity_type + kind, length, random)
            words += SLOT.sub(lambda match: names.draw(match[1], random), shape).split()
            entities.append(EntitySpan(start, len(words), entity_type))
        else:
            words += SLOT.sub(lambda match: random.choice(data.FILLERS[match[1]]), part).split()
    words[0] = words[0][0].upper() + words[0][1:]
    return tuple(words), tuple(entities)


def _draw_shape(kind: str, length: str, random: Random) -> str:
    shapes = data.NAME_SHAPES[kind]
    fitting = [shape for shape in shapes if not length or len(shape.split()) == int(length)]
    return random.choices(fitting, [shapes[shape] for shape in fitting])[0]


def _name_words_by_split(random: Random) -> dict[SplitName, NameWords]:
    real_names: dict[SplitName, tuple[tuple[str, ...], tuple[str, ...]]] = {
        "train": (data.TRAIN_GIVEN_NAMES, data.TRAIN_AMBIGUOUS_NAMES),
        "validation": (data.VALIDATION_GIVEN_NAMES, data.VALIDATION_AMBIGUOUS_NAMES),
        "test": (data.TEST_GIVEN_NAMES, data.TEST_AMBIGUOUS_NAMES),
    }
    taken = _known_words()
    words_by_split: dict[SplitName, NameWords] = {}
    for split, (given, ambiguous) in real_names.items():
        number = NUM_INVENTED_NAMES[split]
        invented = {slot: _invent(number, endings, taken, random) for slot, endings in data.NAME_ENDINGS.items()}
        invented["acronym"] = _invent_acronyms(number, taken, random)
        words_by_split[split] = NameWords(invented, given, ambiguous)
    return words_by_split


def _known_words() -> set[str]:
    """Return all words of patterns and lists in lower case, none of which may become an invented name."""
    texts = (value for name, value in vars(data).items() if name.isupper())
    return {word.lower() for text in texts for word in re.findall(r"\w+", str(text))}


def _invent(number: int, endings: Sequence[str], taken: set[str], random: Random) -> tuple[str, ...]:
    invented: list[str] = []
    while len(invented) < number:
        syllables = random.choices(data.SYLLABLES, k=random.choice((1, 2, 2)))
        stem, ending = "".join(syllables), random.choice(endings)
        word = (stem.rstrip(VOWELS) if ending[0] in VOWELS else stem) + ending
        if word not in taken:
            taken.add(word)
            invented.append(word.capitalize())
    return tuple(invented)


def _invent_acronyms(number: int, taken: set[str], random: Random) -> tuple[str, ...]:
    invented: list[str] = []
    while len(invented) < number:
        acronym = "".join(random.choices(data.ACRONYM_LETTERS, k=random.choice((3, 4))))
        if acronym.lower() not in taken:
            taken.add(acronym.lower())
            invented.append(acronym)
    return tuple(invented)
