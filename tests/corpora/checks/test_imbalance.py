import pytest

from ner_lightning.corpora.checks.report import describe_corpus
from ner_lightning.corpora.reader import Corpus
from support.checked_corpora import sentence


def notes_on(**counts: int) -> tuple[str, ...]:
    train = tuple(sentence("Rome", (0, 1, kind)) for kind, count in counts.items() for _ in range(count))
    return describe_corpus(Corpus({"train": train})).notes


def test_rare_types_are_reported_with_the_overlays_that_help():
    (note,) = notes_on(PER=60, LOC=31, ORG=29, MISC=11)
    assert note.startswith("train: rare entity types: 2 (MISC 11, ORG 29), compared with PER 60; if they matter, add ")
    assert "configs/loss/weighted.yaml" in note
    assert "configs/sampling/repeat_factors.yaml" in note


@pytest.mark.parametrize("counts", [{"PER": 60, "LOC": 30}, {"PER": 60}, {}])
def test_balanced_types_are_not_reported(counts: dict[str, int]):
    assert notes_on(**counts) == ()
