"""Small corpora for the tests of the corpus report."""

from collections.abc import Sequence

from ner_lightning.corpora.reader import Corpus, ReadingNote
from ner_lightning.entities import EntitySpan
from ner_lightning.sentences import Sentence


def sentence(text: str, *entities: tuple[int, int, str], **fields: str) -> Sentence:
    return Sentence(tuple(text.split(" ")), tuple(EntitySpan(*entity) for entity in entities), **fields)


def checked_corpus() -> Corpus:
    train = (
        sentence("Ada Lovelace saw Paris", (0, 2, "PER"), (3, 4, "LOC"), id="a", document_id="d1"),
        sentence("it rained", id="b", document_id="d1"),
        sentence("it rained", id="c", document_id="d2"),
        sentence("Washington said so", (0, 1, "PER"), id="d"),
    )
    validation = (
        sentence("it rained", (0, 1, "ORG"), id="a"),
        sentence("in Paris and Washington", (1, 2, "LOC"), (3, 4, "LOC"), id="b"),
        sentence("he saw Oslo", (2, 3, "LOC"), id="e"),
    )
    notes = (
        ReadingNote("train", "ill_formed_tag", "I-PER at first", "train.conll", 7),
        ReadingNote("train", "ill_formed_tag", "I-LOC at first", "train.conll", 9),
        ReadingNote("validation", "type_dropped", "3 entities of type MISC dropped"),
        ReadingNote("validation", "span_cuts_word", "Os in Oslo", "v.jsonl", 2),
    )
    return Corpus({"train": train, "validation": validation}, notes, {"train": "BIO: seen"})


def letters(words: Sequence[str]) -> list[int]:
    return [sum(character.isalnum() for character in word) for word in words]


def sound_split(name: str) -> tuple[Sentence, ...]:
    return tuple(sentence(f"{name} {i} Rome", (2, 3, "LOC"), id=f"{name}-{i}") for i in range(10))
