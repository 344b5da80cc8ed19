"""Tests of the readers for exports of annotation tools, with the exact form of each export."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ner_lightning.corpora.json_lines import JsonLines, JsonLinesWriter
from ner_lightning.corpora.reader import Corpus, CorpusError, CorpusReader
from ner_lightning.corpora.reading.flat_spans import SpanReading
from ner_lightning.corpora.tools.doccano import Doccano
from ner_lightning.corpora.tools.gliner import GlinerJson
from ner_lightning.corpora.tools.label_studio import LabelStudio, LabelStudioWriter
from ner_lightning.corpora.tools.prodigy import Prodigy
from ner_lightning.corpora.tools.spacy_tuples import SpacyTuples

TEXT = "Mira Kolbe left Tarnby"
BOTH = [("Mira Kolbe", "PER"), ("Tarnby", "LOC")]
SPANS = [[0, 10, "PER"], [16, 22, "LOC"]]
OBJECTS = [{"start": start, "end": end, "label": kind} for start, end, kind in SPANS]
OFFSETS = [{"id": 1, "start_offset": start, "end_offset": end, "label": kind} for start, end, kind in SPANS]
LABELED = [{"start": s, "end": e, "text": TEXT[s:e], "labels": [kind]} for s, e, kind in SPANS]
RESULT = [{"id": "a", "type": "labels", "from_name": "label", "to_name": "text", "value": value} for value in LABELED]
Write = Callable[[list[Any]], str]


def lines(rows: list[Any]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def array(rows: list[Any]) -> str:
    return json.dumps(rows)


def indented_array(rows: list[Any]) -> str:
    return "\n" + json.dumps(rows, indent=2)


def read(folder: Path, reader: type[CorpusReader], content: str, **options: Any) -> Corpus:
    (folder / "exported.json").write_text(content, encoding="utf-8")
    return reader(train=str(folder / "exported.json"), **options).read()


def entities_of(corpus: Corpus) -> list[tuple[str, str]]:
    return [(s.surface(e), e.entity_type) for s in corpus.splits["train"] for e in s.entities]


EXPORTS = [
    (Doccano, {"id": 1, "text": TEXT, "label": SPANS}),
    (Doccano, {"id": 1, "text": TEXT, "labels": SPANS, "Comments": []}),
    (Doccano, {"id": 1, "data": TEXT, "label": SPANS}),
    (Doccano, {"id": 1, "text": TEXT, "entities": OFFSETS, "relations": []}),
    (Prodigy, {"text": TEXT, "spans": [{**span, "token_start": 0, "token_end": 1} for span in OBJECTS]}),
    (Prodigy, {"text": TEXT, "spans": OBJECTS, "answer": "accept", "_input_hash": 1, "_task_hash": 2}),
    (SpacyTuples, [TEXT, {"entities": SPANS}]),
    (SpacyTuples, {"text": TEXT, "entities": SPANS}),
    (LabelStudio, {"id": 7, "data": {"text": TEXT}, "annotations": [{"id": 1, "result": RESULT}], "predictions": []}),
    (LabelStudio, {"id": 7, "text": TEXT, "label": LABELED, "annotator": 1, "annotation_id": 2}),
    (LabelStudio, {"id": 7, "text": TEXT, "entities in text": LABELED}),
    (GlinerJson, {"tokenized_text": TEXT.split(), "ner": [[0, 1, "PER"], [3, 3, "LOC"]]}),
]


@pytest.mark.parametrize("write", [lines, array, indented_array])
@pytest.mark.parametrize(("reader", "row"), EXPORTS)
def test_exports_are_read_as_lines_and_arrays(tmp_path, write: Write, reader: type[CorpusReader], row: Any):
    corpus = read(tmp_path, reader, write([row]))
    assert entities_of(corpus) == BOTH
    assert corpus.notes == ()


@pytest.mark.parametrize("row", [row for reader, row in EXPORTS if reader is not LabelStudio and "data" not in row])
def test_json_lines_recognizes_exports(tmp_path, row: Any):
    assert entities_of(read(tmp_path, JsonLines, lines([row]))) == BOTH


def test_json_lines_names_the_readers_of_exports_that_it_does_not_recognize(tmp_path):
    with pytest.raises(CorpusError, match="the readers Prodigy, Doccano, LabelStudio and SpacyTuples"):
        read(tmp_path, JsonLines, lines([{"data": TEXT, "label": SPANS}]))


@pytest.mark.parametrize("reader", [Prodigy, JsonLines])
@pytest.mark.parametrize("answer", ["reject", "ignore", None])
def test_prodigy_rows_that_were_not_accepted_are_skipped_and_counted(tmp_path, reader, answer):
    rows = [{"text": TEXT, "spans": OBJECTS, "answer": "accept"}, {"text": TEXT, "spans": OBJECTS, "answer": answer}]
    corpus = read(tmp_path, reader, lines(rows))
    assert len(corpus.splits["train"]) == 1
    (note,) = corpus.notes
    assert (note.kind, note.line, note.message) == ("row_skipped", 2, f'"answer" is {answer!r}, not "accept"')


def test_an_accepted_row_without_spans_has_no_entities(tmp_path):
    assert entities_of(read(tmp_path, Prodigy, lines([{"text": TEXT, "answer": "accept"}]))) == []


def test_label_studio_reads_one_submitted_annotation_per_task(tmp_path):
    cancelled, empty, truth = (
        {"was_cancelled": True, "result": RESULT},
        {"result": []},
        {"ground_truth": True, "result": RESULT},
    )
    relation = {"type": "relation", "from_id": "a", "to_id": "b"}
    tasks = [
        {"id": 1, "data": {"text": TEXT}, "annotations": [cancelled]},
        {"id": 2, "data": {"text": TEXT}, "annotations": [empty, {**truth, "result": [*RESULT, relation]}]},
    ]
    corpus = read(tmp_path, LabelStudio, array(tasks))
    assert entities_of(corpus) == BOTH
    assert [sentence.id for sentence in corpus.splits["train"]] == ["2"]
    assert [note.message for note in corpus.notes] == [
        "the task has no submitted annotation",
        "only one annotation of the task is read, 1 more are not",
    ]


def test_the_text_of_a_label_studio_task_can_have_another_name(tmp_path):
    task = {"data": {"body": TEXT}, "annotations": [{"result": RESULT}]}
    assert entities_of(read(tmp_path, LabelStudio, array([task]), text_key="body")) == BOTH
    with pytest.raises(CorpusError, match=r"json:1: a task must have the key \"text\", got \"body\"; set text_key"):
        read(tmp_path, LabelStudio, array([task]))


@pytest.mark.parametrize(
    ("reader", "row", "message"),
    [
        (Prodigy, {"spans": []}, 'must have the keys "text", got "spans"'),
        (Doccano, {"text": "a"}, 'exactly one of the keys "label", "labels", "entities", "annotations", got "text"'),
        (Doccano, {"text": "a", "label": [[0, 1]]}, '"label" must be a list of spans'),
        (SpacyTuples, ["a", {}], 'must have the keys "text", "entities", got "text"'),
        (SpacyTuples, ["a"], "must be a JSON object"),
        (LabelStudio, {"data": {"text": "a"}}, 'must have the keys "annotations"'),
        (LabelStudio, {"data": {"text": "a"}, "annotations": [{}]}, 'must have the keys "result"'),
        (LabelStudio, {"data": {"text": "a"}, "annotations": [3]}, "must be a JSON object, got 3"),
        (LabelStudio, {"data": {"text": "a"}, "annotations": [{"result": [{"type": "labels"}]}]}, "a list of spans"),
        (LabelStudio, {"data": 3}, "must be a JSON object, got 3"),
        (GlinerJson, {"tokenized_text": ["a"]}, 'must have the keys "tokenized_text", "ner"'),
    ],
)
def test_a_wrong_row_gives_one_line_with_file_and_line(tmp_path, reader, row, message):
    with pytest.raises(CorpusError) as caught:
        read(tmp_path, reader, lines([row]))
    assert str(caught.value).startswith(f"{tmp_path / 'exported.json'}:1: ")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            '[\n{"text": "a", "entities": []}\n{"text"',
            r":3: a JSON array must continue with a comma or end with a bracket",
        ),
        ('[\n{"text": "a", "entities": []},\n]', r":3: must be an item of a JSON array"),
        ('[\n{"text": "a", "entities": []}]\n[]', r":3: nothing may follow the end of a JSON array"),
        ('[\n{"text": "a", "text": "b"}]', r":2: must be an item of a JSON array: every key must occur once"),
        ("[\n3]", r":2: must be a JSON object, got 3"),
        ("[\n" * 100_000, r":2: must be an item of a JSON array"),
        ("[]", r": the train split must contain at least one sentence, got none"),
    ],
)
def test_a_broken_array_gives_one_line_with_file_and_line(tmp_path, content, message):
    with pytest.raises(CorpusError, match=rf"exported\.json{message}"):
        read(tmp_path, JsonLines, content)


def test_predictions_of_label_studio_are_read_and_written_with_their_scores(tmp_path):
    scored = [{**result, "score": score} for result, score in zip(RESULT, (0.75, 0.5), strict=True)]
    task = {"id": 7, "data": {"text": TEXT}, "predictions": [{"model_version": "m", "result": scored}]}
    corpus = read(tmp_path, LabelStudio, array([task]), layer="predictions")
    assert [entity.score for entity in corpus.splits["train"][0].entities] == [0.75, 0.5]
    assert LabelStudioWriter(layer="predictions").write(corpus, str(tmp_path)) == []
    again = LabelStudio(train=str(tmp_path / "train.json"), layer="predictions").read()
    assert again == corpus
    assert [entity.score for entity in again.splits["train"][0].entities] == [0.75, 0.5]
    assert LabelStudioWriter().write(corpus, str(tmp_path)) == ["2 entities with a score: written without it"]


def test_nested_entities_of_an_export_are_read_as_configured(tmp_path):
    row = {"text": TEXT, "label": [[0, 10, "PER"], [0, 4, "FIRST"]]}
    for overlaps, kept in (("longest", "PER"), ("innermost", "FIRST")):
        for reader in (Doccano, JsonLines):
            corpus = read(tmp_path, reader, lines([row]), spans=SpanReading(overlaps))
            assert [entity.entity_type for entity in corpus.splits["train"][0].entities] == [kept]
            assert [note.kind for note in corpus.notes] == ["overlapping_span"]


def test_ids_and_scores_of_json_lines_survive(tmp_path):
    row: dict[str, Any] = {"id": "a", "document_id": "d", "text": TEXT}
    row["entities"] = [{"start": 0, "end": 10, "type": "PER", "score": 0.25, "text": "Mira Kolbe"}]
    corpus = read(tmp_path, JsonLines, lines([row]))
    assert JsonLinesWriter().write(corpus, str(tmp_path)) == []
    written = json.loads((tmp_path / "train.jsonl").read_text())
    del row["entities"][0]["text"]
    assert written == row
