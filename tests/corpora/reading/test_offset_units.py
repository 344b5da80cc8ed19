import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner_lightning.corpora.json_lines import JsonLines
from ner_lightning.corpora.reader import Corpus
from ner_lightning.corpora.reading.offset_units import WIDTH_BY_UNIT, with_code_point_offsets
from ner_lightning.corpora.reading.raw_sentences import RawSpan, SpannedText

TEXT = "🔥🔥 Zoë sold it to Al Kolbe in Tarnby"
NAMES = [("Al Kolbe", "PER"), ("Tarnby", "LOC")]
ENCODINGS = {"code points": "utf-32-le", "UTF-16 units": "utf-16-le", "UTF-8 bytes": "utf-8"}
UNIT_BYTES = {"code points": 4, "UTF-16 units": 2, "UTF-8 bytes": 1}


def offset(text: str, position: int, unit: str) -> int:
    """Return an offset counted in another unit, computed by encoding the text before it."""
    return len(text[:position].encode(ENCODINGS[unit])) // UNIT_BYTES[unit]


def read(folder: Path, unit: str, with_texts: bool) -> Corpus:
    entities = []
    for name, kind in NAMES:
        start = TEXT.index(name)
        entity = {"start": offset(TEXT, start, unit), "end": offset(TEXT, start + len(name), unit), "type": kind}
        entities.append({**entity, "text": name} if with_texts else entity)
    (folder / "a.jsonl").write_text(json.dumps({"text": TEXT, "entities": entities}), encoding="utf-8")
    return JsonLines(train=str(folder / "a.jsonl")).read()


@pytest.mark.parametrize("unit", WIDTH_BY_UNIT)
def test_the_texts_of_the_entities_determine_the_unit(tmp_path, unit: str):
    corpus = read(tmp_path, unit, with_texts=True)
    (sentence,) = corpus.splits["train"]
    assert [(sentence.surface(entity), entity.entity_type) for entity in sentence.entities] == NAMES
    messages = [] if unit == "code points" else [f"offsets count {unit} (the texts of 2 of 2 entities in"]
    assert [note.message[: len(messages[0])] for note in corpus.notes] == messages


def test_without_texts_offsets_count_code_points(tmp_path):
    assert read(tmp_path, "code points", with_texts=False).notes == ()
    assert {note.kind for note in read(tmp_path, "UTF-16 units", with_texts=False).notes} >= {"span_cuts_word"}


def test_a_text_that_differs_from_its_offsets_is_noted(tmp_path):
    spans = [
        {"start": 0, "end": 3, "type": "PER", "text": "Bob"},
        {"start": 4, "end": 8, "type": "LOC", "text": "Rome "},
    ]
    (tmp_path / "a.jsonl").write_text(json.dumps({"text": "Ada Rome", "entities": spans}))
    (note,) = JsonLines(train=str(tmp_path / "a.jsonl")).read().notes
    assert (note.kind, note.line) == ("span_text_differs", 1)
    assert note.message == "PER 0-3 is 'Ada' in the text, but 'Bob' in the annotation, read by its offsets"


@given(st.text(st.sampled_from("aë🔥字 "), max_size=12), st.data())
def test_converting_inverts_counting_in_another_unit(text: str, data: st.DataObject):
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    unit = data.draw(st.sampled_from(list(WIDTH_BY_UNIT)))
    counted = RawSpan(offset(text, start, unit), offset(text, end, unit), "X", text[start:end])
    rows, _ = with_code_point_offsets([SpannedText(text, [counted], "f", 1)], "train")
    (span,) = rows[0].spans
    assert text[span.start : span.end] == text[start:end]
