import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner_lightning.entities import EntitySpan
from ner_lightning.predictions import PredictedSentence, PredictionsError, read_predictions, write_predictions
from support.strategies import flat_entities

LINE = {
    "id": "s1",
    "document_id": "d1",
    "words": ["Anna", "left", "Rome"],
    "gold": [[0, 1, "PER"], [2, 3, "LOC"]],
    "predicted": [[2, 3, "LOC", 0.1]],
    "predicted_tags": ["O", "O", "B-LOC"],
}
SENTENCE = PredictedSentence(
    "s1",
    "d1",
    ("Anna", "left", "Rome"),
    (EntitySpan(0, 1, "PER"), EntitySpan(2, 3, "LOC")),
    (EntitySpan(2, 3, "LOC", 0.1),),
    ("O", "O", "B-LOC"),
)

any_text = st.text(st.characters(codec="utf-8"))  # includes line separators


@st.composite
def fields_of_sentences(draw: st.DrawFn) -> dict[str, object]:
    """Draw fields instead of objects: type-checked objects sample their fields, which hypothesis forbids here."""
    gold, num_words = draw(flat_entities())
    texts = st.lists(any_text, min_size=num_words, max_size=num_words).map(tuple)
    scores = st.none() | st.floats(0, 1)
    predicted = [EntitySpan(e.start, e.end, draw(any_text), draw(scores)) for e in gold if draw(st.booleans())]
    return {
        "id": draw(st.uuids().map(str)) + draw(any_text),
        "document_id": draw(st.none() | any_text),
        "words": draw(texts),
        "gold": tuple(gold),
        "predicted": tuple(predicted),
        "predicted_tags": draw(st.none() | texts),
    }


def with_scores(sentence: PredictedSentence) -> tuple[PredictedSentence, list[float | None]]:
    """Return the scores too, because spans are compared without them."""
    return sentence, [entity.score for entity in sentence.predicted]


@given(st.lists(fields_of_sentences(), max_size=4))
def test_a_written_file_is_read_back_exactly(tmp_path_factory, fields):
    sentences = [PredictedSentence(**field) for field in fields]
    path = tmp_path_factory.mktemp("predictions") / "test.jsonl"
    write_predictions(path, iter(sentences))
    assert list(map(with_scores, read_predictions(path))) == list(map(with_scores, sentences))
    assert path.read_bytes().count(b"\n") == len(sentences)


def test_a_sentence_is_written_in_the_documented_format(tmp_path: Path):
    path = tmp_path / "new" / "test.jsonl"
    write_predictions(path, [SENTENCE])
    assert json.loads(path.read_text()) == LINE
    assert list(json.loads(path.read_text())) == list(LINE)


def test_a_file_written_by_another_program_is_read(tmp_path: Path):
    path = tmp_path / "test.jsonl"
    other = {key: LINE[key] for key in ("words", "gold")} | {
        "id": "s2",
        "predicted": [[0, 1, "PER", None]],
        "lang": "en",
    }
    path.write_bytes(json.dumps(LINE).encode() + b"\r\n" + json.dumps(other, indent=None).encode())
    first, second = read_predictions(path)
    assert with_scores(first) == with_scores(SENTENCE)
    assert (second.document_id, second.predicted_tags) == (None, None)
    assert with_scores(second)[1] == [None]


def test_words_are_read_as_utf_8(tmp_path: Path):
    path = tmp_path / "test.jsonl"
    path.write_text(json.dumps(LINE | {"words": ["Zoë", "left", "Köln"]}, ensure_ascii=False), encoding="utf-8")
    assert read_predictions(path)[0].words == ("Zoë", "left", "Köln")


def test_an_empty_file_has_no_sentences(tmp_path: Path):
    write_predictions(tmp_path / "test.jsonl", [])
    assert read_predictions(tmp_path / "test.jsonl") == []


def test_a_failed_write_keeps_the_previous_file_and_leaves_no_partial_file(tmp_path: Path):
    path = tmp_path / "test.jsonl"
    write_predictions(path, [SENTENCE])

    def sentences():
        yield SENTENCE
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_predictions(path, sentences())
    assert read_predictions(path) == [SENTENCE]
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("score", [math.nan, math.inf])
def test_a_score_that_json_cannot_represent_is_refused(tmp_path: Path, score: float):
    sentence = PredictedSentence("s", None, ("Anna",), (), (EntitySpan(0, 1, "PER", score),), None)
    with pytest.raises(ValueError, match="JSON compliant"):
        write_predictions(tmp_path / "test.jsonl", [sentence])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (json.dumps(LINE)[:-9], "one complete JSON object"),
        ("", "one complete JSON object"),
        ("[" * 100_000, "recursion"),
        ("[1]", "must be a JSON object"),
        *[
            (json.dumps({k: v for k, v in LINE.items() if k != key}), rf"missing: {key}")
            for key in ("id", "words", "gold", "predicted")
        ],
        *[
            (json.dumps({**LINE, "id": "s2", **changed}), message)
            for changed, message in [
                ({"id": 3}, "id must be a string, got 3"),
                ({"document_id": 3}, "document_id must be a string, got 3"),
                ({"words": "Anna left Rome"}, "words must be a list of strings"),
                ({"words": ["Anna", None, "Rome"]}, "words must be a list of strings"),
                ({"predicted_tags": ["O"]}, "every word needs one predicted tag, got 1 for 3 words"),
                ({"predicted_tags": [0, 0, 1]}, "predicted_tags must be a list of strings"),
                ({"gold": [[2, 4, "LOC"]]}, "ends after the last of 3 words"),
                ({"gold": [[-1, 2, "LOC"]]}, "0 <= start < end"),
                ({"gold": [[2, 2, "LOC"]]}, "0 <= start < end"),
                ({"gold": [[0, True, "LOC"]]}, r"gold must be \[start, end, type\]"),
                ({"gold": [[0, 1, "LOC", 0.5]]}, r"gold must be \[start, end, type\]"),
                ({"gold": {}}, "gold must be a list of entities"),
                ({"predicted": [[2, 4, "LOC", 0.5]]}, "ends after the last of 3 words"),
                ({"predicted": [[2, 3, "LOC"]]}, r"predicted must be \[start, end, type, score\]"),
                ({"predicted": [[2, 3, "LOC", "high"]]}, r"predicted must be \[start, end, type, score\]"),
                ({"predicted": [[2, 3, "LOC", math.nan]]}, "from 0 to 1 or null, got NaN"),
                ({"predicted": [[2, 3, "LOC", 93]]}, "from 0 to 1 or null, got 93"),
                ({"predicted": [[2, 3, "LOC", -0.1]]}, "from 0 to 1 or null, got -0.1"),
                ({"predicted": [[2, 3, "LOC", 10**400]]}, "from 0 to 1 or null, got 1000"),
                ({"words": ["Anna", "left", "R\ud800me"]}, "must be valid Unicode, got the lone surrogate"),
                ({"id": "\ud800"}, "must be valid Unicode, got the lone surrogate"),
                ({"gold": [[0, 1, "\ud800"]]}, "must be valid Unicode, got the lone surrogate"),
                ({"id": "s1"}, "ids must be unique, 's1' is also used in line 1"),
                ({"predicted": [7]}, r"predicted must be \[start, end, type, score\], got 7"),
            ]
        ],
    ],
)
def test_an_invalid_line_is_reported_with_its_number(tmp_path: Path, line: str, message: str):
    path = tmp_path / "test.jsonl"
    path.write_text(f"{json.dumps(LINE)}\n{line}\n{json.dumps(LINE | {'id': 's3'})}\n")
    with pytest.raises(PredictionsError, match=message) as caught:
        read_predictions(path)
    assert str(caught.value).startswith(f"{path}:2: ")
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_reported(tmp_path: Path):
    with pytest.raises(
        PredictionsError, match=r"none\.jsonl: a predictions file must be a file, found nothing; a run has"
    ):
        read_predictions(tmp_path / "none.jsonl")
    with pytest.raises(PredictionsError, match="found a folder; a run has predictions/"):
        read_predictions(tmp_path)


def test_an_inconsistent_sentence_is_refused_before_it_is_written():
    with pytest.raises(ValueError, match="ends after the last of 1 words"):
        PredictedSentence("s", None, ("Anna",), (), (EntitySpan(0, 2, "PER"),), None)
