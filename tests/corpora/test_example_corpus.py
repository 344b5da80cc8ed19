import re
import subprocess
import sys
import time
from collections import defaultdict
from itertools import chain, pairwise

import pytest

from ner_lightning.corpora import example_patterns as data
from ner_lightning.corpora.example_corpus import COMMON_NAME_WORDS, ExampleCorpus
from ner_lightning.corpora.reader import SPLIT_NAMES, Corpus, CorpusError
from ner_lightning.sentences import Sentence
from ner_lightning.word_splitting import PunctuationSplitter

PATTERNS = {name: patterns for name, patterns in vars(data).items() if "PATTERNS" in name}


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return ExampleCorpus().read()


def context_words(sentences: tuple[Sentence, ...]) -> set[str]:
    return {
        word
        for sentence in sentences
        for position, word in enumerate(sentence.words)
        if not any(entity.start <= position < entity.end for entity in sentence.entities)
    }


def skeleton(sentence: Sentence) -> str:
    """Return the sentence with entity types in place of names, as in its pattern."""
    words = list(sentence.words)
    for entity in reversed(sentence.entities):
        words[entity.start : entity.end] = [f"<{entity.entity_type}>"]
    return " ".join(words)


def expression(pattern: str) -> re.Pattern[str]:
    """Return a regular expression for the skeletons of a pattern."""
    parts = []
    for word in pattern.split():
        if word[1:-1] in data.FILLERS:
            parts.append(f"(?:{'|'.join(map(re.escape, data.FILLERS[word[1:-1]]))})")
        else:
            parts.append(re.escape(re.sub(r"\{([A-Z]+).*\}", r"<\1>", word)))
    return re.compile(" ".join(parts), re.IGNORECASE)


def patterns_seen(sentences: tuple[Sentence, ...]) -> set[str]:
    expressions = {pattern: expression(pattern) for pattern in chain(*PATTERNS.values())}
    seen = set()
    for text in set(map(skeleton, sentences)):
        matching = [pattern for pattern, known in expressions.items() if known.fullmatch(text)]
        assert matching, f"no pattern gives {text!r}"
        seen.update(matching)
    return seen


def test_the_splits_have_the_requested_sizes(corpus: Corpus):
    assert {split: len(sentences) for split, sentences in corpus.splits.items()} == {
        "train": 2400,
        "validation": 400,
        "test": 400,
    }
    small = ExampleCorpus(num_train=3, num_validation=2, num_test=1).read()
    assert [len(small.splits[split]) for split in SPLIT_NAMES] == [3, 2, 1]


@pytest.mark.parametrize("split", SPLIT_NAMES)
def test_every_split_has_the_variety_of_a_real_corpus(corpus: Corpus, split):
    sentences = corpus.splits[split]
    entities = [entity for sentence in sentences for entity in sentence.entities]
    assert corpus.entity_types(split) == ("LOC", "MISC", "ORG", "PER")
    assert min(corpus.type_counts(split).values()) > len(entities) * 0.08
    assert {len(entity) for entity in entities} == {1, 2, 3, 4, 5}
    assert 0.10 < sum(not sentence.entities for sentence in sentences) / len(sentences) < 0.20
    words = [word for sentence in sentences for word in sentence.words]
    assert any(re.fullmatch(r"[\d,.]*\d", word) for word in words)
    assert {",", ".", ":", "(", '"', "'s"} <= set(words)
    touching = {
        left.entity_type
        for sentence in sentences
        for left, right in pairwise(sentence.entities)
        if left.end == right.start and left.entity_type == right.entity_type
    }
    assert touching >= {"PER", "ORG", "LOC"}


@pytest.mark.parametrize("split", SPLIT_NAMES)
def test_context_decides_the_type_of_some_names(corpus: Corpus, split):
    types_by_surface = defaultdict(set)
    types_by_word = defaultdict(set)
    for sentence in corpus.splits[split]:
        for entity in sentence.entities:
            types_by_surface[sentence.surface(entity)].add(entity.entity_type)
            for word in sentence.words[entity.start : entity.end]:
                types_by_word[word].add(entity.entity_type)
    known = {
        "train": data.TRAIN_AMBIGUOUS_NAMES,
        "validation": data.VALIDATION_AMBIGUOUS_NAMES,
        "test": data.TEST_AMBIGUOUS_NAMES,
    }[split]
    assert sum(len(types) >= 2 for types in types_by_surface.values()) >= 5
    assert all(len(types_by_word[name]) >= 2 for name in known)
    assert sum(len(types_by_word[name]) >= 3 for name in known) >= 5


def test_no_name_of_one_split_occurs_in_another(corpus: Corpus):
    surfaces = {
        split: {sentence.surface(entity) for sentence in sentences for entity in sentence.entities}
        for split, sentences in corpus.splits.items()
    }
    distinctive = {
        split: {
            part
            for surface in names
            for word in surface.split()
            if word not in COMMON_NAME_WORDS
            for part in word.removeprefix("O'").split("-")
        }
        for split, names in surfaces.items()
    }
    all_words = {
        split: {part for s in sentences for word in s.words for part in word.removeprefix("O'").split("-")}
        for split, sentences in corpus.splits.items()
    }
    for split in SPLIT_NAMES:
        assert len(distinctive[split]) > 250
        for other in set(SPLIT_NAMES) - {split}:
            assert not surfaces[split] & surfaces[other]
            assert not distinctive[split] & all_words[other]


def test_no_distinctive_word_of_a_name_is_a_context_word(corpus: Corpus):
    for sentences in corpus.splits.values():
        context = {word.lower() for word in context_words(sentences)}
        for sentence in sentences:
            for entity in sentence.entities:
                words = sentence.words[entity.start : entity.end]
                assert {w.lower() for w in words if w not in COMMON_NAME_WORDS}.isdisjoint(context)
                assert not COMMON_NAME_WORDS.issuperset(words)


def test_half_of_the_patterns_of_validation_and_test_are_new(corpus: Corpus):
    seen = {split: patterns_seen(corpus.splits[split]) for split in SPLIT_NAMES}
    assert 80 <= len(seen["train"] | seen["validation"]) <= 130
    for split in ("validation", "test"):
        assert abs(len(seen[split] - seen["train"]) / len(seen[split]) - 0.5) < 0.03
        new = [s for s in corpus.splits[split] if not patterns_seen((s,)) & seen["train"]]
        assert 0.4 < len(new) / len(corpus.splits[split]) < 0.6


def test_the_context_words_of_new_patterns_are_known(corpus: Corpus):
    known = context_words(corpus.splits["train"])
    assert context_words(corpus.splits["validation"]) | context_words(corpus.splits["test"]) <= known


def test_the_words_agree_with_the_punctuation_splitter(corpus: Corpus):
    for sentence in chain(*corpus.splits.values()):
        text, offsets = sentence.as_text()
        assert tuple(PunctuationSplitter().split(text)) == offsets


def test_sentences_have_ids_and_documents_have_up_to_six_sentences(corpus: Corpus):
    sentences = list(chain(*corpus.splits.values()))
    assert len({sentence.id for sentence in sentences}) == len(sentences)
    sizes = defaultdict(int)
    for sentence in sentences:
        sizes[sentence.document_id] += 1
    assert set(sizes.values()) <= set(range(1, 7))
    assert len(sizes) < len(sentences) / 5


def test_a_split_does_not_depend_on_the_size_of_the_others(corpus: Corpus):
    smaller = ExampleCorpus(num_train=10, num_validation=20, num_test=400).read()
    assert smaller.splits["train"] == corpus.splits["train"][:10]
    assert smaller.splits["validation"] == corpus.splits["validation"][:20]
    assert smaller.splits["test"] == corpus.splits["test"]


def test_the_seed_decides_the_corpus_on_every_machine():
    code = (
        "from ner_lightning.corpora.example_corpus import ExampleCorpus\nprint(ExampleCorpus(seed=3).read().checksum())"
    )
    command = [sys.executable, "-c", code]
    other = subprocess.run(command, capture_output=True, text=True, check=True)
    assert other.stdout.strip() == ExampleCorpus(seed=3).read().checksum()


def test_other_seeds_give_other_names_and_sentences(corpus: Corpus):
    other = ExampleCorpus(seed=1).read()
    for split in SPLIT_NAMES:
        assert len(set(map(skeleton, corpus.splits[split][:50])) & set(map(skeleton, other.splits[split][:50]))) < 10
        assert corpus.splits[split] != other.splits[split]


def test_the_corpus_is_generated_quickly():
    before = time.process_time()
    ExampleCorpus().read()
    assert time.process_time() - before < 2  # a third of a second when it is not checked


@pytest.mark.parametrize("split", SPLIT_NAMES)
def test_a_split_without_a_sentence_is_refused(split):
    with pytest.raises(CorpusError, match=f"the {split} split must contain at least one sentence, got 0"):
        ExampleCorpus(**{f"num_{split}": 0})
