"""Tests that an interrupted output of predict is continued to the same bytes."""

import json
import re

import pytest

from ner_lightning.commands.predict.command import main
from ner_lightning.recognizer import EntityRecognizer
from support.predicted_rows import TEXTS, rows_of


@pytest.mark.usefixtures("small_chunks")
def test_an_output_that_ends_anywhere_is_continued_to_the_same_bytes(in_folder, model, monkeypatch):
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
    assert main([*arguments, "--resume"]) == 0  # having nothing to continue is not an error
    assert output.read_bytes() == whole


def test_an_incomplete_line_is_removed_even_if_it_is_longer_than_the_rest(in_folder, model):
    (in_folder / "in.txt").write_text("a\n")
    (in_folder / "out.jsonl").write_bytes(b'{"text": "a", "entities": [' + b"a" * 999)
    assert main(["--model", model, "--input", "in.txt", "--output", "out.jsonl", "--resume"]) == 0
    assert [row["text"] for row in rows_of(in_folder / "out.jsonl")] == ["a"]


@pytest.mark.usefixtures("small_chunks")
def test_only_missing_results_are_computed(in_folder, model, monkeypatch):
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
    assert computed == [4, 4, 1]  # from the incomplete chunk onward


@pytest.mark.parametrize(
    ("begun", "message"),
    [
        (b"notes of mine", "out.jsonl:1: --resume can only continue a JSON output of predict, found b'notes of mine'"),
        (
            b"notes of mine\n",
            r"out.jsonl:1: --resume can only continue a JSON output of predict, found b'notes of mine\\n'",
        ),
        (
            b'{"my": "notes"}',
            "out.jsonl:1: --resume cannot continue this output, because it was written for another input: "
            "the record differs",
        ),
        (b'{"text": "a", "entities": []}\n{"text": "c', "out.jsonl:2: .* another input: the record differs"),
        (b'{"text": "a", "entities": []}\n{"text": "b", "mine', "out.jsonl:2: .* the record differs"),
        (b'{"text": "a", "entities": []}\n{"my": "notes"}\n', "out.jsonl:2: .* a JSON output of predict, found"),
        (b'{"text": "a", "entities": []}\n' * 2 + b'{"te', "out.jsonl:2: .* the record differs"),
        (b'{"text": "a", "entities": []}\n{"text": "b", "entities": []}\n{', "it has more than the 2 records"),
        (b'{"text": "other", "entities": []}\n{"te', "out.jsonl:1: .* the record differs"),
        (b'{"text": "a"}\n', "out.jsonl:1: --resume can only continue a JSON output of predict, found"),
        (
            b'{"text": "a", "entities": []}\n' * 3,
            "out.jsonl:3: .* it has more than the 2 records of this input",
        ),
    ],
)
def test_a_file_that_is_not_an_output_of_this_input_is_not_continued(in_folder, model, capsys, begun, message):
    (in_folder / "in.txt").write_text("a\nb\n")
    (in_folder / "out.jsonl").write_bytes(begun)
    assert main(["--model", model, "--input", "in.txt", "--output", "out.jsonl", "--resume"]) == 2
    assert re.search(message, capsys.readouterr().err)
    assert (in_folder / "out.jsonl").read_bytes() == begun
