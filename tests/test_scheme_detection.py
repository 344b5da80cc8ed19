from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner_lightning.scheme_detection import PREFIXES_BY_SCHEME, detect_scheme, ill_formed_positions
from ner_lightning.schemes import BIO, BIOES, IO, EntitySpan, TagSet
from ner_lightning.tags import entities_of
from support.strategies import ENTITY_TYPES, flat_entities

TYPES = tuple(ENTITY_TYPES)


def written(source: str, entities: list[EntitySpan], num_words: int) -> list[str]:
    """Return the tags of a sentence in a scheme that files use, including those that are never trained."""
    tags = ["O"] * num_words
    if source.startswith("IO") and source != "IO":
        for entity in entities:
            tags[entity.start : entity.end] = [f"I-{entity.entity_type}"] * len(entity)
        touching = {left.end for left, right in pairwise(entities) if touch(left, right)}
        for entity in entities:
            if source == "IOB1" and entity.start in touching:
                tags[entity.start] = f"B-{entity.entity_type}"
            if source == "IOE2" or (source == "IOE1" and entity.end in touching):
                tags[entity.end - 1] = f"E-{entity.entity_type}"
        return tags
    tag_set = TagSet({"IO": IO(), "BIO": BIO()}.get(source, BIOES()), TYPES)
    tags = [tag_set.tags[i] for i in tag_set.write(entities, num_words)]
    letters = {"BILOU": {"E": "L", "S": "U"}, "BMES": {"I": "M"}, "BMEWO": {"I": "M", "S": "W"}}.get(source, {})
    return [letters.get(tag[0], tag[0]) + tag[1:] for tag in tags]


def touch(left: EntitySpan, right: EntitySpan) -> bool:
    return (left.end, left.entity_type) == (right.start, right.entity_type)


sources = st.sampled_from(list(PREFIXES_BY_SCHEME))


@given(sources, st.lists(flat_entities(), max_size=5))
def test_the_original_scheme_is_recognized_or_listed_as_possible(source, sentences):
    evidence = detect_scheme(written(source, *sentence) for sentence in sentences)
    assert source in {evidence.scheme, *evidence.also_possible}


@given(sources, flat_entities())
def test_written_tags_are_well_formed(source, sentence):
    assert ill_formed_positions(written(source, *sentence), source) == []


@given(sources.filter(lambda source: source != "IO"), flat_entities())
def test_entities_are_read_correctly_from_every_scheme(source, sentence):
    assert entities_of(written(source, *sentence)) == sentence[0]


@pytest.mark.parametrize(
    ("sentences", "scheme", "reason"),
    [
        (["B-PER I-PER O B-LOC"], "BIO", "fits every tag (B 2, I 1)"),
        (["B-PER O", "I-LOC"], "BIO", "fits best, with 1 ill-formed tag instead of 3 for BIOES (B 1, I 1)"),
        (["B-PER B-PER"], "BIO", "fits every tag"),
        (["I-PER I-PER O", "I-LOC B-LOC I-LOC"], "IOB1", "fits every tag (B 1, I 4)"),
        (["I-PER O I-LOC"] * 50 + ["O B-PER O"], "IOB1", "with 1 ill-formed tag instead of 100 for BIO (B 1, I 100)"),
        (["B-PER O B-LOC"] * 50 + ["O I-PER O"], "BIO", "with 1 ill-formed tag instead of 100 for IOB1"),
        (["I-PER E-PER O E-LOC"], "IOE2", "fits every tag (I 1, E 2)"),
        (["I-PER E-PER I-PER O"], "IOE1", "fits every tag (I 2, E 1)"),
        (["B-PER M-PER E-PER S-LOC"], "BMES", "fits every tag (B 1, E 1, S 1, M 1)"),
        (["B-PER M-PER E-PER W-LOC"], "BMEWO", "fits every tag (B 1, E 1, M 1, W 1)"),
        (["I-PER I-PER O"], "IO", "fits every tag (I 2)"),
        (["O S-PER"], "BIOES", "fits every tag (S 1)"),
        (["B-PER L-PER U-LOC"], "BILOU", "fits every tag (B 1, L 1, U 1)"),
    ],
)
def test_the_best_fitting_scheme_is_detected_with_its_evidence(sentences, scheme, reason):
    evidence = detect_scheme(sentence.split() for sentence in sentences)
    assert evidence.scheme == scheme
    assert reason in str(evidence)


@pytest.mark.parametrize(
    ("sentences", "doubt"),
    [
        (["I-PER O"], "IOB1, IOE1"),
        (["O O"], "BIOES, BILOU, BMES, BMEWO, IO, IOB1, IOE2, IOE1"),
        ([], "BIOES, BILOU, BMES, BMEWO, IO, IOB1, IOE2, IOE1"),
    ],
)
def test_other_schemes_that_fit_as_well_are_reported(sentences, doubt):
    evidence = detect_scheme(sentence.split() for sentence in sentences)
    assert f"(ambiguous: {doubt} would fit as well)" in str(evidence)


def test_a_clear_scheme_is_not_called_ambiguous():
    assert "ambiguous" not in str(detect_scheme([["B-PER", "I-PER"]]))


@pytest.mark.parametrize("tag", ["", "B", "PER", "X-PER"])
def test_a_malformed_tag_is_refused(tag):
    with pytest.raises(ValueError, match="a tag must be O"):
        detect_scheme([["O", tag]])
    with pytest.raises(ValueError, match="a tag must be O"):
        ill_formed_positions(["O", tag], "BIO")


@pytest.mark.parametrize(
    ("scheme", "tags", "positions"),
    [
        ("BIO", "I-PER I-PER O B-LOC I-LOC", [0]),
        ("BIO", "B-PER I-LOC O S-LOC", [1, 3]),
        ("BIO", "B-PER E-PER", [1]),
        ("IOB1", "B-PER O I-LOC B-LOC B-PER", [0, 4]),
        ("IOB1", "I-PER E-PER", [1]),
        ("IO", "I-PER I-LOC O B-PER", [3]),
        ("BIOES", "B-PER O", [1]),
        ("BIOES", "O B-PER", [1]),
        ("BIOES", "O B-PER I-PER", [2]),
        ("BIOES", "E-PER S-PER I-LOC E-LOC", [0, 2]),
        ("BIOES", "U-PER B-PER L-PER", [0, 2]),
        ("BILOU", "B-PER L-PER U-LOC S-LOC", [3]),
        ("BILOU", "", []),
    ],
)
def test_the_positions_of_ill_formed_tags_are_found(scheme, tags, positions):
    assert ill_formed_positions(tags.split(), scheme) == positions


@given(st.sampled_from(["BIO", "BIOES", "BMEWO", "IOE2"]), st.data())
def test_tags_are_well_formed_exactly_if_writing_their_entities_reproduces_them(source, data):
    prefixes = PREFIXES_BY_SCHEME[source]
    names = ["O", *(f"{prefix}-{kind}" for prefix in prefixes for kind in TYPES)]
    tags = data.draw(st.lists(st.sampled_from(names), max_size=8))
    assert (ill_formed_positions(tags, source) == []) == (written(source, entities_of(tags), len(tags)) == tags)
