"""Texts for predictions, and checks of the rows of an output."""

import json

TEXTS = [
    "Bill Gates was the CEO of Microsoft in Seattle, Washington.",
    "",
    "  The rain \u2028 in Seattle\u00a0 ",
    "naïve 東京 🙂",
    "Bill " * 90,
    *(f"Gates {number} was in Washington" for number in range(20)),
]


def rows_of(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[:-1]]


def entities_of_words(recognizer, words):
    (spans,) = recognizer.recognize_words([words])
    return [(span.entity_type, span.start, span.end) for span in spans]


def require_right_entities(row, recognizer):
    """Check that the entities of a row are those that the recognizer finds in its text."""
    expected = [(e.start, e.end, e.text, e.type) for e in recognizer(row["text"])]
    assert [(e["start"], e["end"], e["text"], e["type"]) for e in row["entities"]] == expected
    for entity in row["entities"]:
        assert list(entity) == ["start", "end", "text", "type", "score"]
        assert row["text"][entity["start"] : entity["end"]] == entity["text"]
        assert 0 <= entity["score"] <= 1
