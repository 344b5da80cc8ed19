import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner_lightning.scheme_detection import detect_scheme, ill_formed_positions, prefixes_of_source
from ner_lightning.schemes import BIO, BIOES, IO, EntitySpan, TagSet
from ner_lightning.tags import entities_of
from support.strategies import ENTITY_TYPES, flat_entities

TYPES = tuple(ENTITY_TYPES)


def written(source: str, entities: list[EntitySpan], num_words: int) -> list[str]:
    """The tags of a sentence in a scheme that files use, also those that are never trained."""
    if source == "IOB1":
        tags, end, kind = ["O"] * num_words, -1, ""
        for entity in entities:
            touches = (entity.start, entity.entity_type) == (end, kind)
            tags[entity.start : entity.end] = [f"I-{entity.entity_type}"] * len(entity)
            if touches:
                tags[entity.start] = f"B-{entity.entity_type}"
            end, kind = entity.end, entity.entity_type
        return tags
    scheme = {"IO": IO(), "BIO": BIO(), "BIOES": BIOES(), "BILOU": BIOES()}[source]
    tag_set = TagSet(scheme, TYPES)
    tags = [tag_set.tags[i] for i in tag_set.write(entities, num_words)]
    as_bilou = {"E": "L", "S": "U"}
    return [as_bilou.get(tag[0], tag[0]) + tag[1:] for tag in tags] if source == "BILOU" else tags


sources = st.sampled_from(["IO", "IOB1", "BIO", "BIOES", "BILOU"])


@given(sources, st.lists(flat_entities(), max_size=5))
def test_the_scheme_that_was_written_is_recognised_or_named_as_possible(source, sentences):
    evidence = detect_scheme(written(source, *sentence) for sentence in sentences)
    assert source in {evidence.scheme, *evidence.also_possible}


@given(sources, flat_entities())
def test_what_was_written_is_well_formed(source, sentence):
    assert ill_formed_positions(written(source, *sentence), source) == []


@given(st.sampled_from(["IOB1", "BIO", "BIOES", "BILOU"]), flat_entities())
def test_the_entities_are_read_whichever_scheme_they_were_written_in(source, sentence):
    assert entities_of(written(source, *sentence)) == sentence[0]


@pytest.mark.parametrize(
    ("sentences", "scheme", "reason"),
    [
        (["B-PER I-PER O B-LOC"], "BIO", "2 entities begin with B, 0 with I (B 2, I 1)"),
        (["B-PER O", "I-LOC"], "BIO", "1 entities begin with B, 1 with I"),
        (["B-PER B-PER"], "BIO", "2 entities begin with B"),
        (["I-PER I-PER O", "I-LOC B-LOC I-LOC"], "IOB1", "of 3 entities 2 begin with I"),
        (["I-PER I-PER O"], "IO", "only I occurs (I 2)"),
        (["O S-PER"], "BIOES", "E or S occur (S 1)"),
        (["B-PER L-PER U-LOC"], "BILOU", "L or U occur (B 1, L 1, U 1)"),
    ],
)
def test_the_evidence_of_a_scheme(sentences, scheme, reason):
    evidence = detect_scheme(sentence.split() for sentence in sentences)
    assert evidence.scheme == scheme
    assert reason in str(evidence)


@pytest.mark.parametrize(
    ("sentences", "doubt"),
    [
        (["I-PER O"], "IOB1"),
        (["O O"], "IO, IOB1, BIOES, BILOU"),
        ([], "IO, IOB1, BIOES, BILOU"),
    ],
)
def test_what_is_ambiguous_is_said(sentences, doubt):
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
def test_the_places_of_ill_formed_tags(scheme, tags, positions):
    assert ill_formed_positions(tags.split(), scheme) == positions


@given(st.sampled_from(["BIO", "BIOES"]), st.data())
def test_no_place_is_ill_formed_exactly_when_the_tags_are_what_their_entities_write(source, data):
    prefixes = prefixes_of_source(source)
    names = ["O", *(f"{prefix}-{kind}" for prefix in prefixes for kind in TYPES)]
    tags = data.draw(st.lists(st.sampled_from(names), max_size=8))
    assert (ill_formed_positions(tags, source) == []) == (written(source, entities_of(tags), len(tags)) == tags)
