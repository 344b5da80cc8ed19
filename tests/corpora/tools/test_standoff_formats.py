"""Tests of the readers of brat, BioC JSON and PubTator, with the exact form of their files."""

import json
from pathlib import Path
from typing import Any

import bioc
import pytest
from bioc import biocjson, pubtator

from ner_lightning.corpora.reader import Corpus, CorpusError
from ner_lightning.corpora.reading.flat_spans import SpanReading
from ner_lightning.corpora.tools.bioc import BiocJson, BiocJsonWriter
from ner_lightning.corpora.tools.brat import Brat, BratWriter
from ner_lightning.corpora.tools.pubtator import PubTator, PubTatorWriter
from support.tricky_sentences import TRICKY_SENTENCES

TEXT = "Mira Kolbe left Tarnby and West"


def entities_of(corpus: Corpus) -> list[tuple[str, str]]:
    return [(s.surface(e), e.entity_type) for s in corpus.splits["train"] for e in s.entities]


def write_brat(folder: Path, annotations: str, text: str = TEXT, name: str = "doc1") -> None:
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.txt").write_text(text, encoding="utf-8")
    (folder / f"{name}.ann").write_text(annotations, encoding="utf-8")


@pytest.mark.parametrize(
    ("reading", "expected", "outcome"),
    [
        ("cover", [("Tarnby and West", "LOC")], "read from 16 to 31"),
        ("pieces", [("Tarnby", "LOC"), ("West", "LOC")], "each piece is read as an entity"),
        ("drop", [], "dropped"),
    ],
)
def test_a_discontinuous_entity_is_read_as_configured_and_reported(tmp_path, reading, expected, outcome):
    write_brat(tmp_path / "in", "T1\tPER 0 10\tMira Kolbe\nT2\tLOC 16 22;27 31\tTarnby West\n")
    corpus = Brat(train=str(tmp_path / "in"), spans=SpanReading(discontinuous=reading)).read()
    assert entities_of(corpus) == [("Mira Kolbe", "PER"), *expected]
    (note,) = corpus.notes
    assert note.kind == "discontinuous_span"
    assert str(note) == (
        f"{tmp_path / 'in' / 'doc1.ann'} (doc1): LOC is in 2 pieces (16-22 'Tarnby', 27-31 'West'), {outcome}"
    )


def test_an_entity_that_continues_in_the_next_line_is_not_discontinuous(tmp_path):
    write_brat(tmp_path, "T1\tPER 0 4;5 10\tMira Kolbe\n", "Mira\nKolbe left")
    corpus = Brat(train=str(tmp_path)).read()
    assert entities_of(corpus) == [("Mira Kolbe", "PER")]
    assert corpus.notes == ()


@pytest.mark.parametrize("given", ["doc1.ann", "doc1.txt", "."])
def test_brat_is_given_as_a_folder_or_one_file_of_a_document(tmp_path, given):
    write_brat(tmp_path, "T1\tPER 0 10\tMira Kolbe\nR1\tIn Arg1:T1 Arg2:T1\n#1\tNote T1\tsure\n\nE1\tGo:T1\n")
    (tmp_path / "annotation.conf").write_text("[entities]\nPER\n")
    corpus = Brat(train=str(tmp_path / given)).read()
    assert entities_of(corpus) == [("Mira Kolbe", "PER")]
    assert [(s.id, s.document_id) for s in corpus.splits["train"]] == [("doc1", "doc1")]


def test_lines_of_a_document_are_read_after_its_offsets_are_converted(tmp_path):
    text = "🔥🔥 hot\nMira left\n\nTarnby"
    units = text.encode("utf-16-le")
    start = len(text[: text.index("Mira")].encode("utf-16-le")) // 2
    place = len(text[: text.index("Tarnby")].encode("utf-16-le")) // 2
    assert len(units) // 2 > len(text)
    write_brat(tmp_path, f"T1\tPER {start} {start + 4}\tMira\nT2\tLOC {place} {place + 6}\tTarnby\n", text)
    corpus = Brat(train=str(tmp_path), unit="line").read()
    assert [s.text for s in corpus.splits["train"]] == ["🔥🔥 hot", "Mira left", "Tarnby"]
    assert [s.id for s in corpus.splits["train"]] == ["doc1-1", "doc1-2", "doc1-4"]
    assert entities_of(corpus) == [("Mira", "PER"), ("Tarnby", "LOC")]
    assert [note.kind for note in corpus.notes] == ["offsets_converted"]


def test_a_text_without_annotations_is_skipped_and_counted(tmp_path):
    write_brat(tmp_path, "T1\tPER 0 4\tMira\n")
    (tmp_path / "other.txt").write_text("nobody read this")
    corpus = Brat(train=str(tmp_path)).read()
    assert len(corpus.splits["train"]) == 1
    assert [str(note) for note in corpus.notes] == [
        f"{tmp_path / 'other.txt'}: the text has no annotations in other.ann"
    ]


def test_entities_of_brat_that_go_over_lines_are_written_in_pieces(tmp_path):
    write_brat(tmp_path / "in", "T1\tPER 0 10\tMira Kolbe\n", "Mira\nKolbe left")
    corpus = Brat(train=str(tmp_path / "in")).read()
    assert BratWriter().write(corpus, str(tmp_path / "out")) == []
    assert (tmp_path / "out/train/doc1.ann").read_text() == "T1\tPER 0 4;5 10\tMira Kolbe\n"
    assert Brat(train=str(tmp_path / "out/train")).read().splits == corpus.splits


PASSAGES = [
    {"offset": 0, "infons": {"type": "title"}, "text": "Fever in mice", "annotations": [
        {"id": "1", "infons": {"type": "Disease"}, "text": "Fever", "locations": [{"offset": 0, "length": 5}]}]},
    {"offset": 14, "infons": {}, "text": "मलेरिया kills 🔥 mice.", "annotations": [
        {"id": "2", "infons": {"type": "Disease"}, "text": "मलेरिया", "locations": [{"offset": 14, "length": 7}]},
        {"id": "3", "infons": {"type": "Species"}, "text": "mice", "locations": [{"offset": 30, "length": 4}]}]},
]  # fmt: skip
FOUND = [("Fever", "Disease"), ("मलेरिया", "Disease"), ("mice", "Species")]
DOCUMENT = {"id": "77", "infons": {}, "passages": PASSAGES, "relations": []}


@pytest.mark.parametrize(
    "content",
    [
        json.dumps({"source": "x", "documents": [DOCUMENT]}),
        json.dumps({"source": "x", "documents": [DOCUMENT]}, indent=1),
        json.dumps({"PubTator3": [DOCUMENT]}),
        json.dumps([DOCUMENT]),
        json.dumps(DOCUMENT),
        json.dumps(DOCUMENT) + "\n" + json.dumps({**DOCUMENT, "id": "78", "passages": []}) + "\n",
    ],
)
def test_bioc_json_is_read_in_each_of_its_forms(tmp_path, content):
    (tmp_path / "c.json").write_text(content, encoding="utf-8")
    corpus = BiocJson(train=str(tmp_path / "c.json")).read()
    assert entities_of(corpus) == FOUND
    assert [(s.id, s.document_id) for s in corpus.splits["train"]] == [("77-1", "77"), ("77-2", "77")]
    assert corpus.notes == ()


def test_bioc_json_reads_sentences_of_passages_without_a_text(tmp_path):
    nested = {"id": "77", "passages": [{"offset": 0, "infons": {}, "sentences": PASSAGES, "annotations": []}]}
    (tmp_path / "c.json").write_text(json.dumps(nested))
    assert entities_of(BiocJson(train=str(tmp_path / "c.json")).read()) == FOUND


def test_bioc_json_that_is_written_is_read_by_the_library_bioc(tmp_path):
    BiocJsonWriter().write(Corpus({"train": TRICKY_SENTENCES}), str(tmp_path))
    with open(tmp_path / "train.json", encoding="utf-8") as file:
        collection: Any = biocjson.load(file)
    found = [
        (annotation.text, passage.text[location.offset - passage.offset :][: location.length])
        for document in collection.documents
        for passage in document.passages
        for annotation in passage.annotations
        for location in annotation.locations
    ]
    assert len(found) == sum(len(s.entities) for s in TRICKY_SENTENCES)
    assert all(text == at_offset for text, at_offset in found)
    assert isinstance(collection, bioc.BioCCollection)


PUBTATOR = """\
77|t|Fever in mice
77|a|मलेरिया kills 🔥 mice.
77\t0\t5\tFever\tDisease\tD005334
77\t14\t21\tमलेरिया\tDisease\tD008288
77\t30\t34\tmice\tSpecies
77\tCID\tD005334\tD008288

78|t|Only a title
78|a|
"""


@pytest.mark.parametrize(
    ("unit", "texts"),
    [
        ("document", ["Fever in mice\nमलेरिया kills 🔥 mice.", "Only a title"]),
        ("line", ["Fever in mice", "मलेरिया kills 🔥 mice.", "Only a title"]),
    ],
)
def test_pubtator_is_read_by_documents_or_lines(tmp_path, unit, texts):
    (tmp_path / "c.txt").write_text("\n" + PUBTATOR, encoding="utf-8")
    corpus = PubTator(train=str(tmp_path / "c.txt"), unit=unit).read()
    assert entities_of(corpus) == FOUND
    assert [s.text for s in corpus.splits["train"]] == texts
    assert {s.document_id for s in corpus.splits["train"]} == {"77", "78"}
    assert corpus.notes == ()


def test_pubtator_that_is_written_is_read_by_the_library_bioc(tmp_path):
    (tmp_path / "c.txt").write_text(PUBTATOR, encoding="utf-8")
    corpus = PubTator(train=str(tmp_path / "c.txt")).read()
    assert PubTatorWriter().write(corpus, str(tmp_path)) == []
    with open(tmp_path / "train.pubtator", encoding="utf-8") as file:
        documents = list(pubtator.load(file))
    assert documents[0].text == "Fever in mice\nमलेरिया kills 🔥 mice."
    assert [(a.text, a.type) for document in documents for a in document.annotations] == FOUND
    assert PubTator(train=str(tmp_path / "train.pubtator")).read().splits == corpus.splits


@pytest.mark.parametrize("reader", [BiocJson, PubTator, Brat])
def test_a_missing_file_gives_one_line(tmp_path, reader):
    with pytest.raises(CorpusError, match="file not found"):
        reader(train=str(tmp_path / "none")).read()


def test_a_discontinuous_entity_whose_text_differs_from_its_pieces_is_reported(tmp_path):
    write_brat(tmp_path, "T1\tLOC 16 22;26 30\tTarnby West\n")
    assert [note.kind for note in Brat(train=str(tmp_path)).read().notes] == [
        *("span_text_differs", "discontinuous_span", "span_cuts_word")
    ]
