"""Tests of the input of predict: texts, JSON Lines, columns, pipes, and errors about lines that cannot be read."""

import json
import os
import re
import select
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from ner_lightning.bundle import save_bundle
from ner_lightning.bundle_settings import BundleSettings
from ner_lightning.commands.predict.command import main
from ner_lightning.commands.predict.input import InputRecord, read_chunks, read_records
from ner_lightning.corpora.reading.column_lines import ColumnLayout
from ner_lightning.modeling.decoders import ArgmaxDecoder
from ner_lightning.recognizer import EntityRecognizer
from ner_lightning.sentences import Sentence
from support.predicted_rows import TEXTS, entities_of_words, require_right_entities, rows_of
from support.small_bundles import LESSONS, MAX_SUBWORDS, TAGS, lesson, small_bert


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("last", ["", "END"])
@pytest.mark.usefixtures("small_chunks")
def test_every_line_of_a_text_file_is_a_record(in_folder, model, recognizer, end, last):
    text = "\ufeff" + "".join(line + end for line in TEXTS)
    (in_folder / "in.txt").write_bytes((text if last else text.removesuffix(end)).encode())
    assert main(["--model", model, "--input", "in.txt", "--output", "out.jsonl"]) == 0
    rows = rows_of(in_folder / "out.jsonl")
    assert [row["text"] for row in rows] == TEXTS
    assert rows[1] == {"text": "", "entities": []}
    for row in rows:
        assert list(row) == ["text", "entities"]
        require_right_entities(row, recognizer)
    assert sum(len(row["entities"]) for row in rows) > len(TEXTS)


def test_json_lines_may_hold_texts_or_words(in_folder, model, recognizer):
    words = ["Bill", "Gates", "", "in", "New York"]
    records = [{"id": 7, "text": TEXTS[0]}, {"words": words, "id": "b"}, {"text": "a\nb"}, {"words": []}]
    lines = "\n\n".join(json.dumps(record) for record in records)
    (in_folder / "in.jsonl").write_text(lines)
    assert main(["--model", model, "--input", "in.jsonl", "--output", "out.jsonl"]) == 0
    rows = rows_of(in_folder / "out.jsonl")
    assert [{key: row[key] for key in record} for row, record in zip(rows, records, strict=True)] == records
    assert [list(row) for row in rows[:2]] == [
        ["id", "text", "entities"],
        ["id", "words", "text", "entities"],
    ]
    require_right_entities(rows[0], recognizer)
    require_right_entities(rows[2], recognizer)
    assert rows[1]["text"] == "Bill Gates  in New York"
    found = [(e["type"], e["start_word"], e["end_word"]) for e in rows[1]["entities"]]
    assert found == entities_of_words(recognizer, words)
    assert found
    for entity in rows[1]["entities"]:
        assert entity["text"] == " ".join(words[entity["start_word"] : entity["end_word"]])
        assert entity["text"] == rows[1]["text"][entity["start"] : entity["end"]]
    assert rows[3] == {"words": [], "text": "", "entities": []}


@pytest.mark.parametrize(
    ("name", "separator", "word"), [("in.conll", " ", "Rain"), ("in.TSV", "\t", "Rain X Y"), ("in.bio", "\t", "Rain")]
)
def test_words_are_in_the_first_column_by_default(in_folder, model, name, separator, word):
    lines = ["-DOCSTART- O", "", "Bill O", "Gates O", "\t", "", "Seattle O", "#end document", f"{word} O"]
    text = "\r\n".join(line.replace(" O", f"{separator}O") for line in lines)
    (in_folder / name).write_text(text)
    assert main(["--model", model, "--input", name, "--output", "out.jsonl"]) == 0
    words = [row["words"] for row in rows_of(in_folder / "out.jsonl")]
    assert words == [["Bill", "Gates"], ["Seattle"], [word]]


def test_the_options_say_how_columns_are_read(in_folder, model):
    lines = ["# newdoc", "# text = Bill in New York", "1\tBill\tO", "# in between", "2\tNew York\tB-LOC", "", "3\t#\tO"]
    (in_folder / "in.conll").write_text("\n".join(lines))
    options = ["--word_column", "1", "--comment", "# ", "--separator", "tab"]
    assert main(["--model", model, "--input", "in.conll", "--output", "out.jsonl", *options]) == 0
    assert [row["words"] for row in rows_of(in_folder / "out.jsonl")] == [["Bill", "New York"], ["#"]]


def test_a_line_without_the_word_column_is_named(in_folder, model, capsys):
    (in_folder / "in.conll").write_text("1 Bill O\n\nGates\n")
    arguments = ["--model", model, "--input", "in.conll", "--output", "out.jsonl", "--word_column", "1"]
    assert main(arguments) == 2
    expected = (
        "in.conll:3: a line must have a word in column 1 (word_column), counted from 0, from the end if negative, got 1"
    )
    assert expected in capsys.readouterr().err
    assert [row["words"] for row in rows_of(in_folder / "out.jsonl")] == [["Bill"]]


def test_a_word_that_spaces_would_split_is_refused(in_folder, model, capsys):
    (in_folder / "in.conll").write_text("Bill\n\nNew York\n")
    assert main(["--model", model, "--input", "in.conll", "--output", "out.jsonl"]) == 2
    expected = "in.conll:3: every line must have the same number of columns as the first (1: 'Bill'), got 2: 'New York'"
    assert expected in capsys.readouterr().err
    assert [row["words"] for row in rows_of(in_folder / "out.jsonl")] == [["Bill"]]


def test_tokens_are_read_as_words(in_folder, model):
    (in_folder / "in.jsonl").write_text('{"tokens": ["Bill", "Gates"], "ner_tags": ["B-PER", "I-PER"]}')
    assert main(["--model", model, "--input", "in.jsonl", "--output", "out.jsonl"]) == 0
    assert rows_of(in_folder / "out.jsonl")[0]["words"] == ["Bill", "Gates"]


@pytest.mark.parametrize(
    ("input_format", "record"),
    [("text", "Bill\n"), ("jsonl", '{"text": "Bill"}\n\n'), ("columns", "Bill O\n\nand O\n")],
)
def test_lines_from_a_pipe_are_answered_before_more_arrive(model, monkeypatch, input_format, record):
    reading, writing = os.pipe()
    answers, answering = os.pipe()
    with (
        open(reading) as stdin,
        open(answering, "w") as stdout,
        open(writing, "wb") as tell,
        open(answers, "rb") as hear,
    ):
        monkeypatch.setattr(sys, "stdin", stdin)
        monkeypatch.setattr(sys, "stdout", stdout)
        arguments = ["--model", model, "--input", "-", "--output", "-", "--format", input_format]
        with ThreadPoolExecutor() as threads:
            status = threads.submit(main, arguments)
            for _ in range(2):
                tell.write(record.encode())
                tell.flush()
                came, _, _ = select.select([hear], [], [], 60)
                if not came:
                    break
                assert b"Bill" in os.read(answers, 10_000)
            tell.close()
            assert status.result() == 0
        assert came, "nothing was answered before the end"


def test_the_format_can_be_stated(in_folder, model):
    (in_folder / "in.log").write_text('{"text": "a"}\n')
    arguments = ["--model", model, "--input", "in.log"]
    assert main([*arguments, "--format", "jsonl", "--output", "a.jsonl"]) == 0
    assert main([*arguments, "--format", "text", "--output", "b.jsonl"]) == 0
    assert rows_of(in_folder / "a.jsonl")[0]["text"] == "a"
    assert rows_of(in_folder / "b.jsonl")[0]["text"] == '{"text": "a"}'


BAD_LINES = [
    (
        "in.txt",
        b"fine\n" * 5 + b"caf\xe9\n",
        "in.txt:6: must be UTF-8, found the byte 0xe9 at position 3 of the",
    ),
    ("in.txt", b"fine\n" * 5 + b"\xed\xa0\x80\n", "in.txt:6: must be UTF-8, found the byte 0xed"),
    (
        "in.jsonl",
        b'{"text": "a"}\n' * 5 + b'{"text": "\\ud800"}\n',
        'in.jsonl:6: "text" must be a string of valid',
    ),
    ("in.jsonl", b'{"text": "a"}\n' * 5 + b'{"text": "a"', "in.jsonl:6: must be one JSON object per line"),
    ("in.jsonl", b'{"text": "a"}\n' * 5 + b"[]", "in.jsonl:6: must be a JSON object, got"),
    (
        "in.jsonl",
        b'{"text": "a"}\n' * 5 + b'{"id": 1}',
        'in.jsonl:6: must have one of the keys "text", "words" and "tokens"',
    ),
    (
        "in.jsonl",
        b'{"text": "a"}\n' * 5 + b'{"words": [], "tokens": []}',
        'keys "text", "words" and "tokens", got "words", "tokens"',
    ),
    (
        "in.jsonl",
        b'{"text": "a"}\n' * 5 + b'{"text": "a", "words": []}',
        'keys "text", "words" and "tokens", got "text"',
    ),
    ("in.jsonl", b'{"text": "a"}\n' * 5 + b'{"text": 1}', "in.jsonl:6: .* got 1"),
    ("in.jsonl", b'{"text": "a"}\n' * 5 + b'{"words": "a"}', 'in.jsonl:6: "words" must be a list'),
    (
        "in.jsonl",
        b'{"text": "a"}\n' * 5 + b'{"text": "a", "id": [1]}',
        'in.jsonl:6: "id" must be a string of',
    ),
    (
        "in.jsonl",
        b'{"text": "a"}\n' * 5 + b'{"text": "a", "id": "\\ud800"}',
        'in.jsonl:6: "id" must be a string of',
    ),
    ("in.conll", b"a O\n\n" * 5 + b"\xff O\n", "in.conll:11: must be UTF-8"),
]


@pytest.mark.parametrize(("name", "content", "message"), BAD_LINES)
@pytest.mark.usefixtures("small_chunks")
def test_a_bad_line_is_named_and_earlier_results_are_kept(in_folder, model, capsys, name, content, message):
    (in_folder / name).write_bytes(content)
    arguments = ["--model", model, "--input", name, "--output", "out.jsonl"]
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    assert captured.err.startswith("error: ")
    assert re.search(message, captured.err)
    assert captured.err.endswith("before it are written; correct the input and continue with --resume\n")
    assert len(rows_of(in_folder / "out.jsonl")) == 5
    mended = content.split(b"\n")[0] + b"\n\n"
    (in_folder / name).write_bytes(mended * 6)
    if name.endswith("txt"):
        return  # in text, empty lines are records too
    assert main([*arguments, "--resume"]) == 0
    assert len(rows_of(in_folder / "out.jsonl")) == 6


def test_a_column_that_counts_the_words_is_not_read_as_words(in_folder, model, capsys):
    (in_folder / "in.conll").write_text("".join(f"{number}\tword\n" for number in range(1, 12)))
    arguments = ["--model", model, "--input", "in.conll", "--output"]
    assert main([*arguments, "a.jsonl"]) == 2
    assert "in.conll: column 0 counts the words of each sentence" in capsys.readouterr().err
    assert main([*arguments, "b.jsonl", "--word_column", "1"]) == 0


def record(document_id: str | None, number: int) -> InputRecord:
    return InputRecord(words=("a",), id=number, document_id=document_id)


def test_documents_are_kept_in_one_chunk_where_the_model_reads_them():
    names = ["p", None, "q", "q", "q", "r"]
    records = [record(name, number) for number, name in enumerate(names)]
    arriving = [records[0], None, records[1], *records[2:4], None, records[4], None, records[5], None]

    def chunks(max_records: int, keeps_documents: bool) -> list[list[str | int | None]]:
        found = read_chunks(iter(arriving), max_records, 100, keeps_documents)
        return [[record.id for record in chunk] for chunk in found]

    assert chunks(9, keeps_documents=False) == [[0], [1, 2, 3], [4], [5]]
    assert chunks(9, keeps_documents=True) == [[0], [1, 2, 3, 4], [5]]
    assert chunks(2, keeps_documents=True) == [[0], [1, 2, 3, 4], [5]]
    assert chunks(1, keeps_documents=True) == [[0], [1], [2, 3, 4], [5]]


def test_records_name_their_documents():
    rows = [b'{"text": "a", "document_id": "p"}', b'{"words": ["a"], "document_id": 7}', b'{"text": "a"}']
    columns = [b"a O", b"", b"-DOCSTART- O", b"", b"b O", b"", b"c O", b"-DOCSTART- O", b"", b"d O"]
    found = [
        [record.document_id for record in read_records([lines], "in", input_format, ColumnLayout()) if record]
        for lines, input_format in ((rows, "jsonl"), (columns, "columns"))
    ]
    assert found[0] == ["p", "7", None]
    first, *inner, last = found[1]
    assert first is None
    assert inner[0] is not None
    assert inner == [inner[0]] * 2
    assert last not in inner


def test_predict_reads_the_sentences_of_a_document_together(in_folder, tmp_path):
    network, tokenizer = small_bert()
    settings = BundleSettings(TAGS, MAX_SUBWORDS, decoder=ArgmaxDecoder(), unit="document")
    save_bundle(tmp_path / "model", network, tokenizer, settings)
    recognizer = EntityRecognizer.from_pretrained(tmp_path / "model")
    words = [lesson(line).words for line in LESSONS]
    blocks = ["-DOCSTART- O", *("\n".join(f"{word} O" for word in row) for row in words)]
    (in_folder / "in.conll").write_text("\n\n".join(blocks))
    assert main(["--model", str(tmp_path / "model"), "--input", "in.conll", "--output", "out.jsonl"]) == 0
    found = [[e["text"] for e in row["entities"]] for row in rows_of(in_folder / "out.jsonl")]

    def texts(document_id: str | None) -> list[list[str]]:
        sentences = [Sentence(row, document_id=document_id) for row in words]
        spans = recognizer.recognize(sentences)
        return [[s.surface(e) for e in row] for s, row in zip(sentences, spans, strict=True)]

    assert found == texts("p")
    assert found != texts(None)
