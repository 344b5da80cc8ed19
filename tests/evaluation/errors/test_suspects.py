import json

from ner_lightning.evaluation.errors.analysis import analyse
from ner_lightning.evaluation.errors.suspects import find_suspects, write_suspects
from support.sentences_with_errors import SENTENCES, TRAINING, sentence


def test_suspects_are_errors_with_a_high_score_in_descending_order():
    """The correct entity with 0.99 is not a suspect. Neither are missed entities, which have no score."""
    suspects = find_suspects(analyse(SENTENCES), min_score=0.6)
    assert [(s.sentence.id, s.pair.kind, s.score) for s in suspects] == [
        ("2", "wrong both", 0.95),
        ("4", "spurious", 0.92),
        ("3", "wrong boundary", 0.7),
        ("2", "wrong type", 0.6),
    ]


def test_predictions_without_scores_have_no_suspects():
    assert find_suspects(analyse([sentence("Bill", [], [(0, 1, "PER")])]), min_score=0.0) == []


def test_a_line_contains_everything_that_a_reviewer_needs(tmp_path):
    path = tmp_path / "suspects.jsonl"
    write_suspects(path, find_suspects(analyse(SENTENCES)), TRAINING)
    first, second = map(json.loads, path.read_text().splitlines())
    assert first == {
        "id": "2",
        "document_id": None,
        "kind": "wrong both",
        "score": 0.95,
        "gold": {"start": 0, "end": 2, "type": "PER", "surface": "Paris Hilton", "in_training": {}},
        "predicted": {"start": 0, "end": 1, "type": "LOC", "surface": "Paris", "in_training": {"LOC": 3, "PER": 1}},
        "words": ["Paris", "Hilton", "saw", "Paris"],
    }
    assert second["gold"] is None
    write_suspects(path, find_suspects(analyse(SENTENCES)), None)
    assert "in_training" not in path.read_text()
