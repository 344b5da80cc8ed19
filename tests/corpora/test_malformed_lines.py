"""Malformed files and settings: each gets exactly one line, which names the place, and exit status 2."""

from pathlib import Path

import pytest

from ner_lightning.commands.check import main as check
from ner_lightning.commands.convert import main as convert

SPAN = 'a list of spans such as {"start": 0, "end": 4, "type": "PER"} or [0, 4, "PER"]'
COLUMNS = (
    "a line must have a word in column {} (word_column) and a tag in column {} (tag_column), counted "
    "from 0, from the "
    "end if negative, got {}; if the first line names the columns, set header to true"
)
TAG = (
    "a tag must be O, or one of B I E S L U M W, a hyphen and a type, got {}; set tags.form if the tags "
    "are spelled differently"
)
ALSO = (
    "; set tag_column if the tags are in another column, header if the first line names the columns, or "
    "comment if such lines are comments"
)
TUPLE = 'must be a JSON object, or a list such as ["Bill left", {"entities": [[0, 4, "PER"]]}], got '
KEYS = (
    'must have the keys "text" and "entities", or "words" and "entities", or "tokens" and "ner_tags" (one pair), got '
    '"{}"; the readers Prodigy, Doccano, LabelStudio and SpacyTuples read exports of these tools'
)
EMPTY = ": the train split must contain at least one sentence, got none"

FILES = [  # reader, file, options, content, line
    (
        "ColumnFiles",
        "a.conll",
        "",
        b"Mira\tB-PER\n\xff\tO\n",
        "a.conll:2: must be in UTF-8, found the byte 0xff; set encoding, for example to cp1252",
    ),
    ("ColumnFiles", "a.conll", "", "Mira B-PER\nsaw\n", "a.conll:2: " + COLUMNS.format(0, -1, "1 column: 'saw'")),
    (
        "ColumnFiles",
        "a.conll",
        "",
        "Mira B-PER\nsaw O x\n",
        "a.conll:2: every line must have the same number of columns as the first (2: 'Mira B-PER'), got 3: "
        "'saw O x'; a word can contain a space only if tabs separate the columns; if the first line names "
        "the columns, set header to true",
    ),
    ("ColumnFiles", "a.conll", "", "Mira B-\n", "a.conll:1: " + TAG.format("'B-'") + ALSO),
    ("ColumnFiles", "a.conll", "", "", "a.conll" + EMPTY),
    ("ColumnFiles", "a.conll", "", "-DOCSTART- O\n\n", "a.conll" + EMPTY),
    (
        "ColumnFiles",
        "a.conll",
        "word_column 7",
        "Mira B-PER\n",
        "a.conll:1: " + COLUMNS.format(7, -1, "2 columns: 'Mira B-PER'"),
    ),
    (
        "ColumnFiles",
        "a.conll",
        "tag_column -9",
        "Mira B-PER\n",
        "a.conll:1: " + COLUMNS.format(0, -9, "2 columns: 'Mira B-PER'"),
    ),
    (
        "ColumnFiles",
        "a.conll",
        "encoding utf-99",
        "Mira B-PER\n",
        "encoding must be one that Python knows, such as utf-8 or cp1252, got 'utf-99'",
    ),
    (
        "ColumnFiles",
        "a.conll",
        "scheme BIOX",
        "Mira B-PER\n",
        "from.scheme must be one of IO, IOB1, BIO, IOE1, IOE2, BIOES, BILOU, BMES, BMEWO or null, got BIOX",
    ),
    ("ColumnFiles", "a.conll", "header maybe", "Mira B-PER\n", "from.header must be true or false, got maybe"),
    (
        "ColumnFiles",
        "a.conll",
        "",
        "# x\nMira B-PER\n",
        "a.conll:1: " + TAG.format("'x' (others are spelled like 'B-PER')") + ALSO,
    ),
    (
        "ColumnFiles",
        "a.conll",
        "",
        "Mira B-PER|B-LOC\nx O\n",
        "a.conll:1: 'B-PER|B-LOC' joins several tags with '|'; set tags.joined to first to read only the first of them",
    ),
    (
        "ColumnFiles",
        "a.csv",
        "quoted true separator ,",
        'a,"b\n',
        "from.separator must be one of auto, tab, blank, comma, got ,",
    ),
    ("ColumnFiles", "a.conll", "no_such 1", "Mira B-PER\n", "unrecognized arguments: --from.no_such 1"),
    (
        "ColumnFiles",
        "a.conll",
        "",
        b"\xff\xfeM\x00i\x00r\x00a\x00 \x00B\x00-\x00P\x00E\x00R\x00\n\x00",
        "a.conll:1: must be in UTF-8, found the byte 0xff; set encoding, for example to utf-16",
    ),
    ("ColumnFiles", "a.conll", "", b"PK\x03\x04zip", "a.conll: must be a text file, found a zip file; unpack it first"),
    (
        "ColumnFiles",
        "a.conll",
        "",
        b"\x1f\x8b\x08gz",
        "a.conll: must be a text file, found a gzip file; decompress it first",
    ),
    ("ColumnFiles", "a.conll", "", "Mira\n", "a.conll:1: " + COLUMNS.format(0, -1, "1 column: 'Mira'")),
    (
        "ColumnFiles",
        "a.conll",
        "word_column 0",
        "1\tMira\tB-PER\n2\tsaw\tO\n3\tx\tO\n",
        "a.conll: column 0 counts the words of each sentence (1, 2, 3, …) instead of containing them; set "
        "word_column, for example to 1",
    ),
    (
        "JsonLines",
        "a.jsonl",
        "",
        "{",
        "a.jsonl:1: must be one JSON object per line: Expecting property name enclosed in double quotes: "
        "line 1 column 2 (char 1)",
    ),
    ("JsonLines", "a.jsonl", "", "[]", "a.jsonl" + EMPTY),
    ("JsonLines", "a.jsonl", "", "3\n", "a.jsonl:1: must be a JSON object, got 3"),
    ("JsonLines", "a.jsonl", "", "NaN\n", "a.jsonl:1: must be a JSON object, got NaN"),
    ("JsonLines", "a.jsonl", "", '{"text": "a"}\n', "a.jsonl:1: " + KEYS.format("text")),
    (
        "JsonLines",
        "a.jsonl",
        "",
        '{"text": 3, "entities": []}\n',
        'a.jsonl:1: "text" must be a string of valid Unicode, got 3',
    ),
    ("JsonLines", "a.jsonl", "", '{"text": "a", "entities": 3}\n', 'a.jsonl:1: "entities" must be a list, got 3'),
    (
        "JsonLines",
        "a.jsonl",
        "",
        '{"text": "a", "entities": [[0, 1]]}\n',
        'a.jsonl:1: "entities" must be ' + SPAN + ", got [0, 1]",
    ),
    (
        "JsonLines",
        "a.jsonl",
        "",
        '{"text": "a", "entities": [[0, 1.5, "P"]]}\n',
        'a.jsonl:1: "entities" must be ' + SPAN + ', got [0, 1.5, "P"]',
    ),
    (
        "JsonLines",
        "a.jsonl",
        "",
        '{"text": "a", "entities": [[true, 1, "P"]]}\n',
        'a.jsonl:1: "entities" must be ' + SPAN + ', got [true, 1, "P"]',
    ),
    (
        "JsonLines",
        "a.jsonl",
        "",
        '{"text": "a", "entities": [[0, 1, ""]]}\n',
        'a.jsonl:1: "entities" must be ' + SPAN + ', got [0, 1, ""]',
    ),
    (
        "JsonLines",
        "a.jsonl",
        "",
        '{"text": "\\ud800", "entities": []}\n',
        'a.jsonl:1: "text" must be a string of valid Unicode, got "\\ud800"',
    ),
    (
        "JsonLines",
        "a.jsonl",
        "",
        '{"words": "a b", "entities": []}\n',
        'a.jsonl:1: "words" must be a list of strings of valid Unicode, got "a b"',
    ),
    (
        "JsonLines",
        "a.jsonl",
        "",
        '{"words": ["a"], "entities": [], "unannotated": [4]}\n',
        "a.jsonl:1: unannotated words must be in order and within the sentence, got (4,)",
    ),
    (
        "JsonLines",
        "a.jsonl",
        "",
        '{"words": ["a"], "entities": [], "unannotated": "0"}\n',
        'a.jsonl:1: "unannotated" must be a list, got "0"',
    ),
    (
        "JsonLines",
        "a.jsonl",
        "",
        '{"words": ["a"], "entities": [[0, 1, "P"]], "unannotated": [0]}\n',
        "a.jsonl:1: an entity must not contain a word that nobody annotated, got P from word 0 to 1 with word 0",
    ),
    (
        "JsonLines",
        "a.jsonl",
        "",
        '{"tokens": ["a"], "ner_tags": ["O", "O"]}\n',
        "a.jsonl:1: every word needs one tag, got 1 words and 2 tags",
    ),
    (
        "JsonLines",
        "a.jsonl",
        "",
        '{"tokens": ["a"], "ner_tags": "O"}\n',
        'a.jsonl:1: "ner_tags" must be a list, got "O"',
    ),
    (
        "JsonLines",
        "a.jsonl",
        "",
        '{"tokens": ["a"], "ner_tags": [7]}\n',
        'a.jsonl:1: "ner_tags" must be names of tags, unless tag_names lists the names of numbers, got [7]',
    ),
    ("JsonLines", "a.jsonl", "", '{"tokens": ["a"], "ner_tags": ["Q-P"]}\n', "a.jsonl:1: " + TAG.format("'Q-P'")),
    (
        "JsonLines",
        "a.jsonl",
        "",
        '{"id": "x", "words": ["a"], "entities": []}\n{"id": "x", "words": ["b"], "entities": []}\n',
        "a.jsonl:2: the id of a sentence must be unique in its split, 'x' is also used in line 1",
    ),
    (
        "JsonLines",
        "a.jsonl",
        "",
        '{"id": 7.5, "words": ["a"], "entities": []}\n',
        'a.jsonl:1: "id" must be a string of valid Unicode or a whole number, got 7.5',
    ),
    (
        "JsonLines",
        "a.jsonl",
        "",
        '{"document_id": [1], "words": ["a"], "entities": []}\n',
        'a.jsonl:1: "document_id" must be a string of valid Unicode or a whole number, got [1]',
    ),
    (
        "JsonLines",
        "a.jsonl",
        "word_splitter NoSuch",
        '{"text": "a", "entities": []}\n',
        "from.word_splitter must be one of BlankSplitter, PunctuationSplitter, CharacterSplitter, "
        "UnicodeSplitter or null, got NoSuch",
    ),
    (
        "JsonLines",
        "a.jsonl",
        "",
        "[" * 100_000,
        "a.jsonl:1: must be an item of a JSON array: its lists and objects are nested too deeply",
    ),
    (
        "JsonLines",
        "a.jsonl",
        "",
        '{"text":"a","text":"b","entities":[]}\n',
        'a.jsonl:1: must be one JSON object per line: every key must occur once in an object, "text" is repeated',
    ),
    (
        "JsonLines",
        "a.jsonl",
        "",
        '{"text": "a", "entities": [[0, ' + "9" * 5000 + ', "P"]]}',
        "a.jsonl:1: must be one JSON object per line: a number has too many digits",
    ),
    ("LabelStudio", "a.json", "", "[{}]", 'a.json:1: a task must have the key "text", got none; set text_key'),
    ("LabelStudio", "a.json", "", '[{"data": 3, "annotations": []}]', 'a.json:1: "data" must be a JSON object, got 3'),
    (
        "LabelStudio",
        "a.json",
        "",
        '[{"data": {"text": "a"}, "annotations": 3}]',
        'a.json:1: "annotations" must be a list, got 3',
    ),
    (
        "LabelStudio",
        "a.json",
        "",
        '[{"data": {"text": "a"}, "annotations": [{"result": [{"type": "labels", "value": {"start": "0", '
        '"end": 1, "labels": ["P"]}}]}]}]',
        'a.json:1: "result" must be ' + SPAN + ', got {"start": "0", "end": 1, "labels": ["P"]}',
    ),
    (
        "LabelStudio",
        "a.json",
        "layer other",
        '[{"data": {"text": "a"}, "annotations": [{"result": []}]}]',
        "from.layer must be one of annotations, predictions, got other",
    ),
    (
        "LabelStudio",
        "a.json",
        "",
        '[{"data": {"text": "a"}, "annotations": []}]',
        "a.json" + EMPTY + "; rows skipped: 1, such as a.json:1: the task has no submitted annotation",
    ),
    ("SpacyTuples", "a.json", "", '["a"]\n', "a.json:1: " + TUPLE + '["a"]'),
    (
        "SpacyTuples",
        "a.json",
        "",
        '["a", {"entities": [[0, 1]]}]\n',
        'a.json:1: "entities" must be ' + SPAN + ", got [0, 1]",
    ),
    (
        "Doccano",
        "a.jsonl",
        "",
        '{"text": "a"}\n',
        'a.jsonl:1: must have exactly one of the keys "label", "labels", "entities", "annotations", got "text"',
    ),
    ("Doccano", "a.jsonl", "", '{"text": "a", "label": ["P"]}\n', 'a.jsonl:1: "label" must be ' + SPAN + ', got "P"'),
    (
        "Doccano",
        "a.jsonl",
        "",
        '{"label": []}\n',
        'a.jsonl:1: must have exactly one of the keys "text", "data", got "label"',
    ),
    ("Prodigy", "a.jsonl", "", '{"text": "a", "spans": 3}\n', 'a.jsonl:1: "spans" must be a list, got 3'),
    (
        "Prodigy",
        "a.jsonl",
        "",
        '{"text": "a", "answer": "reject"}\n',
        "a.jsonl" + EMPTY + '; rows skipped: 1, such as a.jsonl:1: "answer" is \'reject\', not "accept"',
    ),
    ("Prodigy", "a.jsonl", "", '{"spans": []}\n', 'a.jsonl:1: must have the keys "text", got "spans"'),
    (
        "GlinerJson",
        "a.json",
        "",
        '[{"tokenized_text": ["a"], "ner": [[0, 1]]}]',
        'a.json:1: "ner" must be ' + SPAN + ", got [0, 1]",
    ),
    ("GlinerJson", "a.json", "", '[{"tokenized_text": ["a"], "ner": 3}]', 'a.json:1: "ner" must be a list, got 3'),
    (
        "GlinerJson",
        "a.json",
        "",
        '[{"tokenized_text": "a", "ner": []}]',
        'a.json:1: "tokenized_text" must be a list of strings of valid Unicode, got "a"',
    ),
    ("GlinerJson", "a.json", "", '[{"ner": []}]', 'a.json:1: must have the keys "tokenized_text", "ner", got "ner"'),
]

CONFIGS = [
    ("data: 3", "c.yaml: data must be a mapping, got 3"),
    ("- a", "c.yaml: must contain settings, got ['a']"),
    ("{", "c.yaml:1: not valid YAML: expected the node content, but found '<stream end>'"),
    ("data:\n\tcorpus: x", "c.yaml:2: not valid YAML: found character '\\t' that cannot start any token"),
    ("a: &a [*a]", "c.yaml: a setting must not contain itself"),
    ("data: {corpus: ExampleCorpus}\ndata: {}", "c.yaml:2: data is set a second time; set every key only once"),
    (
        "data: !!python/object/apply:os.system [ls]",
        "c.yaml:1: could not determine a constructor for the tag 'tag:yaml.org,2002:python/object/apply:os.system'",
    ),
    ("data: {corpus: {class_path: ColumnFiles}}", "at least one of train, validation, test must name a file, got none"),
    (
        "data: {corpus: {class_path: ColumnFiles, init_args: {train: a.conll, tags: {form: Q}}}}",
        "data.corpus.tags.form must be one of B-PER, PER-B, B, PER or null, got Q",
    ),
    (
        "data: {corpus: {class_path: ColumnFiles, init_args: {train: a.conll, tags: {unannotated: x}}}}",
        "data.corpus.tags.unannotated must be a list or null, got x; write a list as [x]",
    ),
    (
        "data: {corpus: {class_path: ColumnFiles, init_args: {train: a.conll, separator: ','}}}",
        "data.corpus.separator must be one of auto, tab, blank, comma, got ,",
    ),
    ("data: {corpus: ExampleCorpus, train_share: 2}", "train_share must be above 0 and at most 1, got 2.0"),
    ("data: {corpus: ExampleCorpus, windows: {max_subwords: 0}}", "max_subwords must be null or at least 1, got 0"),
    ("data: {corpus: ExampleCorpus, batches: {max_windows: a}}", "data.batches.max_windows must be an integer, got a"),
    (
        "data: {corpus: ExampleCorpus, scheme: BIOX}",
        "data.scheme must be one of IO, BIO, BIOES or null, got BIOX; did you mean BIO?",
    ),
    (
        "data: {corpus: ExampleCorpus, entity_types: {NO: COUNTRY}}",
        "entity_types must be text, got False; YAML reads NO, OFF and FALSE as false; put such names in "
        "quotes, for example 'NO'",
    ),
    (
        "data: {corpus: ExampleCorpus}\nmodel: {loss: {class_path: FocalLoss, init_args: {gamma: x}}}",
        "model.loss.gamma must be a number, got x",
    ),
    (
        "data: {corpus: {class_path: ExampleCorpus, init_args: {num_train: -1}}}",
        "the train split must contain at least one sentence, got -1",
    ),
    ("report: [1]\ndata: {corpus: ExampleCorpus}", "report must be a string or null, got [1]"),
]


@pytest.mark.parametrize(("reader", "name", "options", "content", "line"), FILES)
def test_a_malformed_file_gets_exactly_one_line(tmp_path, monkeypatch, capsys, reader, name, options, content, line):
    monkeypatch.chdir(tmp_path)
    Path(name).write_bytes(content if isinstance(content, bytes) else content.encode())
    words = options.split(" ") if options else []
    settings = [word if index % 2 else f"--from.{word}" for index, word in enumerate(words)]
    given = ["--from", reader, "--from.train", name, *settings]
    assert convert([*given, "--to", "JsonLines", "--output", "out"]) == 2
    assert_line(capsys.readouterr().err, line)
    assert not Path("out").exists()


@pytest.mark.parametrize(("content", "line"), CONFIGS)
def test_a_malformed_config_gets_exactly_one_line(tmp_path, monkeypatch, capsys, content, line):
    monkeypatch.chdir(tmp_path)
    Path("c.yaml").write_text(content, encoding="utf-8")
    assert check(["--config", "c.yaml"]) == 2
    assert_line(capsys.readouterr().err, line)


def assert_line(error: str, line: str) -> None:
    """Check that the error is the line, after which only the command's help may be named."""
    assert error.count("\n") == 1
    without_help = error.removesuffix("\n").partition(" (see python -m ner_lightning ")[0]
    assert without_help == f"error: {line}"
