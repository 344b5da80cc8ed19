"""Malformed files of every format: each gets one line that names the file and the place, and status 2."""

import json

import pytest

from ner_lightning.commands.convert import main

TASK = {"data": {"text": "a"}, "predictions": [{"result": [{"type": "labels", "value": 3}]}]}
HEAD = "#FORMAT=WebAnno TSV 3.3\n#T_SP=x.NamedEntity|value\n\n\n"


def passage(**values: object) -> str:
    annotation = {"infons": {"type": "X"}, "locations": [{"offset": 0, "length": 1}]}
    return json.dumps({"id": "7", "passages": [{"text": "a", "annotations": [{**annotation, **values}]}]})


MALFORMED = [
    ("Brat", "a.ann", "T1\tPER\n", ":1: an entity must be a line such as T1"),
    ("Brat", "a.ann", "T1\tPER 0 1\ta\nT2 PER 0 1 a\n", ":2: an entity must be a line such as T1"),
    ("Brat", "a.ann", "T1\tPER 0 1;\ta\n", ":1: an entity must be a line such as T1"),
    ("Brat", "a.ann", "T1\tPER -1 1\ta\n", ":1: an entity must be a line such as T1"),
    ("Brat", "a.ann", "\ufeffxx\n", ":1: an entity must be a line such as T1"),
    ("Brat", "a.ann", b"T1\tPER 0 1\t\xff\n", ":1: must be in UTF-8, found the byte 0xff; set encoding"),
    ("Brat", "a.xml", "<a/>", ": documents of brat must be files with the endings .txt and .ann"),
    ("PubTator", "a.txt", "7|a|abstract first\n", ":1: a document must begin with its title"),
    ("PubTator", "a.txt", "7\t0\t1\ta\tX\n", ":1: a document must begin with its title"),
    ("PubTator", "a.txt", "7|t|a\n8|a|b\n", ":2: every line of a document must begin with its id '7'"),
    ("PubTator", "a.txt", "7|t|a\n7|a|b\n7|a|c\n", ":3: a document must have one abstract"),
    ("PubTator", "a.txt", "7|t|a\n7\tnonsense\n", ":2: a line must be such as 12345|t|Title"),
    ("PubTator", "a.txt", "7|t|a\n\n7|t|b\n", ":3: the id of a sentence must be unique in its split, '7'"),
    ("PubTator", "a.txt", "hello\n", ":1: a document must begin with its title"),
    ("PubTator", "a.txt", "\n\n", ": the train split must contain at least one sentence"),
    ("BiocJson", "a.json", "{", ":1: must be JSON"),
    ("BiocJson", "a.json", '{"documents": [\n}', ":2: must be JSON"),
    ("BiocJson", "a.json", "[" * 100_000, ":1: must be JSON"),
    ("BiocJson", "a.json", "{}\n{", ':1: must have the key "documents" or "passages", got none'),
    ("BiocJson", "a.json", "3", ":1: must be a JSON object, got 3"),
    ("BiocJson", "a.json", '{"a": 1, "a": 2}', ":1: must be JSON: every key must occur once"),
    ("BiocJson", "a.json", '{"documents": 3}', ':1: "documents" must be a list, got 3'),
    ("BiocJson", "a.json", '{"documents": [3]}', ":1: document 1: must be a JSON object, got 3"),
    ("BiocJson", "a.json", '{"documents": [{}]}', ':1: document 1: must have the keys "passages"'),
    ("BiocJson", "a.json", '{"passages": [{}], "id": [7]}', ':1: document 1: "id" must be a string of valid Unicode'),
    ("BiocJson", "a.json", '{"passages": [{}], "id": 7}', ':1: document 1 (id 7), "passages" 1: must have the keys'),
    ("BiocJson", "a.json", '{"passages": [{"text": 3}]}', '"passages" 1: "text" must be a string'),
    ("BiocJson", "a.json", '{"passages": [{"text": "a", "offset": "0"}]}', '"offset" must be a whole number, got "0"'),
    ("BiocJson", "a.json", '{"passages": [{"text": "a", "annotations": 1}]}', '"annotations" must be a list, got 1'),
    ("BiocJson", "a.json", passage(infons={}), '"annotations" 1: must have the keys "type", got none'),
    ("BiocJson", "a.json", passage(infons={"type": ""}), '"locations" must be a list of locations'),
    ("BiocJson", "a.json", passage(infons=3), '"annotations" 1: must be a JSON object, got 3'),
    ("BiocJson", "a.json", passage(locations=[]), '"locations" must be a list of locations'),
    ("BiocJson", "a.json", passage(locations=[{"offset": 1}]), '"locations" must be a list of locations'),
    ("BiocJson", "a.json", passage(locations=[{"offset": 1.5, "length": 2}]), '"locations" must be a list of'),
    ("ConllU", "a.conllu", "1\ta\n", ":1: a word must have 10 columns separated by tabs"),
    ("ConllU", "a.conllu", "x" + "\ta" * 9 + "\n", ":1: ID must be a number such as 1, 1-2 or 8.1, got 'x'"),
    ("ConllU", "a.conllu", "1" + "\ta" * 9 + "\n", ": entity tags must be in MISC or a column as NE or NER or name"),
    ("ConllU", "a.conllu", "1" + "\ta" * 8 + "\tNE=?\n", ":1: a tag must be O, or one of"),
    ("ConllU", "a.conllu", "# global.columns = ID NE\n1\tO\n", ":2: a word must have 2 columns"),
    ("ConllU", "a.conllu", "", ": entity tags must be in MISC or a column"),
    ("Conll2012", "a.conll", "d 0 0 a - * - - - - (P* -\n", ":1: the bracket of 'P' is not closed"),
    ("Conll2012", "a.conll", "d 0 0 a - * - - - - *) -\n", ":1: '*)' closes a bracket that was not opened"),
    ("Conll2012", "a.conll", "d 0 0 a - * - - - - B-PER -\n", ":1: an entity must be written as (PERSON*"),
    ("Conll2012", "a.conll", "d 0 0 a\n", ":1: a line must have a word in column 3"),
    ("WebAnno", "a.tsv", "1-1\t0-1\ta\n", ":1: must begin with #FORMAT=WebAnno TSV 3"),
    (
        "WebAnno",
        "a.tsv",
        "#FORMAT=WebAnno TSV 3.3\n",
        ": the entities must be in one layer 'NamedEntity'",
    ),
    ("WebAnno", "a.tsv", HEAD + "1-1\t0-1\ta\t_\n", ":5: a word must be a line such as 1-2"),
    ("WebAnno", "a.tsv", HEAD + "#Text=a\n1-1 0-1 a\n", ":6: a word must be a line such as 1-2"),
    ("WebAnno", "a.tsv", HEAD + "#Text=a\n1-1\t0-x\ta\t_\n", ":6: a word must be a line such as 1-2"),
    ("WebAnno", "a.tsv", HEAD + "#Text=b\n1-1\t0-1\ta\t_\n", ":6: the words must be those of #Text='b'"),
    ("WebAnno", "a.tsv", HEAD + "#Text=a\n1-1\t0-1\ta\tP[1\n", ":6: an annotation must be such as PER or PER[1]"),
    ("WebAnno", "a.tsv", HEAD + "#Text=a\n1-1\n", ":6: a word must be a line such as 1-2"),
    ("SpacyDocBin", "a.spacy", "text", ": must be a DocBin of spaCy"),
    ("SpacyDocBin", "a.spacy", "", ": must be a DocBin of spaCy"),
    ("LabelStudio", "a.json", json.dumps(TASK), ':1: must have the keys "annotations"'),
    ("ColumnFiles", "a.ann", "T1\tPER 0 10\tMira\n", "the reader Brat reads"),
    ("ColumnFiles", "a.conll", "a (P*\n", ":1: the bracket of 'P' is not closed"),
]


@pytest.mark.parametrize(("reader", "name", "content", "message"), MALFORMED)
def test_a_malformed_file_gives_one_line_and_status_2(tmp_path, monkeypatch, capsys, reader, name, content, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    if reader == "Brat":
        (tmp_path / "a.txt").write_text("a")
    assert main(["--from", reader, "--from.train", name, "--to", "JsonLines", "--output", "out"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert message in error
    assert name in error
    assert not (tmp_path / "out").exists()


def test_a_malformed_prediction_gives_one_line_and_status_2(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.json").write_text(json.dumps(TASK))
    options = ["--from", "LabelStudio", "--from.train", "a.json", "--from.layer", "predictions"]
    assert main([*options, "--to", "JsonLines", "--output", "out"]) == 2
    assert 'a.json:1: "result" must be a list of spans' in capsys.readouterr().err
