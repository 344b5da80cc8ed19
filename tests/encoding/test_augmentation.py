import pickle
from collections import Counter
from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ner_lightning.encoding.augmentation import (
    NEIGHBORING_KEYS,
    Augmentation,
    CasingNoise,
    MentionReplacement,
    TokenReplacement,
    TypingNoise,
    mistyped,
)
from ner_lightning.entities import EntitySpan
from ner_lightning.schemes import BIO, TagSet
from ner_lightning.sentences import Sentence
from support.strategies import ENTITY_TYPES, flat_entities, tag_sets

TAGS = TagSet(BIO(), tuple(ENTITY_TYPES))
ANN = Sentence(("Ann", "Lee", "left", "Oslo"), (EntitySpan(0, 2, "PER"), EntitySpan(3, 4, "LOC")), "0")
TOM = Sentence(
    ("In", "Rio", "Tom", "met", "Ann", "Lee"),
    (EntitySpan(1, 2, "LOC"), EntitySpan(2, 3, "PER"), EntitySpan(4, 6, "PER")),
)
WITH_TEXT = Sentence(("Ann", "left"), (EntitySpan(0, 1, "PER"),), "0", "d", "Ann left", ((0, 3), (4, 8)))
ALL_PARTS = [MentionReplacement, TokenReplacement, CasingNoise, TypingNoise]


@st.composite
def sentences(draw: st.DrawFn) -> Sentence:
    """Draw sentences of any words, including the empty word and one that becomes longer in upper case."""
    entities, num_words = draw(flat_entities())
    words = st.sampled_from(["", "a", "Bo", "mcCoy", "ßé", "7th", "\u200b"])
    return Sentence(tuple(draw(words) for _ in range(num_words)), tuple(entities), "s", "d")


def training_splits() -> st.SearchStrategy[list[Sentence]]:
    return st.lists(sentences(), min_size=1, max_size=4)


def probabilities() -> st.SearchStrategy[float]:
    return st.sampled_from([0.0, 0.3, 1.0])


def changed(part: Augmentation, sentence: Sentence, training: list[Sentence], seed: int = 0) -> Sentence:
    return part.bind(training, TAGS)(sentence, Random(seed))


def outside(sentence: Sentence) -> list[tuple[str, ...]]:
    """Return the words before, between and after the entities."""
    ends = [0, *(entity.end for entity in sentence.entities)]
    starts = [*(entity.start for entity in sentence.entities), len(sentence)]
    return [sentence.words[end:start] for end, start in zip(ends, starts, strict=True)]


def mentions(sentence: Sentence) -> list[tuple[str, tuple[str, ...]]]:
    return [(e.entity_type, sentence.words[e.start : e.end]) for e in sentence.entities]


@given(training_splits(), tag_sets(), st.lists(st.sampled_from(ALL_PARTS), max_size=4), probabilities(), st.integers())
def test_every_augmentation_keeps_the_types_and_the_order_of_entities(training, tags, parts, probability, seed):
    random = Random(seed)
    after = before = training[0]
    for part in parts:
        after = part(probability).bind(training, tags)(after, random)
    assert [e.entity_type for e in after.entities] == [e.entity_type for e in before.entities]
    assert list(map(len, outside(after))) == list(map(len, outside(before)))
    assert (after.id, after.document_id) == (before.id, before.document_id)


@given(training_splits(), probabilities(), st.integers())
@example([Sentence(("a",) * 4, (EntitySpan(0, 1, "PER"), EntitySpan(1, 3, "PER")))], 1.0, 0)  # the words stay the same
def test_mentions_are_replaced_by_those_in_training_and_nothing_else_changes(training, probability, seed):
    before = training[0]
    after = changed(MentionReplacement(probability), before, training, seed)
    assert outside(after) == outside(before)
    known = {mention for sentence in training for mention in mentions(sentence)}
    for old, new in zip(mentions(before), mentions(after), strict=True):
        others = {mention for mention in known - {old} if mention[0] == old[0]}
        assert new in ({old} if probability == 0 or not others else others if probability == 1 else others | {old})


def test_all_mentions_of_a_type_are_equally_likely_to_be_drawn():
    training = [ANN, TOM, ANN, Sentence(("Bo",), (EntitySpan(0, 1, "PER"),))]
    drawn = Counter(changed(MentionReplacement(1.0), ANN, training, seed) for seed in range(2000))
    assert set(drawn) == {
        Sentence(("Tom", "left", "Rio"), (EntitySpan(0, 1, "PER"), EntitySpan(2, 3, "LOC")), "0"),
        Sentence(("Bo", "left", "Rio"), (EntitySpan(0, 1, "PER"), EntitySpan(2, 3, "LOC")), "0"),
    }
    assert min(drawn.values()) > 900


@given(training_splits(), tag_sets(), probabilities(), st.integers())
def test_words_are_replaced_by_words_with_the_same_tag_in_training(training, tags, probability, seed):
    before = training[0]
    after = TokenReplacement(probability).bind(training, tags)(before, Random(seed))
    assert after.entities == before.entities
    tagged = {pair for s in training for pair in zip(s.words, tags.write(s.entities, len(s)), strict=True)}
    assert set(zip(after.words, tags.write(after.entities, len(after)), strict=True)) <= tagged
    if probability == 0:
        assert after is before


def test_words_are_drawn_in_proportion_to_their_frequency_under_the_tag():
    training = [Sentence(("a", "a", "a", "b"))]
    drawn = Counter(
        word for seed in range(1000) for word in changed(TokenReplacement(1.0), training[0], training, seed).words
    )
    assert drawn["a"] / drawn.total() == pytest.approx(0.75, abs=0.03)


@given(sentences(), st.integers())
def test_casing_noise_changes_the_whole_sentence(before, seed):
    after = changed(CasingNoise(1.0), before, [before], seed)
    casings = [tuple(map(casing, before.words)) for casing in (str.lower, str.upper, str.capitalize)]
    assert after.words in casings
    assert after.entities == before.entities


def test_every_casing_is_equally_likely():
    sentence = Sentence(("xY", "z"))
    drawn = Counter(changed(CasingNoise(0.6), sentence, [], seed).words for seed in range(3000))
    shares = {("xY", "z"): 0.4, ("xy", "z"): 0.2, ("XY", "Z"): 0.2, ("Xy", "Z"): 0.2}
    assert {words: count / 3000 for words, count in drawn.items()} == pytest.approx(shares, abs=0.03)


@given(st.text(min_size=1, max_size=6), st.integers())
def test_a_typing_error_is_one_edit_and_never_empties_a_word(word, seed):
    after = mistyped(word, Random(seed))
    dropped = {word[:i] + word[i + 1 :] for i in range(len(word))}
    doubled = {word[:i] + word[i] + word[i:] for i in range(len(word))}
    swapped = {word[:i] + word[i + 1] + word[i] + word[i + 2 :] for i in range(len(word) - 1)}
    differing = [(old, new) for old, new in zip(word, after, strict=False) if old != new]
    beside = len(after) == len(word) and len(differing) == 1 and differing[0][1].lower() in NEIGHBORING_KEYS
    assert after
    assert after in dropped | doubled | swapped or beside


def test_every_typing_error_of_a_word_can_occur():
    drawn = {mistyped("Sa", Random(seed)) for seed in range(2000)}
    beside = {f"{key}a" for key in "ADWEZX"} | {f"S{key}" for key in "sqwz"}
    assert drawn == {"a", "S", "SSa", "Saa", "aS"} | beside


def test_neighboring_keys_are_neighbors_of_each_other():
    assert set(NEIGHBORING_KEYS["g"]) == set("ftyhvb")
    assert set(NEIGHBORING_KEYS["q"]) == set("12wa")
    assert all(key in NEIGHBORING_KEYS[neighbor] for key, keys in NEIGHBORING_KEYS.items() for neighbor in keys)


@given(sentences(), probabilities(), st.integers())
def test_typing_noise_keeps_the_number_of_words_and_empties_none(before, probability, seed):
    after = changed(TypingNoise(probability), before, [before], seed)
    assert after.entities == before.entities
    assert [not word for word in after.words] == [not word for word in before.words]
    if probability == 0:
        assert after is before


def test_typing_noise_changes_the_requested_share_of_words():
    words = tuple("letter" for _ in range(5000))
    after = changed(TypingNoise(0.2), Sentence(words), [])
    # a typing error may swap the two t, which changes nothing
    assert sum(word != "letter" for word in after.words) / 5000 == pytest.approx(0.2, abs=0.02)


@pytest.mark.parametrize("part", ALL_PARTS)
def test_a_text_that_no_longer_contains_the_words_is_dropped(part):
    training = [WITH_TEXT, TOM]
    assert changed(part(0.0), WITH_TEXT, training) is WITH_TEXT
    after = next(
        sentence for seed in range(50) if (sentence := changed(part(1.0), WITH_TEXT, training, seed)) != WITH_TEXT
    )
    assert (after.text, after.word_offsets) == (None, None)
    assert after.document_id == "d"


@given(training_splits(), st.sampled_from(ALL_PARTS), st.integers())
def test_a_change_depends_only_on_the_sentence_and_the_random_numbers(training, part, seed):
    change = part(0.5).bind(training, TAGS)
    in_worker = pickle.loads(pickle.dumps(change))
    assert change(training[0], Random(seed)) == in_worker(training[0], Random(seed))


@pytest.mark.parametrize("part", ALL_PARTS)
def test_a_probability_is_from_0_to_1(part):
    with pytest.raises(ValueError, match=f"{part.__name__} must be from 0 to 1, got 1.5"):
        part(1.5)
