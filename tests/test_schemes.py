import json
from collections.abc import Callable, Iterator
from functools import cache
from itertools import pairwise, product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.metrics.sequence_labeling import get_entities
from seqeval.scheme import IOB1, IOB2, IOBES, Token, Tokens

from ner_lightning.entities import EntitySpan
from ner_lightning.schemes import BIO, BIOES, IO, LabelScheme, TagSet
from ner_lightning.tags import Tag, entities_of
from support.strategies import ENTITY_TYPES, SCHEMES, flat_entities, tag_id_lists, tag_sets

TWO_TYPES = ("PER", "LOC")
Spans = list[tuple[int, int, str]]


def remembering(scheme: type[Token]) -> Callable[..., Token]:
    """Return seqeval's token class with its answers cached, which makes it many times faster."""
    questions = {name: cache(getattr(scheme, name)) for name in ("is_start", "is_inside", "is_end", "is_valid")}
    return cache(type(scheme.__name__, (scheme,), questions))


STRICT = {IO: remembering(IOB1), BIO: remembering(IOB2), BIOES: remembering(IOBES)}


def seqeval_lenient(tags: list[str]) -> Spans:
    return [(start, end + 1, kind) for kind, start, end in get_entities(tags)]


def seqeval_strict(tags: list[str], scheme: LabelScheme) -> Spans:
    return [(e.start, e.end, e.tag) for e in Tokens(tags, STRICT[type(scheme)]).entities]


def spans(entities: list[EntitySpan]) -> Spans:
    return [(e.start, e.end, e.entity_type) for e in entities]


def all_tag_ids(tags: TagSet, max_words: int = 5) -> Iterator[tuple[int, ...]]:
    for num_words in range(max_words + 1):
        yield from product(range(len(tags.tags)), repeat=num_words)


@pytest.mark.parametrize("scheme", SCHEMES, ids=repr)
def test_every_short_sequence_is_read_as_by_seqeval_in_both_readings(scheme):
    tags = TagSet(scheme, TWO_TYPES)
    num_sequences = 0
    for ids in all_tag_ids(tags):
        names = [tags.tags[i] for i in ids]
        assert spans(tags.read(ids)) == seqeval_lenient(names), names
        assert spans(tags.read(ids, "strict")) == seqeval_strict(names, scheme), names
        num_sequences += 1
    assert num_sequences == sum((1 + 2 * len(scheme.prefixes)) ** n for n in range(6))


@given(st.data())
def test_longer_sequences_over_three_types_are_read_as_by_seqeval(data):
    tags = data.draw(tag_sets())
    ids = data.draw(tag_id_lists(tags, max_words=40))
    names = [tags.tags[i] for i in ids]
    assert spans(tags.read(ids)) == spans(entities_of(names)) == seqeval_lenient(names)
    assert spans(tags.read(ids, "strict")) == seqeval_strict(names, tags.scheme)


@given(st.lists(st.sampled_from(["O", *(f"{p}-{t}" for p in "BIES" for t in ENTITY_TYPES)]), max_size=30))
def test_tags_of_mixed_schemes_are_read_leniently_as_by_seqeval(names):
    assert spans(entities_of(names)) == seqeval_lenient(names)


@pytest.mark.parametrize("scheme", [BIO(), BIOES()], ids=repr)
def test_a_sequence_is_allowed_exactly_if_reading_and_writing_reproduce_it(scheme):
    tags = TagSet(scheme, TWO_TYPES)
    allowed = tags.allowed.tolist()
    for ids in all_tag_ids(tags):
        is_allowed = all(allowed[previous][current] for previous, current in pairwise((0, *ids, 0)))
        assert is_allowed == (tags.write(tags.read(ids), len(ids)) == list(ids)), [tags.tags[i] for i in ids]


def test_every_io_sequence_is_allowed():
    assert TagSet(IO(), TWO_TYPES).allowed.all()


@pytest.mark.parametrize("scheme", [BIO(), BIOES()], ids=repr)
@given(sentence=flat_entities())
def test_reading_inverts_writing(scheme, sentence):
    entities, num_words = sentence
    tags = TagSet(scheme, tuple(ENTITY_TYPES))
    ids = tags.write(entities, num_words)
    assert len(ids) == num_words
    assert tags.read(ids) == tags.read(ids, "strict") == entities


@given(flat_entities())
def test_io_merges_adjacent_entities_of_one_type_and_no_others(sentence):
    entities, num_words = sentence
    merged: list[EntitySpan] = []
    for entity in entities:
        touches = merged and (merged[-1].end, merged[-1].entity_type) == (entity.start, entity.entity_type)
        start = merged.pop().start if touches else entity.start
        merged.append(EntitySpan(start, entity.end, entity.entity_type))
    tags = TagSet(IO(), tuple(ENTITY_TYPES))
    ids = tags.write(entities, num_words)
    assert tags.read(ids) == tags.read(ids, "strict") == merged


@pytest.mark.parametrize(
    ("scheme", "expected"),
    [
        (IO(), "I-PER I-PER O I-LOC I-LOC I-LOC I-PER"),
        (BIO(), "B-PER I-PER O B-LOC I-LOC I-LOC B-PER"),
        (BIOES(), "B-PER E-PER O B-LOC I-LOC E-LOC S-PER"),
    ],
    ids=repr,
)
def test_entities_are_written_with_the_tags_of_each_scheme(scheme, expected):
    tags = TagSet(scheme, ("LOC", "PER"))
    entities = [EntitySpan(0, 2, "PER"), EntitySpan(3, 6, "LOC"), EntitySpan(6, 7, "PER")]
    ids = tags.write(entities, 7)
    assert [tags.tags[i] for i in ids] == expected.split()
    assert tags.read(ids) == entities


@pytest.mark.parametrize(
    ("names", "lenient", "strict"),
    [
        ("I-PER I-PER O", [(0, 2)], []),
        ("O I-LOC B-PER", [(1, 2), (2, 3)], [(2, 3)]),
        ("B-PER I-LOC", [(0, 1), (1, 2)], [(0, 1)]),
        ("B-PER B-PER I-PER", [(0, 1), (1, 3)], [(0, 1), (1, 3)]),
    ],
)
def test_ill_formed_bio_is_repaired_leniently_and_dropped_strictly(names, lenient, strict):
    tags = TagSet(BIO(), ("LOC", "PER"))
    ids = [tags.tag_ids[name] for name in names.split()]
    assert [(e.start, e.end) for e in tags.read(ids)] == lenient
    assert [(e.start, e.end) for e in tags.read(ids, "strict")] == strict


def test_bilou_tags_are_read_like_bioes_tags():
    assert entities_of(["B-PER", "I-PER", "L-PER", "U-LOC"]) == entities_of(["B-PER", "I-PER", "E-PER", "S-LOC"])
    assert Tag.parse("U-LOC") == Tag("S", "LOC")


def test_an_entity_type_may_contain_hyphens():
    assert Tag.parse("B-work-of-art") == Tag("B", "work-of-art")
    assert str(Tag.parse("B-work-of-art")) == "B-work-of-art"


@pytest.mark.parametrize("text", ["", "B", "B-", "-PER", "X-PER", "b-PER", "B_PER", "PER", "o", "O-PER"])
def test_a_malformed_tag_is_refused(text):
    with pytest.raises(ValueError, match="a tag must be O, or one of B I E S L U"):
        Tag.parse(text)


@pytest.mark.parametrize(
    ("scheme", "names"),
    [
        (IO(), "O I-LOC I-PER"),
        (BIO(), "O B-LOC I-LOC B-PER I-PER"),
        (BIOES(), "O B-LOC I-LOC E-LOC S-LOC B-PER I-PER E-PER S-PER"),
    ],
    ids=repr,
)
def test_tag_ids_begin_with_o_and_follow_the_types(scheme, names):
    tags = TagSet(scheme, ("LOC", "PER"))
    assert list(tags.tags) == names.split()
    assert tags.tag_ids == {name: index for index, name in enumerate(names.split())}


@pytest.mark.parametrize(
    ("scheme", "inside"),
    [
        (IO(), {"O": "O", "I-PER": "I-PER"}),
        (BIO(), {"O": "O", "B-PER": "I-PER", "I-PER": "I-PER"}),
        (BIOES(), {"O": "O", "B-PER": "I-PER", "I-PER": "I-PER", "E-PER": "E-PER", "S-PER": "E-PER"}),
    ],
    ids=repr,
)
def test_later_subwords_have_the_continuing_tag_of_the_scheme(scheme, inside):
    tags = TagSet(scheme, ("PER",))
    assert {tags.tags[i]: tags.tags[j] for i, j in enumerate(tags.continuing_ids)} == inside


@pytest.mark.parametrize(
    ("scheme", "marks"), [(IO(), (False, False)), (BIO(), (True, False)), (BIOES(), (True, True))], ids=repr
)
def test_a_scheme_marks_the_expected_boundaries(scheme, marks):
    """A boundary is marked if no prefix is written both at it and away from it."""
    assert (scheme.marks_start, scheme.marks_end) == marks
    written = [scheme.prefixes_of(length) for length in range(1, 5)]
    assert marks[0] == {p[0] for p in written}.isdisjoint("".join(p[1:] for p in written))
    assert marks[1] == {p[-1] for p in written}.isdisjoint("".join(p[:-1] for p in written))


@given(tag_sets())
def test_a_tag_set_is_rebuilt_from_json(tags):
    plain: dict[str, Any] = json.loads(json.dumps(tags.to_plain()))
    assert TagSet.from_plain(plain) == tags
    assert TagSet.from_plain(plain).tags == tags.tags


def test_tag_sets_of_different_schemes_differ():
    assert TagSet(BIO(), TWO_TYPES) != TagSet(BIOES(), TWO_TYPES)
    assert TagSet(BIO(), TWO_TYPES) != TagSet(BIO(), TWO_TYPES[::-1])
    assert len({TagSet(scheme, TWO_TYPES) for scheme in [*SCHEMES, BIO()]}) == 3


def test_an_unknown_scheme_is_refused_with_a_list_of_known_ones():
    with pytest.raises(ValueError, match=r"must be one of \['BIO', 'BIOES', 'IO'\], got 'IOBES'"):
        TagSet.from_plain({"scheme": "IOBES", "entity_types": []})


def test_repeated_entity_types_are_refused():
    with pytest.raises(ValueError, match="must be distinct"):
        TagSet(BIO(), ("PER", "PER"))


@pytest.mark.parametrize(
    ("entities", "message"),
    [
        ([EntitySpan(0, 1, "ORG")], "unknown entity type"),
        ([EntitySpan(1, 4, "PER")], "ends after the last of 3 words"),
        ([EntitySpan(0, 2, "PER"), EntitySpan(1, 3, "LOC")], "overlaps another"),
    ],
)
def test_entities_that_tags_cannot_write_are_refused(entities, message):
    with pytest.raises(ValueError, match=message):
        TagSet(BIO(), TWO_TYPES).write(entities, 3)
