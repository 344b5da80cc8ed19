import pytest

from ner_lightning.corpora.checks.casing import entities_are_cased
from ner_lightning.corpora.reader import Corpus
from ner_lightning.sentences import Sentence
from support.checked_corpora import sentence


@pytest.mark.parametrize(
    ("sentences", "cased"),
    [
        ([sentence("we saw New York today", (2, 4, "LOC"))], True),
        ([sentence("we saw new york today", (2, 4, "LOC"))], False),
        ([sentence("WE SAW NEW YORK TODAY", (2, 4, "LOC"))], False),
        ([sentence("Rome fell", (0, 1, "LOC"))], False),  # a capital at the beginning of a sentence is no evidence
        ([sentence("we saw New york today", (2, 4, "LOC"))], True),  # one of two
        ([sentence("we saw New york city today", (2, 5, "LOC"))], False),  # one of three
        ([sentence("und Haus und Rom steht", (3, 4, "LOC"))], True),  # one of three other words, as in German
        ([sentence("der Mann Haus Hund Rom", (4, 5, "LOC"))], False),  # all other words
        ([sentence("他 去 北京 了", (2, 3, "LOC"))], False),  # letters without case
        ([sentence("a 1 .", (1, 2, "NUM"))], False),
        ([sentence("no entity At All")], False),
    ],
)
def test_entities_count_as_cased_only_if_case_is_evidence(sentences: list[Sentence], cased: bool):
    assert entities_are_cased(Corpus({"train": tuple(sentences)})) is cased
