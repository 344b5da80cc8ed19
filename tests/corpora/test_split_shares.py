from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner_lightning.corpora.reader import Corpus, CorpusError, ReadingNote
from ner_lightning.corpora.split_shares import hold_out_validation, keep_training_share
from ner_lightning.sentences import Sentence

SHARES = (0.01, 0.1, 0.25, 0.3, 0.5, 0.99, 1.0)


def corpus_of(document_ids: list[str | None]) -> Corpus:
    sentences = tuple(
        Sentence((f"word{number}",), id=str(number), document_id=name) for number, name in enumerate(document_ids)
    )
    return Corpus({"train": sentences, "test": sentences[:1]})


def kept(corpus: Corpus, share: float, seed: int = 0) -> tuple[Sentence, ...]:
    return keep_training_share(corpus, share, seed).splits["train"]


@pytest.mark.parametrize(("share", "number"), [(0.1, 3), (0.25, 8), (0.3, 9), (0.01, 1), (1.0, 30)])
def test_sentences_without_a_document_are_drawn_one_by_one(share: float, number: int) -> None:
    """The number of sentences is rounded to the nearest integer (half to even) and is at least one."""
    assert len(kept(corpus_of([None] * 30), share)) == number


def test_notes_about_dropped_sentences_are_dropped() -> None:
    notes = [ReadingNote("train", "ill_formed_tag", "x", "f", number, str(number)) for number in range(10)]
    others = [ReadingNote("train", "type_dropped", "x"), ReadingNote("test", "ill_formed_tag", "x", "f", 1, "0")]
    corpus = replace(corpus_of([None] * 10), notes=(*notes, *others))
    share = keep_training_share(corpus, 0.3, 0)
    ids = {sentence.id for sentence in share.splits["train"]}
    assert share.notes == (*(note for note in notes if note.sentence_id in ids), *others)
    assert len(share.notes) == 3 + 2


def test_an_empty_split_stays_empty() -> None:
    assert kept(Corpus({"train": ()}), 0.5) == ()


def test_without_a_share_the_corpus_is_unchanged() -> None:
    corpus = corpus_of(["a", "b"])
    assert keep_training_share(corpus, None, 0) is corpus


@given(st.lists(st.sampled_from([None, *"abcdef"]), min_size=1, max_size=40), st.integers(0, 2**32))
def test_shares_are_nested_and_consist_of_whole_documents_in_order(document_ids: list[str | None], seed: int) -> None:
    corpus = corpus_of(document_ids)
    sentences = corpus.splits["train"]
    parts = [kept(corpus, share, seed) for share in SHARES]
    for smaller, larger in pairwise(parts):
        assert set(smaller) <= set(larger)
    for share, part in zip(SHARES, parts, strict=True):
        assert part == tuple(sentence for sentence in sentences if sentence in part)
        wanted = round(share * len(sentences))
        documents = {s.document_id for s in part} - {None}
        assert {s for s in sentences if s.document_id in documents} <= set(part)
        largest = max([1, *(document_ids.count(name) for name in documents)])
        assert max(wanted, 1) <= len(part) < max(wanted, 1) + largest
    assert parts[-1] == sentences
    assert keep_training_share(corpus, 0.5, seed).splits["test"] == corpus.splits["test"]


def test_different_seeds_draw_every_sentence_equally_often() -> None:
    corpus = corpus_of([None] * 10)
    drawn = [int(sentence.id) for seed in range(1000) for sentence in kept(corpus, 0.3, seed)]
    assert all(
        230 <= drawn.count(number) <= 370 for number in range(10)
    )  # 300 expected, with a standard deviation of 14.5


@pytest.mark.parametrize("share", [0, -0.1, 1.5, float("nan")])
def test_a_share_must_be_between_0_and_1(share: float) -> None:
    message = f"train_share must be above 0 and at most 1, got {share}"
    with pytest.raises(ValueError, match=message):
        keep_training_share(corpus_of([None]), share, 0)


@given(st.lists(st.sampled_from([None, *"abcdef"]), min_size=1, max_size=40), st.integers(0, 2**32))
def test_held_out_validation_consists_of_whole_documents_and_loses_nothing(
    document_ids: list[str | None], seed: int
) -> None:
    corpus = Corpus({"train": corpus_of(document_ids).splits["train"]})
    if len(set(document_ids)) == 1 and (document_ids[0] is not None or len(document_ids) == 1):
        with pytest.raises(CorpusError, match="must have at least two"):
            hold_out_validation(corpus, 0.2, seed)
        return
    splits = hold_out_validation(corpus, 0.2, seed).splits
    assert list(splits) == ["train", "validation"]
    train, validation = splits["train"], splits["validation"]
    assert sorted((*train, *validation), key=lambda s: int(s.id)) == list(corpus.splits["train"])
    assert not {s.document_id for s in train} & {s.document_id for s in validation} - {None}
    assert train
    assert validation


def test_notes_follow_the_sentences_that_are_held_out() -> None:
    notes = tuple(ReadingNote("train", "ill_formed_tag", "x", "f", number, str(number)) for number in range(10))
    corpus = Corpus({"train": corpus_of([None] * 10).splits["train"]}, notes=notes)
    found = hold_out_validation(corpus, 0.3, 0)
    ids = {sentence.id for sentence in found.splits["validation"]}
    assert len(ids) == 3
    assert {note.sentence_id for note in found.notes if note.split == "validation"} == ids
    assert len(found.notes) == 10


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, float("nan")])
def test_a_validation_share_out_of_range_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="validation_share must be above 0 and below 1"):
        hold_out_validation(Corpus({"train": corpus_of([None, None]).splits["train"]}), share, 0)


def test_nothing_is_held_out_of_a_corpus_with_a_validation_split() -> None:
    sentences = corpus_of([None] * 4).splits["train"]
    with pytest.raises(CorpusError, match="must be null"):
        hold_out_validation(Corpus({"train": sentences, "validation": sentences}), 0.2, 0)
    assert hold_out_validation(Corpus({"train": sentences}), None, 0).splits == {"train": sentences}
