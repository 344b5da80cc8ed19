from copy import copy
from dataclasses import dataclass, field, replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import pipeline

from ner_lightning.bundle import load_bundle
from ner_lightning.entities import EntitySpan
from ner_lightning.modeling.decoders import ArgmaxDecoder
from ner_lightning.recognizer import EntityRecognizer, RecognizedEntity, locate, word_ranges
from ner_lightning.sentence_splitting import WholeTexts
from ner_lightning.sentences import Sentence
from ner_lightning.tags import entities_of
from support.small_bundles import LESSONS, TEXT, lesson, random_bundle, small_bert, trained_bundle

FOUND = [(0, 10, "PER"), (26, 35, "ORG"), (39, 46, "LOC"), (48, 58, "LOC")]
WORDS = ["Bill", "Gates", "Seattle", "zzz", "rain", "", "\u200b", "Washingtonwas", "."]


@pytest.fixture(scope="module")
def trained_folder(tmp_path_factory):
    return trained_bundle(tmp_path_factory.mktemp("trained") / "model")


@pytest.fixture(scope="module")
def trained(trained_folder):
    return EntityRecognizer.from_pretrained(trained_folder)


@pytest.fixture(scope="module")
def untrained(tmp_path_factory):
    return EntityRecognizer.from_pretrained(random_bundle(tmp_path_factory.mktemp("random") / "model"))


@pytest.fixture(scope="module")
def precise(tmp_path_factory):
    bundle = load_bundle(random_bundle(tmp_path_factory.mktemp("precise") / "model"))
    bundle.classifier.double()
    return EntityRecognizer(bundle)


def test_entities_have_character_offsets_into_the_text(trained):
    entities = trained(TEXT)
    assert [(entity.start, entity.end, entity.type) for entity in entities] == FOUND
    assert [entity.text for entity in entities] == ["Bill Gates", "Microsoft", "Seattle", "Washington"]
    assert all(entity.score is not None and 0.5 < entity.score <= 1 for entity in entities)


def test_offsets_and_texts_refer_to_the_text_as_given(trained):
    text = "\r\n\u3000" + TEXT.replace(" ", "\u00a0\t ")
    entities = trained(text)
    assert [entity.text for entity in entities] == [
        "Bill\u00a0\t Gates",
        "Microsoft",
        "Seattle",
        "Washington",
    ]
    for entity in entities:
        assert (entity.start, text[entity.start : entity.end]) == (text.index(entity.text), entity.text)


def test_the_stock_pipeline_finds_the_same_entities(trained, trained_folder):
    strategy = trained.settings.pipeline_strategy
    stock = pipeline("token-classification", model=str(trained_folder), aggregation_strategy=strategy)
    assert [(found["start"], found["end"], found["entity_group"]) for found in stock(TEXT)] == FOUND


def test_results_are_in_the_order_of_the_texts(trained):
    texts = [TEXT, "", " \n", "In Seattle, Bill was in the rain.", "x", TEXT * 9, "The rain was in the CEO."]
    together = trained(texts)
    assert [[(e.start, e.end, e.type) for e in entities] for entities in together] == [
        [(e.start, e.end, e.type) for e in trained(text)] for text in texts
    ]
    assert [len(entities) for entities in together[:4]] == [4, 0, 0, 2]
    assert trained([]) == []


def test_entities_of_words_are_returned_as_spans(trained):
    sentences = [lesson(line) for line in LESSONS]
    assert trained.recognize_words([sentence.words for sentence in sentences]) == [
        sentence.entities for sentence in sentences
    ]
    # entities that a sentence already has are ignored, even those of unknown types
    marked = [s.with_entities((EntitySpan(0, len(s), "UNKNOWN"),)) for s in sentences]
    assert trained.recognize(marked) == trained.recognize(sentences)


@pytest.mark.parametrize("max_subwords", [1, 60, 4096])
def test_spans_are_those_of_the_network_without_windows_or_batches(tmp_path, max_subwords):
    """The argmax decoder chooses the best tag of each word independently of the others."""
    network, tokenizer = small_bert()
    bundle = load_bundle(random_bundle(tmp_path / "model"))
    recognizer = EntityRecognizer(replace(bundle, settings=replace(bundle.settings, decoder=ArgmaxDecoder())))
    sentences = [lesson(line).words for line in LESSONS]
    expected = []
    for words in sentences:
        inputs = tokenizer(list(words), is_split_into_words=True, return_tensors="pt")
        word_ids = inputs.word_ids(0)
        with torch.inference_mode():
            best = network(**inputs).logits[0].argmax(dim=-1).tolist()
        tags = [network.config.id2label[best[word_ids.index(word)]] for word in range(len(words))]
        expected.append(tuple(entities_of(tags)))
    assert recognizer.recognize_words(sentences, max_subwords) == expected
    assert len({kind.entity_type for spans in expected for kind in spans}) > 1


@settings(deadline=None, max_examples=25)
@given(
    st.lists(st.lists(st.sampled_from(WORDS), max_size=30), min_size=1, max_size=5),
    st.integers(1, 300),
)
def test_results_do_not_depend_on_the_other_sentences_in_a_batch(precise, sentences, max_subwords):
    together = precise.recognize_words(sentences, max_subwords)
    for words, entities in zip(sentences, together, strict=True):
        (alone,) = precise.recognize_words([words])
        assert entities == alone
        assert [e.score for e in entities] == pytest.approx([e.score for e in alone], abs=1e-10)


@dataclass(frozen=True)
class CountingDecoder(ArgmaxDecoder):
    num_words: list[int] = field(default_factory=list, compare=False)

    def best_tags(self, logits, mask, tags, transitions):
        self.num_words.extend(mask.sum(dim=1).tolist())
        return super().best_tags(logits, mask, tags, transitions)


def test_a_long_text_is_not_truncated(trained_folder):
    bundle = load_bundle(trained_folder)
    decoder = CountingDecoder()
    recognizer = EntityRecognizer(replace(bundle, settings=replace(bundle.settings, decoder=decoder)))
    rain = "The rain was in the CEO . " * 214
    text = f"Bill Gates was in the rain . {rain}{rain}Bill Gates was in Seattle ."
    num_words = len(text.split())
    assert num_words > 3000
    entities = recognizer(text)
    assert sum(decoder.num_words) == num_words
    ends = [entities[0], *entities[-2:]]
    assert [(e.start, e.text, e.type) for e in ends] == [
        (0, "Bill Gates", "PER"),
        (text.rindex("Bill"), "Bill Gates", "PER"),
        (text.rindex("Seattle"), "Seattle", "LOC"),
    ]


def test_words_without_a_text_are_located_as_if_joined_by_spaces():
    sentence = Sentence(("a", "", "Bill", "Gates"))
    assert locate(sentence, [EntitySpan(1, 2, "LOC"), EntitySpan(2, 4, "PER", 0.5)]) == [
        RecognizedEntity(2, 2, "", "LOC", None),
        RecognizedEntity(3, 13, "Bill Gates", "PER", 0.5),
    ]


def test_input_that_is_not_valid_text_is_refused(untrained):
    with pytest.raises(ValueError, match=r"valid Unicode, got the lone surrogate '\\ud800'"):
        untrained(["fine", "Bill \ud800 Gates"])
    with pytest.raises(ValueError, match="must be a list of words, got the text 'Bill'"):
        untrained.recognize_words(["Bill", "Gates"])


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_finds_the_same_entities_as_a_cpu(trained_folder, trained):
    texts = [TEXT, "", TEXT * 20]
    on_gpu = EntityRecognizer.from_pretrained(trained_folder, device="cuda")
    assert [[replace(e, score=None) for e in entities] for entities in on_gpu(texts)] == [
        [replace(e, score=None) for e in entities] for entities in trained(texts)
    ]


def with_settings(recognizer, **changed):
    """The same network with other settings of raw text."""
    other = copy(recognizer)
    other.settings = replace(recognizer.settings, **changed)
    return other


def without_scores(entities):
    return [replace(entity, score=None) for entity in entities]


SENTENCES = ["Bill Gates was in the rain.", "The CEO of Microsoft was in Seattle!", "Gates was in Washington."]


@pytest.mark.parametrize("separator", [" ", "\n", "\n\n"])
def test_a_text_gets_the_entities_of_its_sentences_at_their_places(untrained, separator):
    text = separator.join(SENTENCES)
    expected = []
    for sentence in SENTENCES:
        begin = text.index(sentence)
        expected += [replace(e, start=e.start + begin, end=e.end + begin) for e in untrained(sentence)]
    found = untrained(text)
    assert found
    assert without_scores(found) == without_scores(expected)
    assert all(text[e.start : e.end] == e.text for e in found)


def test_a_single_sentence_is_read_as_without_a_sentence_splitter(untrained):
    whole = with_settings(untrained, sentence_splitter=WholeTexts())
    for sentence in SENTENCES:
        assert untrained(sentence) == whole(sentence)
    assert untrained(" ".join(SENTENCES)) != whole(" ".join(SENTENCES))


def test_only_words_that_do_not_fit_a_window_are_split_into_sentences(untrained):
    sentences = [[text[start:end] for start, end in untrained.settings.word_splitter.split(text)] for text in SENTENCES]
    words = [word for sentence in sentences for word in sentence]
    whole = with_settings(untrained, sentence_splitter=WholeTexts())
    assert untrained.recognize_words([words]) == whole.recognize_words([words])
    expected, begin = [], 0
    for sentence, spans in zip(sentences * 5, untrained.recognize_words(sentences) * 5, strict=True):
        expected += [(e.start + begin, e.end + begin, e.entity_type) for e in spans]
        begin += len(sentence)
    (found,) = untrained.recognize_words([words * 5])
    assert [(e.start, e.end, e.entity_type) for e in found] == expected


def test_long_texts_are_computed_in_blocks_with_the_same_result(untrained, monkeypatch):
    texts = [" ".join(SENTENCES * 4), "", SENTENCES[0]]
    expected = untrained(texts)
    completed = []
    monkeypatch.setattr("ner_lightning.recognizer.BLOCK_WORDS", 10)
    untrained.recognize([untrained.split(text) for text in texts], after_batch=completed.append)
    assert sum(completed) == len(texts)
    assert [without_scores(row) for row in untrained(texts)] == [without_scores(row) for row in expected]
    assert len(expected[0]) > 4


def test_a_sentence_never_starts_within_a_word():
    assert word_ranges([0, 6, 8], [(0, 5), (5, 7), (9, 12)]) == [(0, 2), (2, 3)]
    assert word_ranges([0, 3, 9], [(0, 2)]) == [(0, 1)]
    assert word_ranges([0], []) == [(0, 0)]
