"""A few sentences with an error of every kind, counted by hand in the tests."""

from ner_lightning.entities import EntitySpan
from ner_lightning.predictions import PredictedSentence


def sentence(words: str, gold: list[tuple], predicted: list[tuple], sentence_id: str = "s") -> PredictedSentence:
    split = tuple(words.split())
    spans = (tuple(EntitySpan(*entity) for entity in side) for side in (gold, predicted))
    return PredictedSentence(sentence_id, None, split, *spans, None)


SENTENCES = [
    sentence("Bill Gates left Seattle", [(0, 2, "PER"), (3, 4, "LOC")], [(0, 2, "PER", 0.99), (3, 4, "LOC", 0.9)], "1"),
    sentence("Paris Hilton saw Paris", [(0, 2, "PER"), (3, 4, "LOC")], [(0, 1, "LOC", 0.95), (3, 4, "PER", 0.6)], "2"),
    sentence("The New York Times said", [(1, 4, "ORG")], [(0, 4, "ORG", 0.7)], "3"),
    sentence("In March May spoke", [(2, 3, "PER")], [(1, 2, "PER", 0.92)], "4"),
    sentence("Paris said so", [(0, 1, "LOC")], [(0, 1, "PER", 0.3)], "5"),
    sentence("Nothing here", [], [], "6"),
]
TRAINING = {"Paris": {"LOC": 3, "PER": 1}, "Seattle": {"ORG": 1}, "Bill Gates": {"PER": 7}}
