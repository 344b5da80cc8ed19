import json
import os
import re
import select
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from small_bundles import TAGS, random_bundle

from ner_lightning.commands import prediction_run
from ner_lightning.commands.predict import main
from ner_lightning.recognizer import EntityRecognizer

TEXTS = [
    "Bill Gates was the CEO of Microsoft in Seattle, Washington.",
    "",
    "  The rain \u2028 in Seattle\u00a0 ",
    "naïve 東京 🙂",
    "Bill " * 90,
    *(f"Gates {number} was in Washington" for number in range(20)),
]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return str(random_bundle(tmp_path_factory.mktemp("bundle") / "model"))


@pytest.fixture(scope="module")
def recognizer(model):
    return EntityRecognizer.from_pretrained(model)


@pytest.fixture
def in_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr(prediction_run, "CHUNK_RECORDS", 4)


def rows_of(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[:-1]]


def entities_of_words(recognizer, words):
    (spans,) = recognizer.recognize_words([words])
    return [(span.entity_type, span.start, span.end) for span in spans]


def require_right_entities(row, recognizer):
    """The entities of a row of text are those of the recognizer on that text alone."""
    expected = [(e.start, e.end, e.text, e.type) for e in recognizer(row["text"])]
    assert [(e["start"], e["end"], e["text"], e["type"]) for e in row["entities"]] == expected
    for entity in row["entities"]:
        assert list(entity) == ["start", "end", "text", "type", "score"]
        assert row["text"][entity["start"] : entity["end"]] == entity["text"]
        assert 0 <= entity["score"] <= 1


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("last", ["", "END"])
@pytest.mark.usefixtures("small_chunks")
def test_every_line_of_text_is_a_record(in_folder, model, recognizer, end, last):
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


def test_json_lines_of_texts_and_words(in_folder, model, recognizer):
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
def test_first_column_of_columns(in_folder, model, name, separator, word):
    lines = ["-DOCSTART- O", "", "Bill O", "Gates O", "\t", "", "Seattle O", "#end document", f"{word} O"]
    text = "\r\n".join(line.replace(" O", f"{separator}O") for line in lines)
    (in_folder / name).write_text(text)
    assert main(["--model", model, "--input", name, "--output", "out.jsonl"]) == 0
    words = [row["words"] for row in rows_of(in_folder / "out.jsonl")]
    assert words == [["Bill", "Gates"], ["Seattle"], [word]]


def test_columns_are_read_as_the_options_say(in_folder, model):
    lines = ["# newdoc", "# text = Bill in New York", "1\tBill\tO", "# in between", "2\tNew York\tB-LOC", "", "3\t#\tO"]
    (in_folder / "in.conll").write_text("\n".join(lines))
    options = ["--word_column", "1", "--comment", "# ", "--separator", "tab"]
    assert main(["--model", model, "--input", "in.conll", "--output", "out.jsonl", *options]) == 0
    assert [row["words"] for row in rows_of(in_folder / "out.jsonl")] == [["Bill", "New York"], ["#"]]


def test_a_line_without_the_column_of_the_word_is_named(in_folder, model, capsys):
    (in_folder / "in.conll").write_text("1 Bill O\n\nGates\n")
    arguments = ["--model", model, "--input", "in.conll", "--output", "out.jsonl", "--word_column", "1"]
    assert main(arguments) == 2
    expected = (
        "in.conll:3: a line must have a word in column 1 (from 0, from the end if negative), got 1 column: 'Gates'"
    )
    assert expected in capsys.readouterr().err
    assert [row["words"] for row in rows_of(in_folder / "out.jsonl")] == [["Bill"]]


def test_a_word_that_blanks_would_cut_is_refused(in_folder, model, capsys):
    (in_folder / "in.conll").write_text("Bill\n\nNew York\n")
    assert main(["--model", model, "--input", "in.conll", "--output", "out.jsonl"]) == 2
    expected = "in.conll:3: every line must have as many columns as the first (1: 'Bill'), got 2: 'New York'"
    assert expected in capsys.readouterr().err
    assert [row["words"] for row in rows_of(in_folder / "out.jsonl")] == [["Bill"]]


def test_the_tokens_of_a_corpus_are_words(in_folder, model):
    (in_folder / "in.jsonl").write_text('{"tokens": ["Bill", "Gates"], "ner_tags": ["B-PER", "I-PER"]}')
    assert main(["--model", model, "--input", "in.jsonl", "--output", "out.jsonl"]) == 0
    assert rows_of(in_folder / "out.jsonl")[0]["words"] == ["Bill", "Gates"]


@pytest.mark.parametrize(
    ("input_format", "record"),
    [("text", "Bill\n"), ("jsonl", '{"text": "Bill"}\n\n'), ("columns", "Bill O\n\nand O\n")],
)
def test_what_came_through_a_pipe_is_answered_before_more_comes(model, monkeypatch, input_format, record):
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


def test_format_can_be_named(in_folder, model):
    (in_folder / "in.log").write_text('{"text": "a"}\n')
    arguments = ["--model", model, "--input", "in.log"]
    assert main([*arguments, "--format", "jsonl", "--output", "a.jsonl"]) == 0
    assert main([*arguments, "--format", "text", "--output", "b.jsonl"]) == 0
    assert rows_of(in_folder / "a.jsonl")[0]["text"] == "a"
    assert rows_of(in_folder / "b.jsonl")[0]["text"] == '{"text": "a"}'


def test_pipes(in_folder, model, monkeypatch, capfdbinary):
    (in_folder / "in.txt").write_text("\n".join(TEXTS))
    assert main(["--model", model, "--input", "in.txt", "--output", "out.jsonl"]) == 0
    reading, writing = os.pipe()
    with open(writing, "w", encoding="utf-8") as file:
        file.write("\n".join(TEXTS))
    with open(reading) as pipe:
        monkeypatch.setattr(sys, "stdin", pipe)
        assert main(["--model", model, "--input", "-", "--output", "-"]) == 0
    captured = capfdbinary.readouterr()
    assert captured.out == (in_folder / "out.jsonl").read_bytes()
    assert captured.err == b""


def test_a_reader_that_has_enough_ends_the_run(in_folder, model, monkeypatch, capfd):
    (in_folder / "in.txt").write_text("Bill\n")
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "w") as nobody_reads:
        monkeypatch.setattr(sys, "stdout", nobody_reads)
        assert main(["--model", model, "--input", "in.txt", "--output", "-"]) == 1
    assert capfd.readouterr().err == ""


def test_chunks_are_bounded_by_characters_too(in_folder, model, monkeypatch):
    (in_folder / "in.txt").write_text("\n".join(TEXTS))
    sizes = []
    recognize = EntityRecognizer.recognize

    def spy(self, sentences, max_subwords):
        sizes.append(sum(len(sentence.text) for sentence in sentences))
        return recognize(self, sentences, max_subwords)

    monkeypatch.setattr(prediction_run, "CHUNK_CHARACTERS", 120)
    monkeypatch.setattr(EntityRecognizer, "recognize", spy)
    assert main(["--model", model, "--input", "in.txt", "--output", "out.jsonl"]) == 0
    assert [row["text"] for row in rows_of(in_folder / "out.jsonl")] == TEXTS
    assert sum(sizes) == sum(map(len, TEXTS))
    assert all(size <= 120 or size == len(TEXTS[4]) for size in sizes)


@pytest.mark.usefixtures("small_chunks")
def test_an_output_cut_anywhere_is_continued_to_the_same_bytes(in_folder, model, monkeypatch):
    bundle = EntityRecognizer.from_pretrained(model)
    monkeypatch.setattr(EntityRecognizer, "from_pretrained", lambda *_: bundle)
    arguments = ["--model", model, "--input", "in.jsonl", "--output", "out.jsonl"]
    records = [{"id": i, "text": text} for i, text in enumerate([*TEXTS[:4], *TEXTS[5:10]])]
    (in_folder / "in.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    assert main(arguments) == 0
    output = in_folder / "out.jsonl"
    whole = output.read_bytes()
    breaks = [i + 1 for i, byte in enumerate(whole) if byte == ord("\n")]
    assert len(breaks) == 9
    places = {0, 1, 2, *range(3, len(whole), 211), *(b + near for b in breaks[3:5] for near in (-1, 0, 1))}
    for place in sorted(places):
        output.write_bytes(whole[:place])
        assert main([*arguments, "--resume"]) == 0
        assert output.read_bytes() == whole, f"cut at byte {place}"
    output.unlink()
    assert main([*arguments, "--resume"]) == 0  # nothing to continue is no error
    assert output.read_bytes() == whole


def test_a_torn_line_goes_even_where_it_is_longer_than_the_rest(in_folder, model):
    (in_folder / "in.txt").write_text("a\n")
    (in_folder / "out.jsonl").write_bytes(b'{"text": "' + b"a" * 999)
    assert main(["--model", model, "--input", "in.txt", "--output", "out.jsonl", "--resume"]) == 0
    assert [row["text"] for row in rows_of(in_folder / "out.jsonl")] == ["a"]


@pytest.mark.usefixtures("small_chunks")
def test_only_what_is_missing_is_computed(in_folder, model, monkeypatch):
    arguments = ["--model", model, "--input", "in.txt", "--output", "out.jsonl"]
    (in_folder / "in.txt").write_text("\n".join(TEXTS))
    assert main(arguments) == 0
    output = in_folder / "out.jsonl"
    lines = output.read_bytes().splitlines(keepends=True)
    output.write_bytes(b"".join(lines[:17]))
    computed = []
    recognize = EntityRecognizer.recognize
    monkeypatch.setattr(EntityRecognizer, "recognize", lambda *args: computed.append(len(args[1])) or recognize(*args))
    assert main([*arguments, "--resume"]) == 0
    assert output.read_bytes() == b"".join(lines)
    assert computed == [4, 4, 1]  # from the chunk that was cut on


@pytest.mark.parametrize(
    ("begun", "message"),
    [
        (b"notes of mine", "out.jsonl: --resume needs an output of predict, found b?'notes of mine' in it"),
        (b"notes of mine\n", "out.jsonl:1: .* output of the same input, found another record"),
        (b'{"text": "other", "entities": []}\n{"te', "out.jsonl:1: .*, found another record"),
        (b'{"text": "a"}\n', "out.jsonl:1: .*, found another record"),
        (
            b'{"text": "a", "entities": []}\n' * 3,
            "out.jsonl:3: .* found more records than the 2 of the input",
        ),
    ],
)
def test_what_is_no_output_of_this_input_is_not_continued(in_folder, model, capsys, begun, message):
    (in_folder / "in.txt").write_text("a\nb\n")
    (in_folder / "out.jsonl").write_bytes(begun)
    assert main(["--model", model, "--input", "in.txt", "--output", "out.jsonl", "--resume"]) == 2
    assert re.search(message, capsys.readouterr().err)
    assert (in_folder / "out.jsonl").read_bytes() == begun


BAD_LINES = [
    (
        "in.txt",
        b"fine\n" * 5 + b"caf\xe9\n",
        "in.txt:6: must be UTF-8, got the byte 0xe9 at position 3 of the",
    ),
    ("in.txt", b"fine\n" * 5 + b"\xed\xa0\x80\n", "in.txt:6: must be UTF-8, got the byte 0xed"),
    (
        "in.jsonl",
        b'{"text": "a"}\n' * 5 + b'{"text": "\\ud800"}\n',
        'in.jsonl:6: "text" must be a string of valid',
    ),
    ("in.jsonl", b'{"text": "a"}\n' * 5 + b'{"text": "a"', "in.jsonl:6: must be one JSON object a line"),
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
def test_a_bad_line_is_named_and_what_was_done_is_kept(in_folder, model, capsys, name, content, message):
    (in_folder / name).write_bytes(content)
    arguments = ["--model", model, "--input", name, "--output", "out.jsonl"]
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    assert captured.err.startswith("error: ")
    assert re.search(message, captured.err)
    assert "--resume continues" in captured.err
    assert len(rows_of(in_folder / "out.jsonl")) == 5
    mended = content.split(b"\n")[0] + b"\n\n"
    (in_folder / name).write_bytes(mended * 6)
    if name.endswith("txt"):
        return  # there, the blank lines are records
    assert main([*arguments, "--resume"]) == 0
    assert len(rows_of(in_folder / "out.jsonl")) == 6


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "required: --model, --input, --output .see python -m ner_lightning predict --help"),
        (["--input", "in.txt", "--output", "o"], "required: --model"),
        (["--colour", "x"], "required|unrecognized"),
        (["--model", "MODEL", "--input", "in.txt", "--output", "o", "--format", "xml"], "'xml' .choose from"),
        (
            ["--model", "MODEL", "--input", "in.txt", "--output", "o", "--batch_subwords", "0"],
            "at least 1, got 0",
        ),
        (["--model", "MODEL", "--input", "in.txt", "--output", "o", "--batch_subwords", "x"], "invalid int"),
        (["--model", "MODEL", "--input", "in.txt", "--output", "o", "--mod", "x"], "unrecognized"),
        (
            ["--model", "MODEL", "--input", "in.pdf", "--output", "o"],
            "in.pdf: the input must end in .txt, .jsonl",
        ),
        (
            ["--model", "MODEL", "--input", "none.txt", "--output", "o"],
            "none.txt: the input must be a file that",
        ),
        (["--model", "MODEL", "--input", "dir.txt", "--output", "o"], "dir.txt: .*[Dd]irectory"),
        (
            ["--model", "none", "--input", "in.txt", "--output", "o"],
            "none: a bundle must be a folder, found none",
        ),
        (["--model", "dir.txt", "--input", "in.txt", "--output", "o"], "dir.txt: a bundle must hold"),
        (["--model", "none", "--input", "in.txt", "--output", "no/o"], "no/o: the output must lie in a folder that is"),
        (
            ["--model", "MODEL", "--input", "in.txt", "--output", "o", "--comment", "# ", "--word_column", "1"],
            "--word_column, --comment must go with the format columns, got text",
        ),
        (
            ["--model", "MODEL", "--input", "in.txt", "--format", "columns", "--output", "o", "--comment", ""],
            "--comment must not be empty",
        ),
        (
            ["--model", "MODEL", "--input", "in.txt", "--output", "in.txt"],
            "in.txt: the output must be a new file",
        ),
        (
            ["--model", "MODEL", "--input", "in.txt", "--output", "in.txt", "--resume"],
            "another than the input",
        ),
        (["--model", "MODEL", "--input", "in.txt", "--output", "dir.txt", "--resume"], "must be a file"),
        (
            ["--model", "MODEL", "--input", "none.txt", "--output", "in.txt", "--resume"],
            "none.txt: the input",
        ),
        (
            ["--model", "MODEL", "--input", "in.txt", "--output", "-", "--resume"],
            "--resume needs an output file",
        ),
        (["--model", "MODEL", "--input", "bad.txt", "--output", "o"], "bad.txt:1: must be UTF-8"),
    ],
)
def test_wrong_input_is_one_line_and_status_2(in_folder, model, capsys, arguments, message):
    (in_folder / "in.txt").write_text("a\n")
    (in_folder / "bad.txt").write_bytes(b"\xff\n")
    (in_folder / "dir.txt").mkdir()
    assert main([model if argument == "MODEL" else argument for argument in arguments]) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    assert captured.err.startswith("error: ")
    assert re.search(message, captured.err)
    assert captured.out == ""
    assert sorted(path.name for path in in_folder.iterdir()) == ["bad.txt", "dir.txt", "in.txt"]
    assert (in_folder / "in.txt").read_text() == "a\n"


def test_empty_input_is_an_empty_output(in_folder, model):
    (in_folder / "in.txt").touch()
    assert main(["--model", model, "--input", "in.txt", "--output", "out.jsonl"]) == 0
    assert (in_folder / "out.jsonl").read_bytes() == b""


@pytest.mark.parametrize("forced", [False, True])
def test_color_shows_entities_in_brackets(in_folder, model, recognizer, capsys, monkeypatch, forced):
    if forced:
        monkeypatch.setenv("FORCE_COLOR", "1")
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.delenv("NO_COLOR", raising=False)
    text = f"[bold]:smile: {TEXTS[0]} \x1b[31m {'Bill in Seattle ' * 20}"
    (in_folder / "in.txt").write_text(text + "\n\n")
    assert main(["--model", model, "--input", "in.txt", "--output", "-", "--style", "color"]) == 0
    shown = capsys.readouterr().out
    expected, end = "", 0
    for entity in recognizer(text):
        expected += f"{text[end : entity.start]}[{entity.text} {entity.type}]"
        end = entity.end
    expected = (expected + text[end:]).replace("\x1b", "\ufffd")
    assert expected.count("[") > 10
    assert ("\x1b[" in shown) == forced
    assert re.sub("\x1b\\[[0-9;]*m", "", shown) == expected + "\n\n"


def test_color_goes_to_a_file_without_colors(in_folder, model, capsys):
    (in_folder / "in.txt").write_text(TEXTS[0])
    arguments = ["--model", model, "--input", "in.txt", "--output", "out.txt", "--style", "color"]
    assert main(arguments) == 0
    shown = (in_folder / "out.txt").read_text()
    assert "\x1b" not in shown
    assert any(f" {kind}]" in shown for kind in TAGS.entity_types)
    assert main([*arguments, "--resume"]) == 2
    assert "--resume needs an output file of the style json" in capsys.readouterr().err


def test_help_teaches_and_does_without_torch():
    code = """
import sys
from ner_lightning.commands.predict import main
try:
    main(["--help"])
finally:
    print("torch" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("False\n")
    assert done.stdout.count("--model runs/demo/seed-0/model") == 2
    for option in ("--format", "--style", "--resume", "--batch_subwords", "--device"):
        assert option in done.stdout
