"""Tests of the sentences on which arms disagree."""

import json

import pytest

from ner_lightning.entities import EntitySpan
from ner_lightning.evaluation.comparison.disagreements import Disagreement, find_disagreements
from ner_lightning.predictions import PredictedSentence
from support.written_runs import BONN, FIRM, GOLD, tagged


def test_arms_disagree_if_most_of_their_runs_do() -> None:
    def runs(*found: list[EntitySpan]) -> list[list[PredictedSentence]]:
        return [[tagged(0, GOLD, []), tagged(1, GOLD, entities)] for entities in found]

    first = runs([BONN], [BONN, FIRM], [BONN])
    assert find_disagreements({"a": first, "b": runs([BONN])}) == []
    (disagreement,) = find_disagreements({"a": first, "b": runs([FIRM], [FIRM], [])})
    assert disagreement.sentence.id == "test-1"
    assert disagreement.found == {"a": (BONN,), "b": (FIRM,)}
    assert [entity.score for entities in disagreement.found.values() for entity in entities] == [1.0, 2 / 3]
    assert disagreement.gap == pytest.approx(1 + 1 / 3)


def test_disagreements_are_written_as_json_and_read_again() -> None:
    (found,) = find_disagreements({"a": [[tagged(0, GOLD, [BONN])]], "b": [[tagged(0, GOLD, [])]]})
    plain = json.loads(json.dumps(found.to_plain()))
    again = Disagreement.from_plain(plain)
    assert (again.sentence.words, again.sentence.gold, again.gap) == (
        found.sentence.words,
        found.sentence.gold,
        found.gap,
    )
    assert again.found == found.found
    assert [entity.score for entity in again.found["a"]] == [1.0]
    assert plain == {
        "id": "test-0",
        "document_id": None,
        "words": ["Bonn", *(f"word{number}" for number in range(1, 8))],
        "gold": [[0, 1, "LOC"], [2, 4, "ORG"], [5, 8, "PER"]],
        "found": {"a": [[0, 1, "LOC", 1.0]], "b": []},
        "gap": 1.0,
    }
