from pathlib import Path

import pytest

from ner_lightning.corpora.column_files import ColumnFiles
from ner_lightning.corpora.hub_datasets import HubDatasets
from ner_lightning.corpora.json_lines import JsonLines
from ner_lightning.corpora.reader import Corpus, CorpusError
from ner_lightning.corpora.reading.tag_spelling import TagForm, TagSpelling

Entities = list[tuple[int, int, str]]


def read(folder: Path, column: str, **options) -> Corpus:
    (folder / "a.conll").write_text("".join(f"w\t{tag}\n" for tag in column.split()))
    return ColumnFiles(train=str(folder / "a.conll"), **options).read()


def entities_of(corpus: Corpus) -> Entities:
    return [(e.start, e.end, e.entity_type) for sentence in corpus.splits["train"] for e in sentence.entities]


@pytest.mark.parametrize(
    ("tags", "entities", "evidence"),
    [
        ("O B-PER I-PER", [(1, 3, "PER")], "BIO: fits every tag (B 1, I 1)"),
        ("O B_PER I_PER", [(1, 3, "PER")], "tags such as 'B_PER' are read as 'B-PER'"),
        ("O B:PER I:PER", [(1, 3, "PER")], "'B:PER' are read as 'B-PER'"),
        ("O B.PER I.PER", [(1, 3, "PER")], "'B.PER' are read as 'B-PER'"),
        ("O B/PER I/PER", [(1, 3, "PER")], "'B/PER' are read as 'B-PER'"),
        ("o b-per i-per", [(1, 3, "per")], "tags such as 'b-per' are read as 'B-per', 'o' is read as 'O'"),
        ("0 B-PER I-PER", [(1, 3, "PER")], "'0' is read as 'O'"),
        ("O ORG-B ORG-I ORG-B", [(1, 3, "ORG"), (3, 4, "ORG")], "'ORG-B' are read as 'B-ORG'"),
        ("O work_of_art_b work_of_art_i", [(1, 3, "work_of_art")], "'work_of_art_b' are read as 'B-work_of_art'"),
        ("O B I O B", [(1, 3, "ENTITY"), (4, 5, "ENTITY")], "tags such as 'B' are read as 'B-ENTITY'"),
        ("o b i", [(1, 3, "ENTITY")], "'b' are read as 'B-ENTITY'"),
        ("O B M E S", [(1, 4, "ENTITY"), (4, 5, "ENTITY")], "BMES: fits every tag"),
        ("O O NAME NAME CITY", [(2, 4, "NAME"), (4, 5, "CITY")], "IO: fits every tag (I 3)"),
        ("O O person creative-work e-mail", [(2, 3, "person"), (3, 4, "creative-work"), (4, 5, "e-mail")], "IO: "),
        ("O B-PER M-PER E-PER S-LOC", [(1, 4, "PER"), (4, 5, "LOC")], "BMES: fits every tag"),
        ("O B-PER M-PER E-PER W-LOC", [(1, 4, "PER"), (4, 5, "LOC")], "BMEWO: fits every tag"),
        ("I-PER E-PER E-PER O", [(0, 2, "PER"), (2, 3, "PER")], "IOE2: fits every tag"),
        ("I-PER E-PER I-PER O", [(0, 2, "PER"), (2, 3, "PER")], "IOE1: fits every tag"),
        ("O B-R&D I-R&D", [(1, 3, "R&D")], "BIO: fits every tag"),
    ],
)
def test_spellings_are_recognized_and_reported(tmp_path, tags: str, entities: Entities, evidence: str):
    corpus = read(tmp_path, tags)
    assert entities_of(corpus) == entities
    assert evidence in corpus.scheme_evidence["train"]
    assert corpus.notes == ()


@pytest.mark.parametrize(
    ("form", "tags", "entities"),
    [
        ("PER", "NAME NAME CITY", [(0, 2, "NAME"), (2, 3, "CITY")]),
        ("PER", "O B-PER B-PER", [(1, 3, "B-PER")]),
        ("PER-B", "O B-I B-I", [(1, 3, "B")]),
        ("B", "O S S", [(1, 2, "DISEASE"), (2, 3, "DISEASE")]),
    ],
)
def test_the_spelling_can_be_specified(tmp_path, form: TagForm, tags: str, entities: Entities):
    corpus = read(tmp_path, tags, tags=TagSpelling(form, single_type="DISEASE"))
    assert entities_of(corpus) == entities


@pytest.mark.parametrize(
    ("tags", "line", "message"),
    [
        ("NN VB NN VB NN O", 1, "got 'NN'"),  # "O" is too rare for a column of entity types
        ("B-PER O B_PER", 3, "got 'B_PER' (others are spelled like 'B-PER'); set tags.form if"),
        ("O B-PER I", 3, "got 'I' (others are spelled like 'B-PER')"),
        ("O PER B-PER B-PER", 2, "got 'PER' (others"),
        ("O B-PER --", 3, "got '--'"),
    ],
)
def test_tags_of_no_known_spelling_are_refused_with_the_settings_to_change(tmp_path, tags, line, message):
    with pytest.raises(CorpusError) as caught:
        read(tmp_path, tags)
    assert str(caught.value).startswith(f"{tmp_path / 'a.conll'}:{line}: a tag must be O, or one of")
    assert message in str(caught.value)
    assert "set tag_column if the tags are in another column, header if" in str(caught.value)


@pytest.mark.parametrize(
    ("tags", "joiner"),
    [("O|O B-ORG|O I-ORG|B-LOC", "|"), ("O B-ORG+B-LOC I-ORG", "+"), ("O B-ORG;B-LOC O", ";"), ("O B-ORG,O O", ",")],
)
def test_joined_tags_are_refused_or_their_first_part_is_read(tmp_path, tags: str, joiner: str):
    expected = rf"a\.conll:\d: '.*' joins several tags with '\{joiner}'; set tags\.joined to first"
    with pytest.raises(CorpusError, match=expected):
        read(tmp_path, tags)
    corpus = read(tmp_path, tags, tags=TagSpelling(joined="first"))
    assert corpus.entity_types("train") == ("ORG",)


def test_ill_formed_tags_are_noted_as_the_file_spells_them(tmp_path):
    (note,) = read(tmp_path, "B_PER O I_PER", scheme="BIO").notes
    assert note.message.startswith("I_PER between O and the end is ill-formed in BIO")


def test_json_lines_and_datasets_accept_the_same_spellings(tmp_path):
    (tmp_path / "train.jsonl").write_text('{"tokens": ["a", "b"], "ner_tags": ["B_PER", "O"]}\n')
    for reader in (JsonLines(train=str(tmp_path / "train.jsonl")), HubDatasets(str(tmp_path))):
        assert entities_of(reader.read()) == [(0, 1, "PER")]
