"""Tests of the number of optimizer steps of a run, and of the warning if it is too small."""

import re

import pytest

from ner_lightning.training.optimizer_steps import MIN_STEPS, SMALL_CORPUS, count_steps, warning_on_steps


@pytest.mark.parametrize(
    ("num_batches", "accumulated", "max_epochs", "max_steps", "expected"),
    [
        (6, 1, 3, -1, 18),
        (7, 2, 3, -1, 12),  # the last step of an epoch is smaller
        (6, 1, 3, 5, 5),
        (6, 1, 3, 100, 18),
        (6, 1, -1, 100, 100),
        (6, 1, -1, -1, None),
    ],
)
def test_the_number_of_steps_follows_from_batches_accumulation_epochs_and_max_steps(
    num_batches: int, accumulated: int, max_epochs: int, max_steps: int, expected: int | None
) -> None:
    assert count_steps(num_batches, accumulated, max_epochs, max_steps) == expected


def test_only_a_run_with_few_steps_gives_a_warning() -> None:
    assert warning_on_steps(MIN_STEPS) is None
    warning = warning_on_steps(MIN_STEPS - 1)
    assert warning is not None
    assert re.match(rf"{MIN_STEPS - 1} optimizer steps are few .*--config {SMALL_CORPUS} ", warning)
