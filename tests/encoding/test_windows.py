from itertools import accumulate, pairwise
from math import inf

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ner_lightning.encoding.windows import Window, plan_windows


@st.composite
def plans(draw: st.DrawFn) -> tuple[list[int], int, int]:
    """Draw the number of subwords of every word, the capacity of a window, and the overlap."""
    capacity = draw(st.integers(1, 12))
    overlap = draw(st.integers(0, capacity // 2))
    return draw(st.lists(st.integers(1, capacity), max_size=40)), capacity, overlap


def begins_of(lengths: list[int]) -> list[int]:
    return list(accumulate(lengths, initial=0))


def distance_to_cut(window: Window, word: int, begins: list[int]) -> float:
    """Return the number of subwords between a word and the nearer cut of a window."""
    left = begins[word] - begins[window.start] if window.start > 0 else inf
    right = begins[window.end] - begins[word + 1] if window.end < len(begins) - 1 else inf
    return min(left, right)


@given(plans())
@example(([1, 1, 1, 1, 1, 2], 4, 2))  # the fourth word is in three windows
def test_a_word_is_owned_by_the_window_whose_cuts_are_farthest_away(plan):
    lengths, capacity, overlap = plan
    begins = begins_of(lengths)
    windows = plan_windows(begins, capacity, overlap)
    owned = [word for window in windows for word in range(window.owned_start, window.owned_end)]
    assert owned == list(range(len(lengths)))
    for window in windows:
        for word in range(window.owned_start, window.owned_end):
            holding = [w for w in windows if w.start <= word < w.end]
            assert window in holding
            best = max(distance_to_cut(other, word, begins) for other in holding)
            assert distance_to_cut(window, word, begins) == best


@given(plans())
def test_windows_respect_capacity_and_overlap_and_cover_the_sentence(plan):
    lengths, capacity, overlap = plan
    begins = begins_of(lengths)
    windows = plan_windows(begins, capacity, overlap)
    assert windows[0].start == 0
    assert windows[-1].end == len(lengths)
    assert all(begins[window.end] - begins[window.start] <= capacity for window in windows)
    for left, right in pairwise(windows):
        assert left.start < right.start <= left.end < right.end
        assert begins[left.end] - begins[right.start] <= overlap


@given(plans())
def test_windows_are_as_long_and_overlap_as_much_as_allowed(plan):
    lengths, capacity, overlap = plan
    begins = begins_of(lengths)
    for left, right in pairwise(plan_windows(begins, capacity, overlap)):
        assert begins[left.end + 1] - begins[left.start] > capacity
        shared = begins[left.end] - begins[right.start - 1]  # if the right one began a word earlier
        assert shared > overlap or begins[left.end + 1] - begins[right.start - 1] > capacity


@given(st.lists(st.integers(1, 3), max_size=10), st.integers(0, 5))
def test_a_sentence_that_fits_is_one_window(lengths, spare):
    capacity = max(sum(lengths) + spare, 1)
    num_words = len(lengths)
    windows = plan_windows(begins_of(lengths), capacity, capacity // 2)
    assert windows == [Window(0, num_words, 0, num_words)]


def test_a_tie_goes_to_the_window_on_the_right():
    assert plan_windows(begins_of([1] * 7), capacity=5, overlap=1) == [Window(0, 5, 0, 4), Window(4, 7, 4, 7)]


@pytest.mark.parametrize("overlap", [-1, 3, 5])
def test_an_overlap_beyond_half_a_window_is_refused(overlap):
    with pytest.raises(ValueError, match="between 0 and half the window of 5 subwords"):
        plan_windows([0, 1], 5, overlap)
