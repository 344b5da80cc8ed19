import csv
import io
import os
from pathlib import Path

import jaxtyping
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner_lightning.corpora.column_files import ColumnFiles, ColumnFilesWriter
from ner_lightning.corpora.json_lines import JsonLinesWriter
from ner_lightning.corpora.reader import Corpus, CorpusError
from ner_lightning.entities import EntitySpan
from ner_lightning.schemes import BIO, BIOES, IO, LabelScheme
from ner_lightning.sentences import Sentence
from support.strategies import flat_entities

ROOT = Path(__file__).parents[2]
DATA = ROOT / "tests" / "data"
FOLDERS = [Path(os.environ.get("NER_LIGHTNING_DATA", "data")), ROOT / "data", ROOT.parent / "shared" / "data"]
PER, LOC = "PER", "LOC"


def corpus_folder(name: str) -> Path:
    for folder in FOLDERS:
        if (folder / name).is_dir():
            return folder / name
    pytest.skip(f"the corpus {name} is not here; set NER_LIGHTNING_DATA to the folder that holds it")


@pytest.fixture
def without_type_checks(monkeypatch):
    """Turn off type checks, which would take minutes for some million calls."""
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)


def read(path: Path, **options) -> Corpus:
    return ColumnFiles(train=str(path), **options).read()


def read_text(folder: Path, text: str, **options) -> Corpus:
    path = folder / "a.conll"
    path.write_bytes(text.encode())
    return read(path, **options)


def spans(sentence: Sentence) -> list[tuple[int, int, str]]:
    return [(entity.start, entity.end, entity.entity_type) for entity in sentence.entities]


def test_unusual_characters_and_markers_are_read():
    corpus = read(DATA / "nasty.conll")
    first, second, third = corpus.splits["train"]
    assert first.words == ("New York", "is")
    assert second.words == ("a\u0085b", "\u2028", "\u00a0x\u3000", "")
    assert third.words == ("#tag", "\ufeff", "\u200b")
    assert [spans(s) for s in (first, second, third)] == [[(0, 1, LOC)], [(1, 3, PER)], [(1, 2, PER)]]
    assert [s.document_id for s in (first, second, third)] == ["train-document-0"] * 2 + ["second (part)"]
    assert [s.id for s in (first, second, third)] == ["train-0", "train-1", "train-2"]
    (note,) = corpus.notes
    message = "I-PER between O and O is ill-formed in BIO, read by the conlleval convention"
    assert str(note) == f"{DATA / 'nasty.conll'}:15: {message}"


def test_four_space_separated_columns_with_iob1_are_read():
    corpus = read(DATA / "conll2003.conll")
    first, second, third = corpus.splits["train"]
    assert first.words == ("EU", "rejects", "German", "call", ".")
    assert [spans(s) for s in (first, second, third)] == [
        [(0, 1, "ORG"), (2, 3, "MISC")],
        [(0, 1, LOC), (1, 2, LOC)],
        [(0, 2, PER)],
    ]
    assert [s.document_id for s in (first, third)] == ["train-document-0", "train-document-1"]
    assert corpus.scheme_evidence["train"].startswith("IOB1")
    assert corpus.notes == ()


def test_other_columns_can_be_chosen():
    corpus = read(DATA / "conll2003.conll", word_column=1, tag_column=-2)
    assert corpus.splits["train"][0].words == ("NNP", "VBZ", "JJ", "NN", ".")
    assert spans(corpus.splits["train"][0]) == [(0, 1, "NP"), (1, 2, "VP"), (2, 4, "NP")]


def test_the_separator_can_be_specified(tmp_path):
    by_tab = read_text(tmp_path, "a b\tB-PER\n", separator="tab").splits["train"][0]
    by_blank = read_text(tmp_path, "a b\tB-PER\n", separator="blank").splits["train"][0]
    assert by_tab.words == ("a b",)
    assert by_blank.words == ("a",)


def test_lines_with_tabs_may_have_further_columns(tmp_path):
    text = "New York\tB-LOC\tsure\nfell\tO\t\nBill\tB-PER\n"
    assert read_text(tmp_path, text, tag_column=1).splits["train"][0].words == ("New York", "fell", "Bill")


def test_the_first_line_can_be_a_header(tmp_path):
    (sentence,) = read_text(tmp_path, "token\ttag\n# about d1\nMira\tB-PER\n", header=True, comment="# ").splits[
        "train"
    ]
    assert (sentence.words, spans(sentence)) == (("Mira",), [(0, 1, PER)])


def test_quoted_fields_are_read_as_csv_writers_write_them(tmp_path):
    text = io.StringIO()
    words = ['"', "a b", "it's", '."', "x\ty"]
    csv.writer(text, delimiter="\t").writerows([word, "O"] for word in words)
    assert read_text(tmp_path, text.getvalue(), quoted=True).splits["train"][0].words == tuple(words)
    assert read_text(tmp_path, '""""\tO\n').splits["train"][0].words == ('""""',)


@pytest.mark.parametrize("name", ["", "Sentence: 1"])
def test_a_column_can_name_the_sentences(tmp_path, name):
    rows = [
        ["Sentence #", "Word", "Tag"],
        ["Sentence: 1", "Tarnby", "B-geo"],
        [name, ",", "O"],
        ["Sentence: 2", "Mira", "B-per"],
    ]
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    options = {"separator": "comma", "header": True, "sentence_column": 0, "word_column": 1}
    sentences = read_text(tmp_path, text.getvalue(), **options).splits["train"]
    assert [(s.words, spans(s)) for s in sentences] == [
        (("Tarnby", ","), [(0, 1, "geo")]),
        (("Mira",), [(0, 1, "per")]),
    ]


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16", "utf-16-le", "UTF8"])
def test_other_encodings_can_be_specified(tmp_path, encoding):
    (tmp_path / "a.conll").write_bytes(
        "\ufeffMüller\tB-PER\n".removeprefix("\ufeff" * (encoding == "cp1252")).encode(encoding)
    )
    assert read(tmp_path / "a.conll", encoding=encoding).splits["train"][0].words == ("Müller",)


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("1\tMira\tB-PER\n2\tleft\tO\n\n1\tOslo\tB-LOC\n", 0),
        ("0 Mira B-PER\n1 left O\n", 0),
        ("1-2\tdu\tO\n1\tde\tO\n2\tle\tO\n2.1\tx\tO\n", 0),
        ("f 1 Mira B-PER\nf 2 left O\n", 1),
    ],
)
def test_a_column_that_counts_the_words_is_not_read_as_words(tmp_path, text, column):
    with pytest.raises(
        CorpusError, match=rf"a\.conll: column {column} counts the words .* set word_column, .* to {column + 1}"
    ):
        read_text(tmp_path, text, word_column=column)
    assert read_text(tmp_path, text, word_column=column + 1).splits["train"][0].words[0] in {"Mira", "du"}


@pytest.mark.parametrize(
    "text", ["1 x O\n2 x O\n\nyes x O\n", "2 x O\n3 x O\n", "1 O\n2 O\n", "1 x O\n", "1 x O\n99 x O\n"]
)
def test_numbers_can_be_words(tmp_path, text):
    assert read_text(tmp_path, text).splits["train"][0].words[0] in {"1", "2"}


def test_comments_name_documents_and_sentences(tmp_path):
    text = (
        "# newdoc id = d1\n# sent_id = s1\nParis\tS-LOC\n# identical to a comment\n#tag\tO\n\n# id s2 domain=en\nx\tO\n"
    )
    first, second = read_text(tmp_path, text, comment="# ").splits["train"]
    assert (first.words, first.id, first.document_id) == (("Paris", "#tag"), "s1", "d1")
    assert (second.words, second.id, second.document_id) == (("x",), "s2", "d1")


def test_other_document_markers_can_be_specified(tmp_path):
    text = "#begin document (nw/x); part 000\na\tO\n#end document\n###MEDLINE:95\n\nb\tO\n"
    assert [s.document_id for s in read_text(tmp_path, text).splits["train"]] == ["(nw/x); part 000", "95"]


def test_every_ill_formed_tag_is_noted_with_its_line(tmp_path):
    corpus = read_text(tmp_path, "a\tB-PER\nb\tI-LOC\nc\tI-LOC\n\nd\tO\ne\tI-PER\n", scheme="BIO")
    assert [(n.kind, n.line) for n in corpus.notes] == [("ill_formed_tag", 2), ("ill_formed_tag", 6)]
    assert [spans(s) for s in corpus.splits["train"]] == [[(0, 1, PER), (1, 3, LOC)], [(1, 2, PER)]]
    assert corpus.scheme_evidence == {"train": "BIO: stated"}


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("a\tO\nc\tB-PER\n\nb\tB_PER\n", {}, r":4: a tag must be O, or one of .* got 'B_PER'"),
        ("a\tPER\n", {}, r":1: a tag must be O"),
        ("a\tB-\n", {}, r":1: a tag must be O"),
        (
            "a\tO\nb\n",
            {},
            r":2: a line must have a word in column 0 .* and a tag in column -1 .*got 1 column: 'b'",
        ),
        ("a b O\n", {"tag_column": 3}, r":1: a line must have .* got 3 columns: 'a b O'"),
        ("a O\n", {"word_column": 1}, r":1: a line must have"),
        ("a\tO\nb\tS-PER\n", {"scheme": "BIO"}, r":2: scheme is BIO, .* B I, got 'S-PER'"),
        (
            "-DOCSTART- O\n\nBill B-PER\nis O\n\nNew York B-LOC\n",
            {},
            r":6: every line must have the same number of columns as the first \(2: 'Bill B-PER'\), got 3: "
            r"'New York B-LOC'; a word can contain a space only if tabs separate",
        ),
        ("New York\tB-LOC\nNew York B-LOC\n", {}, r":2: every line must have the same number of columns as the first"),
        ("New York B-LOC\nBill\tB-PER\n", {}, r":2: every line must have the same number of columns as the first"),
        ("A\tB-PER\rB\tI-PER\r\rC\tO\r", {}, r":1: line ends must be LF or CRLF, found CR"),
        ("A\tO\r\n\r\nB\tO\r\r\n", {}, r":3: line ends must be LF or CRLF, found CR"),
        (
            "# about x\nBill B-PER\n",
            {},
            r":2: every line .*; if lines that begin with '# ' are comments, set comment to '# '",
        ),
        (
            "Bill B-PER\n% 17\ta\n",
            {"separator": "blank"},
            r":2: every .*begin with '% ' are comments, set comment to '% '",
        ),
        ("Mira,B-PER\n", {}, r":1: a line must .*; if commas separate the columns, set separator to comma"),
        ("word\nBill B-PER\n", {}, r":1: a line must .*; if the first line names the columns, set header to true"),
        ("token\ttag\nBill\tB-PER\nx\tI-PER\n", {}, r":1: a tag must .*, header if the first line names the columns"),
        ("", {}, r": the train split must contain at least one sentence, got none"),
        ("-DOCSTART- O\n\n \n", {}, r": the train split must contain at least one sentence, got none"),
        (
            "# id x\na O\n\n# id x\nb O\n",
            {"comment": "# "},
            r":5: the id .* unique in its split, 'x' .* line 2",
        ),
    ],
)
def test_wrong_input_gives_one_line_with_file_and_line(tmp_path, text, options, message):
    with pytest.raises(CorpusError, match=r"a\.conll" + message) as caught:
        read_text(tmp_path, text, **options)
    assert "\n" not in str(caught.value)


def test_files_that_cannot_be_read_are_named(tmp_path):
    (tmp_path / "latin.conll").write_bytes(b"a\tO\n\nM\xfcnchen\tB-LOC\n")
    with pytest.raises(
        CorpusError, match=r"latin\.conll:3: must be in UTF-8, found the byte 0xfc; set encoding, for example to cp1252"
    ):
        read(tmp_path / "latin.conll")
    (tmp_path / "utf16.conll").write_bytes("a\tO\n".encode("utf-16"))
    with pytest.raises(CorpusError, match=r"utf16\.conll:1: must be in UTF-8, .* for example to utf-16"):
        read(tmp_path / "utf16.conll")
    with pytest.raises(CorpusError, match=r"none\.conll: file not found"):
        read(tmp_path / "none.conll")
    (tmp_path / "empty").mkdir()
    with pytest.raises(CorpusError, match=r"empty: the folder has no files"):
        read(tmp_path / "empty")
    with pytest.raises(CorpusError, match=r"none-\*\.conll: no file matches this pattern"):
        read(tmp_path / "none-*.conll")
    with pytest.raises(CorpusError, match=r"none\.conll: file not found; get it from the task's web page; a path"):
        read(tmp_path / "none.conll", source="the task's web page")


def test_a_split_may_have_several_files(tmp_path):
    for name, word in [("b", "two"), ("a", "one"), ("c", "three")]:
        (tmp_path / f"part-{name}.conll").write_text(f"-DOCSTART- O\n\n{word} O\n")
    (tmp_path / ".hidden").write_text("hidden O\n")
    in_order = [("one",), ("two",), ("three",)]
    by_list = [str(tmp_path / f"part-{name}.conll") for name in "abc"]
    for train in (
        by_list,
        str(tmp_path / "part-*.conll"),
        str(tmp_path),
        [by_list[0], str(tmp_path / "part-[bc].conll")],
    ):
        sentences = ColumnFiles(train=train).read().splits["train"]
        assert [sentence.words for sentence in sentences] == in_order
        assert [sentence.id for sentence in sentences] == ["train-0", "train-1", "train-2"]
        assert [sentence.document_id for sentence in sentences] == [f"train-document-{i}" for i in range(3)]


def test_a_document_ends_with_its_file(tmp_path):
    (tmp_path / "a.conll").write_text("-DOCSTART- (d)\n\na O\n")
    (tmp_path / "b.conll").write_text("b O\n")
    assert [s.document_id for s in read(tmp_path).splits["train"]] == ["d", None]


def test_a_repeated_id_names_both_files(tmp_path):
    for name in "ab":
        (tmp_path / f"{name}.conll").write_text("# id x\na O\n")
    with pytest.raises(CorpusError, match=r"b\.conll:2: .* 'x' is also used in .*a\.conll:2"):
        read(tmp_path, comment="# ")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "at least one of train, validation, test must name a file"),
        ({"train": "a", "word_column": 1, "tag_column": 1}, "must differ"),
        ({"train": "a", "encoding": "utf-9"}, "encoding must be one that Python knows, such as utf-8 or cp1252"),
    ],
)
def test_wrong_options_fail_at_construction(options, message):
    with pytest.raises(ValueError, match=message):
        ColumnFiles(**options)


def test_the_data_folder_is_given_by_the_environment(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "a.conll").write_text("a\tO\n")
    monkeypatch.setenv("NER_LIGHTNING_DATA", str(tmp_path))
    assert ColumnFiles(train="data/here/a.conll").read().splits["train"][0].words == ("a",)
    monkeypatch.delenv("NER_LIGHTNING_DATA")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CorpusError, match="NER_LIGHTNING_DATA"):
        ColumnFiles(train="data/here/a.conll").read()
    assert ColumnFiles(train="here/a.conll").read().splits["train"][0].words == ("a",)


WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\t\n\r"), max_size=5)


PARTS = flat_entities(max_words=6).flatmap(
    lambda drawn: st.tuples(
        st.lists(WORDS, min_size=drawn[1], max_size=drawn[1]),
        st.just(drawn[0]),
        st.sampled_from(["1", "b (c)"]) | WORDS.filter(bool),
    )
)


@pytest.mark.parametrize("scheme", [BIO(), BIOES()], ids=str)
@given(parts=st.lists(PARTS.filter(lambda part: part[0]), min_size=1, max_size=4))
def test_a_corpus_is_the_same_after_writing_and_reading(tmp_path_factory, scheme: LabelScheme, parts):
    folder = tmp_path_factory.mktemp("written")
    sentences = [
        Sentence(tuple(words), tuple(entities), f"validation-{position}", document_id)
        for position, (words, entities, document_id) in enumerate(parts)
    ]
    corpus = Corpus({"validation": tuple(sentences)})
    losses = ColumnFilesWriter(scheme).write(corpus, str(folder))
    again = ColumnFiles(validation=str(folder / "validation.conll")).read()
    assert again.splits == corpus.splits
    assert again.notes == ()
    num_empty = sum(s.words.count("") for s in corpus.splits["validation"])
    assert len(losses) == (num_empty > 0)


def test_the_writer_reports_what_the_format_cannot_hold(tmp_path):
    sentences = (
        Sentence(("a\tb", "", "-DOCSTART-x"), (EntitySpan(0, 1, PER), EntitySpan(1, 2, PER)), "mine", "d"),
        Sentence((), (), "train-1", "d"),
        Sentence(("x",), (), "train-1", None, "x", ((0, 1),)),
    )
    losses = ColumnFilesWriter(IO()).write(Corpus({"train": sentences}), str(tmp_path))
    beginnings = (
        "1 words or entity types that contain a tab",
        "1 empty words",
        "1 words that begin with -DOCSTART-",
        "1 sentences with a custom id",
        "1 sentences with adjacent entities",
        "1 sentences without words",
        "1 sentences with a raw text",
        "1 sentences without a document",
    )
    assert sorted(losses) == sorted(loss for loss in losses if loss.startswith(beginnings))
    assert len(losses) == len(beginnings)
    again = read(tmp_path / "train.conll").splits["train"]
    assert [s.words for s in again] == [("a b", "", " -DOCSTART-x"), ("x",)]
    assert spans(again[0]) == [(0, 2, PER)]


def test_a_document_id_never_becomes_a_word(tmp_path):
    ids = ["x\ny", "z\tq", "", "fine"]
    sentences = tuple(Sentence(("a",), (), f"train-{i}", document_id) for i, document_id in enumerate(ids))
    losses = ColumnFilesWriter().write(Corpus({"train": sentences}), str(tmp_path))
    assert losses == ["3 documents whose id is empty or contains a tab or a line break: written with another id"]
    again = read(tmp_path / "train.conll").splits["train"]
    assert [s.words for s in again] == [("a",)] * 4
    assert [s.document_id for s in again] == ["x y", "z q", "train-document-0", "fine"]


@pytest.mark.parametrize("entity_type", ["P ", " P", "P\n", " "])
def test_types_with_outer_spaces_are_refused_before_anything_is_written(tmp_path, entity_type):
    corpus = Corpus({"train": (Sentence(("a",)),), "test": (Sentence(("a",), (EntitySpan(0, 1, entity_type),)),)})
    with pytest.raises(CorpusError, match="must not begin or end with a space"):
        ColumnFilesWriter().write(corpus, str(tmp_path))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("writer", [ColumnFilesWriter(), JsonLinesWriter()], ids=lambda writer: type(writer).__name__)
def test_a_writer_that_fails_leaves_no_partial_file(tmp_path, writer):
    sentences = (Sentence(("written",)), Sentence(("\ud800",)))
    with pytest.raises(UnicodeEncodeError):
        writer.write(Corpus({"train": sentences}), str(tmp_path))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("without_type_checks")
def test_the_counts_of_wnut17_are_the_published_ones():
    folder = corpus_folder("wnut17")
    names = {"train": 3394, "validation": 1009, "test": 1287}
    corpus = ColumnFiles(**{split: str(folder / f"{split}.conll") for split in names}).read()
    assert {split: len(sentences) for split, sentences in corpus.splits.items()} == names
    assert corpus.entity_types("test") == (
        "corporation",
        "creative-work",
        "group",
        "location",
        "person",
        "product",
    )
    assert all(evidence.startswith("BIO:") for evidence in corpus.scheme_evidence.values())
    assert not corpus.notes


@pytest.mark.usefixtures("without_type_checks")
def test_bc5cdr_is_the_same_in_bio_and_bioes():
    folder = corpus_folder("bc5cdr")
    sizes = {"train": 4560, "validation": 4581, "test": 4797}
    bio, bioes = (
        ColumnFiles(**{split: str(folder / f"{split}.{scheme}.tsv") for split in sizes}).read()
        for scheme in ("bio", "bioes")
    )
    assert {split: len(sentences) for split, sentences in bio.splits.items()} == sizes
    for split in sizes:
        for left, right in zip(bio.splits[split], bioes.splits[split], strict=True):
            assert left == right
    assert sum(bio.type_counts("test").values()) == 9809
    assert [e.partition(":")[0] for e in bioes.scheme_evidence.values()] == ["BIOES"] * 3
    assert bio.notes == bioes.notes == ()


@pytest.mark.usefixtures("without_type_checks")
def test_bc5cdr_converted_to_bioes_is_the_published_file(tmp_path):
    folder = corpus_folder("bc5cdr")
    ColumnFilesWriter(BIOES()).write(read(folder / "train.bio.tsv"), str(tmp_path))
    assert (tmp_path / "train.conll").read_text().rstrip() == (folder / "train.bioes.tsv").read_text().rstrip()
