from ner_lightning.corpora.checks.consistency import ambiguous_surfaces
from ner_lightning.corpora.reader import Corpus
from support.checked_corpora import sentence


def test_ambiguous_surfaces_are_sorted_by_frequency():
    splits = {"train": (sentence("x y x y y z", *((i, i + 1, "ABABCA"[i]) for i in range(6))),)}
    assert list(ambiguous_surfaces(Corpus(splits)).items()) == [("y", {"B": 2, "C": 1})]
    more = (sentence("x", (0, 1, "B")),)
    assert list(ambiguous_surfaces(Corpus({**splits, "test": more}))) == ["x", "y"]
