"""Every format that is read can be written, and what is written is read back as it was, except for reported losses."""

import json
import re
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ner_lightning.commands.convert import main
from ner_lightning.corpora.formats import READERS, WRITERS
from ner_lightning.corpora.reader import Corpus
from ner_lightning.entities import EntitySpan
from ner_lightning.sentences import Sentence
from ner_lightning.word_splitting import BlankSplitter
from support.strategies import flat_entities
from support.tricky_sentences import TRICKY_SENTENCES

READER_OPTIONS: dict[str, dict[str, Any]] = {"Brat": {"unit": "line"}, "PubTator": {"unit": "line"}}
WITH_OWN_WORDS = {"ColumnFiles", "HubDatasets", "GlinerJson", "ConllU", "Conll2012", "WebAnno", "SpacyDocBin"}
KEEP_DOCUMENTS = set(WRITERS) - {"SpacyTuples", "GlinerJson"}
SLOW = {"HubDatasets", "SpacyDocBin"}
HARMLESS = re.compile("id: not written|each will be read as a document|read in another order")  # words are not lost


def imported(path: str) -> Any:
    module, _, name = path.rpartition(".")
    return getattr(import_module(module), name)


def writer_of(name: str) -> Any:
    takes_splitter = name not in WITH_OWN_WORDS
    return imported(WRITERS[name])(**({"word_splitter": BlankSplitter()} if takes_splitter else {}))


def read_back(name: str, folder: Path) -> Corpus:
    reader = imported(READERS[name])
    if name == "HubDatasets":
        return reader(path=str(folder)).read()
    (path,) = folder.glob("train*")
    splitter = {} if name in WITH_OWN_WORDS else {"word_splitter": BlankSplitter()}
    return reader(train=str(path), **splitter, **READER_OPTIONS.get(name, {})).read()


def words_and_entities(sentences: tuple[Sentence, ...]) -> list[tuple[tuple[str, ...], tuple[EntitySpan, ...]]]:
    return [(sentence.words, sentence.entities) for sentence in sentences]


def in_documents(sentences: tuple[Sentence, ...]) -> list[str | None]:
    return [sentence.document_id for sentence in sentences]


def test_all_formats_that_are_read_from_files_can_be_written():
    assert set(READERS) - set(WRITERS) == {"ExampleCorpus"}


@pytest.mark.parametrize("name", WRITERS)
def test_sentences_in_many_languages_survive_a_round_trip(tmp_path, name):
    sentences = TRICKY_SENTENCES
    if name == "PubTator":  # which has one line for the title and one for the abstract
        sentences = tuple(replace(s, document_id=s.id) for s in sentences)
    losses = writer_of(name).write(Corpus({"train": sentences}), str(tmp_path))
    corpus = read_back(name, tmp_path)
    read = corpus.splits["train"]
    assert words_and_entities(read) == words_and_entities(sentences)
    assert corpus.notes == ()
    assert not [loss for loss in losses if "id: not written" not in loss]
    if name in KEEP_DOCUMENTS:
        assert in_documents(read) == in_documents(sentences)


WORD_CHARACTERS = st.characters(exclude_categories=("Z", "C")) | st.sampled_from("\u200b\u00ad")
WORDS = st.text(WORD_CHARACTERS, min_size=1, max_size=4).filter(lambda word: not word.isspace())


@st.composite
def corpora(draw: st.DrawFn) -> Corpus:
    sentences = []
    for position in range(draw(st.integers(1, 3))):
        entities, num_words = draw(flat_entities(max_words=5))
        words = draw(st.lists(WORDS, min_size=num_words, max_size=num_words))
        sentences.append(Sentence(tuple(words), tuple(entities), f"train-{position}"))
    if not any(sentence.words for sentence in sentences):
        sentences.append(Sentence(("a",), (), "train-9"))
    return Corpus({"train": tuple(sentences)})


@pytest.mark.parametrize("name", sorted(set(WRITERS) - SLOW))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(corpus=corpora())
def test_what_does_not_survive_is_reported(tmp_path_factory, name, corpus):
    folder = tmp_path_factory.mktemp("out")
    losses = [loss for loss in writer_of(name).write(corpus, str(folder)) if not HARMLESS.search(loss)]
    read = words_and_entities(read_back(name, folder).splits["train"])
    written = words_and_entities(corpus.splits["train"])
    if name in {"Brat", "WebAnno"}:  # whose documents are read in the order of their names
        read, written = sorted(read), sorted(written)
    assert read == written or losses


def test_convert_writes_any_format_from_any_other(tmp_path, monkeypatch):
    """One chain visits every format, because every pair goes through the same sentences in between."""
    monkeypatch.chdir(tmp_path)
    rows = [
        {"words": list(s.words), "entities": [[e.start, e.end, e.entity_type] for e in s.entities]}
        for s in TRICKY_SENTENCES
    ]
    Path("train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    source = ["--from", "JsonLines", "--from.train", "train.jsonl"]
    for name in WRITERS:
        assert main([*source, "--to", name, "--output", name]) == 0
        (path,) = Path(name).glob("train*")
        given = ["--from.path", name] if name == "HubDatasets" else ["--from.train", str(path)]
        splitter = [] if name in WITH_OWN_WORDS else ["--from.word_splitter", "BlankSplitter"]
        unit = ["--from.unit", "line"] if name in READER_OPTIONS else []
        source = ["--from", name, *given, *splitter, *unit]
    assert main([*source, "--to", "JsonLines", "--to.form", "words", "--output", "last"]) == 0
    last = [json.loads(line) for line in Path("last", "train.jsonl").read_text().splitlines()]
    found = sorted((row["words"], row["entities"]) for row in last)
    assert found == sorted((row["words"], row["entities"]) for row in rows)


@pytest.mark.parametrize("name", [name for name in WRITERS if name not in SLOW])
def test_words_that_nobody_annotated_are_written_or_reported(tmp_path, name):
    sentences = (
        Sentence(("Mira", "left", "it"), (EntitySpan(0, 1, "PER"),), "a", "d", unannotated=(1,)),
        Sentence(("He", "ate"), (), "b", "d"),
    )
    losses = writer_of(name).write(Corpus({"train": sentences}), str(tmp_path))
    is_reported = any("1 words that nobody annotated" in loss for loss in losses)
    assert is_reported is (name not in {"ColumnFiles", "JsonLines"})
    (read, _) = read_back(name, tmp_path).splits["train"]
    assert read.unannotated == (() if is_reported else (1,))
