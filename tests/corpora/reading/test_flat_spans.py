import random

from hypothesis import given
from hypothesis import strategies as st

from ner_lightning.corpora.reading.flat_spans import SpanReading, fit_to_text, fit_to_words
from ner_lightning.corpora.reading.raw_sentences import RawSpan
from ner_lightning.word_splitting import BlankSplitter, PunctuationSplitter
from support.strategies import ENTITY_TYPES

TEXTS = st.text("aB ,.'\u0085\u2028\u200bé-", max_size=20)


def raw_spans(spans: list[tuple[int, int, str]]) -> list[RawSpan]:
    return [RawSpan(*span) for span in spans]


def test_empty_and_reversed_spans_inside_a_word_are_dropped_with_their_reason():
    fitted = fit_to_text([RawSpan(2, 2, "PER"), RawSpan(4, 0, "PER")], "Bill", [(0, 4)])
    assert fitted.entities == ()
    assert [kind for kind, _ in fitted.problems] == ["span_without_word", "span_reversed"]


@given(
    text=TEXTS,
    spans=st.lists(st.tuples(st.integers(-1, 22), st.integers(-1, 22), st.sampled_from(ENTITY_TYPES))),
)
def test_fitted_spans_do_not_overlap_and_contain_the_annotated_text(text, spans):
    offsets = PunctuationSplitter().split(text)
    fitted = fit_to_text(raw_spans(spans), text, offsets)
    covered = [set(range(entity.start, entity.end)) for entity in fitted.entities]
    assert sum(map(len, covered)) == len(set().union(*covered))
    dropped = [kind for kind, _ in fitted.problems if kind != "span_cuts_word"]
    assert len(spans) == len(fitted.entities) + len(dropped)
    for entity in fitted.entities:  # the words that share a character with some span of that type, and no others
        touched = [
            {i for i, (left, right) in enumerate(offsets) if left < end and start < right}
            for start, end, entity_type in spans
            if entity_type == entity.entity_type and 0 <= start < end <= len(text)
        ]
        assert set(range(entity.start, entity.end)) in touched


@given(
    spans=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.sampled_from(ENTITY_TYPES))),
    seed=st.integers(),
)
def test_the_spans_that_are_kept_do_not_depend_on_their_order(spans, seed):
    text = "a b c"
    shuffled = random.Random(seed).sample(spans, len(spans))
    offsets = BlankSplitter().split(text)
    assert (
        fit_to_text(raw_spans(spans), text, offsets).entities
        == fit_to_text(raw_spans(shuffled), text, offsets).entities
    )


@given(spans=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.sampled_from(ENTITY_TYPES))))
def test_of_nested_entities_the_innermost_are_kept_if_configured(spans):
    words = ["a", "b", "c", "d", "e"]
    fitted = fit_to_words(raw_spans(spans), words, "innermost")
    valid = [span for span in spans if span[0] < span[1]]
    assert len(spans) == len(fitted.entities) + len(fitted.problems)
    if valid:
        assert min(end - start for start, end, _ in valid) == min(map(len, fitted.entities))
    for entity in fitted.entities:
        assert not any(
            entity.start <= start and end <= entity.end and end - start < len(entity) for start, end, _ in valid
        )


def test_the_longest_or_the_innermost_of_three_nested_entities_is_kept_and_the_others_are_counted():
    text, spans = "a b c", [RawSpan(0, 5, "X"), RawSpan(0, 3, "Y"), RawSpan(2, 3, "Z")]
    offsets = BlankSplitter().split(text)
    for overlaps, kept in (("longest", "X"), ("innermost", "Z")):
        fitted = fit_to_text(spans, text, offsets, SpanReading(overlaps))
        assert [entity.entity_type for entity in fitted.entities] == [kept]
        assert [kind for kind, _ in fitted.problems] == ["overlapping_span"] * 2
