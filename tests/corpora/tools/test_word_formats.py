"""Tests of the readers of CoNLL-U, CoNLL-2012, WebAnno and DocBin, with the exact form of their files."""

import sys
from pathlib import Path

import conllu
import pytest
import spacy
from spacy.tokens import DocBin, Span

from ner_lightning.corpora.column_files import ColumnFiles
from ner_lightning.corpora.json_lines import JsonLines
from ner_lightning.corpora.reader import Corpus, CorpusError
from ner_lightning.corpora.reading.flat_spans import SpanReading
from ner_lightning.corpora.tools.conll2012 import Conll2012
from ner_lightning.corpora.tools.conllu import ConllU, ConllUWriter
from ner_lightning.corpora.tools.docbin import SpacyDocBin, SpacyDocBinWriter
from ner_lightning.corpora.tools.webanno import WebAnno
from support.tricky_sentences import TRICKY_SENTENCES


def entities_of(corpus: Corpus) -> list[tuple[str, str]]:
    return [(s.surface(e), e.entity_type) for s in corpus.splits["train"] for e in s.entities]


def saved(folder: Path, content: str, name: str = "train.txt") -> str:
    (folder / name).write_text(content, encoding="utf-8")
    return str(folder / name)


CONLLU = """\
# newdoc id = d1
# sent_id = s1
# text = Mira's im Tarnby.
1\tMira\tMira\tPROPN\t_\t_\t0\troot\t_\tNE=B-PER|SpaceAfter=No
2\t's\t's\tPART\t_\t_\t1\tx\t_\t_
3-4\tim\t_\t_\t_\t_\t_\t_\t_\t_
3\tin\t_\t_\t_\t_\t_\t_\t_\tNE=O
4\tdem\t_\t_\t_\t_\t_\t_\t_\tNE=O
4.1\tghost\t_\t_\t_\t_\t_\t_\t_\tNE=B-PER
5\tTarnby\t_\t_\t_\t_\t_\t_\t_\tSpaceAfter=No|NE=B-LOC
6\t.\t_\t_\t_\t_\t_\t_\t_\tNE=O

# sent_id = s2
# text = New York!
1\tNew\t_\t_\t_\t_\t_\t_\t_\tNE=B-LOC
2\tYork\t_\t_\t_\t_\t_\t_\t_\tNE=I-LOC|SpaceAfter=No
3\t!\t_\t_\t_\t_\t_\t_\t_\tNE=O
"""


def test_conllu_reads_tags_in_misc_without_ranges_and_empty_nodes(tmp_path):
    corpus = ConllU(train=saved(tmp_path, CONLLU)).read()
    assert entities_of(corpus) == [("Mira", "PER"), ("Tarnby", "LOC"), ("New York", "LOC")]
    first, second = corpus.splits["train"]
    assert first.words == ("Mira", "'s", "in", "dem", "Tarnby", ".")
    assert (first.id, first.document_id, first.text) == ("s1", "d1", None)  # its words are not those of the text
    assert (second.text, second.word_offsets) == ("New York!", ((0, 3), (4, 8), (8, 9)))


@pytest.mark.parametrize("key", ["NER", "name", "Ent"])
def test_the_key_in_misc_is_found_or_stated(tmp_path, key):
    path = saved(tmp_path, CONLLU.replace("NE=", f"{key}="))
    known = key != "Ent"
    assert len(entities_of(ConllU(train=path, tag=None if known else key).read())) == 3
    if not known:
        with pytest.raises(CorpusError, match="as NE or NER or name, found only: Ent, SpaceAfter; set tag"):
            ConllU(train=path).read()


def test_conllu_plus_has_the_tags_in_a_column(tmp_path):
    content = "# global.columns = ID FORM UPOS corpus:NE\n1\tमीरा\tX\tB-PER\n2\tदिल्ली\tX\tB-LOC\n3\tमें\tX\t_\n"
    assert entities_of(ConllU(train=saved(tmp_path, content)).read()) == [("मीरा", "PER"), ("दिल्ली", "LOC")]


def test_conllu_that_is_written_is_read_by_the_library_conllu(tmp_path):
    ConllUWriter().write(Corpus({"train": TRICKY_SENTENCES}), str(tmp_path))
    parsed = conllu.parse((tmp_path / "train.conllu").read_text(encoding="utf-8"))
    assert [tuple(word["form"] for word in sentence) for sentence in parsed] == [s.words for s in TRICKY_SENTENCES]
    assert [sentence.metadata["sent_id"] for sentence in parsed] == [s.id for s in TRICKY_SENTENCES]
    assert [word["misc"]["NE"] for word in parsed[0]] == ["B-PER", "I-PER", "O", "B-LOC", "O"]


CONLL2012 = """\
#begin document (bc/xx/00/xx_0000); part 000
bc/xx/00/xx_0000   0   0    Mira    NNP  (TOP(S(NP*   -   -   -   Speaker#1  (PERSON*   (ARG0*  (3
bc/xx/00/xx_0000   0   1    Kolbe   NNP  *)           -   -   -   Speaker#1  *)         *)      3)
bc/xx/00/xx_0000   0   2    left    VBD  (VP*         leave  01  1  Speaker#1  *         (V*)     -
bc/xx/00/xx_0000   0   3    Tarnby  NNP  *))          -   -   -   Speaker#1  (GPE)       *      -

#end document
#begin document (bc/xx/00/xx_0000); part 001
bc/xx/00/xx_0000   1   0    University  NNP  *   -   -   -   -  (ORG*   *  -
bc/xx/00/xx_0000   1   1    Tarnby  NNP  *   -   -   -   -  (GPE*))   *  -

#end document
"""


def test_conll_2012_reads_brackets_and_documents(tmp_path):
    corpus = Conll2012(train=saved(tmp_path, CONLL2012)).read()
    assert entities_of(corpus) == [("Mira Kolbe", "PERSON"), ("Tarnby", "GPE"), ("University Tarnby", "ORG")]
    assert [s.document_id for s in corpus.splits["train"]] == ["bc/xx/00/xx_0000", "bc/xx/00/xx_0000 part 1"]
    assert [note.kind for note in corpus.notes] == ["overlapping_span"]
    inner = Conll2012(train=saved(tmp_path, CONLL2012), spans=SpanReading("innermost")).read()
    assert entities_of(inner)[2:] == [("Tarnby", "GPE")]


def test_column_files_read_the_brackets_of_conll_2012_too(tmp_path):
    corpus = ColumnFiles(train=saved(tmp_path, CONLL2012), word_column=3, tag_column=10).read()
    assert entities_of(corpus)[:2] == [("Mira Kolbe", "PERSON"), ("Tarnby", "GPE")]


WEBANNO = r"""#FORMAT=WebAnno TSV 3.3
#T_SP=de.tudarmstadt.ukp.dkpro.core.api.lexmorph.type.pos.POS|PosValue
#T_RL=de.tudarmstadt.ukp.dkpro.core.api.syntax.type.dependency.Dependency|DependencyType|flavor|BT_x
#T_SP=de.tudarmstadt.ukp.dkpro.core.api.ner.type.NamedEntity|identifier|value


#Text=🔥 Mira Kolbe's \\ Tarnby
1-1	0-2	🔥	_	_	_	_	_	_
1-2	3-7	Mira	NE	x	_	1-1	_	PER[1]|OTH\|a[2]
1-3	8-13	Kolbe	NE	_	_	_	*	PER[1]
1-4	13-15	's	_	_	_	_	_	_
1-5	16-17	\	_	_	_	_	_	_
1-6	18-24	Tarnby	_	_	_	_	_	LOC\_1

#Sentence.id=second
#Text=Oslobridge
2-1	25-35	Oslobridge	_	_	_	_	_	_
2-1.1	25-29	Oslo	_	_	_	_	_	LOC
"""


def test_webanno_reads_its_layers_escapes_and_utf16_positions(tmp_path):
    corpus = WebAnno(train=saved(tmp_path, WEBANNO, "d7.tsv")).read()
    assert entities_of(corpus) == [("Mira Kolbe", "PER"), ("Tarnby", "LOC_1"), ("Oslobridge", "LOC")]
    first, second = corpus.splits["train"]
    assert first.words == ("🔥", "Mira", "Kolbe", "'s", "\\", "Tarnby")
    assert (first.text, first.document_id) == ("🔥 Mira Kolbe's \\ Tarnby", "d7")
    assert second.id == "second"
    assert [note.kind for note in corpus.notes] == ["overlapping_span", "span_cuts_word"]


def test_the_layer_and_feature_of_webanno_can_be_chosen(tmp_path):
    path = saved(tmp_path, WEBANNO)
    assert entities_of(WebAnno(train=path, layer="POS").read()) == [("Mira", "NE"), ("Kolbe", "NE")]
    assert entities_of(WebAnno(train=path, feature="identifier").read()) == [("Kolbe", "NamedEntity")]
    with pytest.raises(CorpusError, match=r"layer 'Nope', found: \S+POS, \S+NamedEntity; set layer"):
        WebAnno(train=path, layer="Nope").read()
    with pytest.raises(CorpusError, match="has no feature 'x', found: identifier, value; set feature"):
        WebAnno(train=path, feature="x").read()


def test_docbin_is_read_with_its_words_and_written_for_spacy(tmp_path):
    nlp = spacy.blank("en")
    docs = [nlp("Mira Kolbe didn't leave\n\n🔥 Tarnby."), nlp("بيت")]
    docs[0].ents = [Span(docs[0], 0, 2, "PER"), Span(docs[0], 7, 8, "LOC")]
    docs[0].spans["sc"] = [Span(docs[0], 0, 1, "FIRST"), Span(docs[0], 0, 2, "PER")]
    DocBin(docs=docs, store_user_data=True).to_disk(tmp_path / "in.spacy")
    corpus = SpacyDocBin(train=str(tmp_path / "in.spacy")).read()
    assert entities_of(corpus) == [("Mira Kolbe", "PER"), ("Tarnby", "LOC")]
    assert corpus.splits["train"][0].words == ("Mira", "Kolbe", "did", "n't", "leave", "🔥", "Tarnby", ".")
    spans = SpacyDocBin(train=str(tmp_path / "in.spacy"), spans_key="sc", spans=SpanReading("innermost")).read()
    assert entities_of(spans) == [("Mira", "FIRST")]
    assert SpacyDocBinWriter().write(corpus, str(tmp_path)) == []
    written = list(DocBin().from_disk(tmp_path / "train.spacy").get_docs(nlp.vocab))
    assert [doc.text for doc in written] == [doc.text for doc in docs]
    assert [(ent.text, ent.label_) for doc in written for ent in doc.ents] == entities_of(corpus)


def test_without_spacy_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "spacy.tokens", None)
    with pytest.raises(CorpusError, match=r'install it with pip install "ner-lightning\[spacy\]"'):
        SpacyDocBin(train=saved(tmp_path, "x", "a.spacy")).read()


@pytest.mark.parametrize(
    ("name", "content", "reader"),
    [
        ("a.ann", "T1\tPER 0 10\tMira Kolbe\n", "Brat"),
        ("a.txt", "T1\tPER 0 10\tMira Kolbe\n", "Brat"),
        ("a.txt", "77|t|Fever\n77|a|\n77\t0\t5\tFever\tDisease\n", "PubTator"),
        ("a.txt", CONLLU, "ConllU"),
        ("a.txt", WEBANNO, "WebAnno"),
        ("a.txt", '{"documents": []}', "BiocJson"),
        ("a.txt", '{"text": "Mira", "entities": []}', "JsonLines"),
        ("a.json", '[{"data": {"text": "a"}, "annotations": [{"result": []}]}]', "LabelStudio"),
    ],
)
def test_column_files_name_the_reader_of_files_in_another_format(tmp_path, name, content, reader):
    with pytest.raises(CorpusError, match=f"the file looks like a format that the reader {reader} reads"):
        ColumnFiles(train=saved(tmp_path, content, name)).read()


def test_json_lines_name_the_reader_of_bioc(tmp_path):
    with pytest.raises(CorpusError, match="the reader BiocJson reads"):
        JsonLines(train=saved(tmp_path, '{"source": "x", "documents": []}')).read()
