"""Tests that several processes compute the same gradients as one, from the same tags, weights and windows."""

from collections import Counter
from itertools import chain
from math import ceil, floor
from pathlib import Path

import pytest
import torch

from ner_lightning.encoding.repeat_factors import sentence_factor
from ner_lightning.modeling.class_weights import Balanced
from support.command_line import finished, torchrun
from support.rank_script import (
    EPOCHS,
    LAYOUTS,
    LOSSES,
    Layout,
    data_module,
    gradients,
    joined_steps,
    varied_data_module,
)
from support.started_ranks import ON_GPUS

SCRIPT = Path(__file__).parents[1] / "support" / "rank_script.py"


@pytest.fixture(scope="module", params=[(2, "cpu"), (3, "cpu"), pytest.param((2, "cuda"), marks=ON_GPUS)], ids=str)
def written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[dict]:
    """Start the script once and return the records of its ranks."""
    num_ranks, accelerator = request.param
    folder = tmp_path_factory.mktemp("ranks")
    done = finished(torchrun(num_ranks, SCRIPT, folder, accelerator))
    assert done.returncode == 0, done.stderr[-3000:]
    return [torch.load(folder / f"rank-{rank}.pt", weights_only=True) for rank in range(num_ranks)]


@pytest.mark.parametrize("loss", LOSSES)
def test_ranks_compute_the_gradient_of_one_process_on_the_joined_batch(written: list[dict], loss: str) -> None:
    for name, layout in LAYOUTS.items():
        expected = gradients(LOSSES[loss](), joined_steps(layout, len(written)), accelerator="cpu")
        assert len(expected) > 1 or layout.max_windows * layout.accumulate > 4
        for rank in written:
            steps = rank["gradients"][loss, name]
            assert len(steps) == len(expected)
            for step, expected_step in zip(steps, expected, strict=True):
                assert step.keys() == expected_step.keys()
                for parameter, gradient in step.items():
                    torch.testing.assert_close(gradient, expected_step[parameter], atol=1e-10, rtol=0, msg=name)
        assert max(gradient.abs().max() for gradient in expected[-1].values()) > 1e-3


def test_ranks_train_the_same_model_as_one_process_with_larger_batches(written: list[dict]) -> None:
    """Without dropout, every step has the same windows and hence the same gradient."""
    max_windows = LAYOUTS["3x1"].max_windows * len(written)
    expected = gradients(LOSSES["cross_entropy"](), data_module(Layout(max_windows)), accelerator="cpu")
    assert len(expected) > 1
    for rank in written:
        for step, expected_step in zip(rank["gradients"]["cross_entropy", "3x1"], expected, strict=True):
            for parameter, gradient in step.items():
                torch.testing.assert_close(gradient, expected_step[parameter], atol=1e-10, rtol=0)


@pytest.mark.parametrize("num_ranks", [2, 3])
def test_layouts_cut_sentences_and_leave_a_rank_nothing_to_score(num_ranks: int) -> None:
    cut = joined_steps(LAYOUTS["cut sentences"], num_ranks)
    assert sum(len(windows) > 2 for _, windows in cut.bound.encoded["train"]) > 10
    data = joined_steps(
        LAYOUTS["nothing to score"], num_ranks
    )  # one window per batch: its place in the step is its rank
    num_words = [len(window.word_starts) for _, windows in data.bound.encoded["train"] for window in windows]
    assert any(0 in {num_words[window] for window in step} != {0} for step in data.steps)


def test_ranks_agree_with_one_process_on_tags_subwords_class_weights_and_repeat_factors(written: list[dict]) -> None:
    data = varied_data_module()
    data.setup()
    expected = {
        "tags": data.bound.tags.to_plain(),
        "vocabulary": data.bound.tokenizer.get_vocab(),
        "class weights": Balanced().by_type(data.bound.word_counts),
        "repeat factors": data.bound.repeat_factors,
    }
    assert max(data.bound.repeat_factors.values()) > 1
    for rank in written:
        assert {name: rank["shared"][name] for name in expected} == expected


def test_ranks_divide_the_windows_of_one_process(written: list[dict]) -> None:
    """Each window is used as often as its factor says, on any ranks, and is augmented as in one process."""
    data = varied_data_module()
    data.setup()
    sentences, windows = data.bound.corpus.splits["train"], data.train_dataloader().dataset
    factors = [sentence_factor(sentence, data.bound.repeat_factors) for sentence in sentences]
    assert len(windows) == len(sentences)
    assert [windows.augmented(0, number) for number in range(len(sentences))] != list(sentences)
    for epoch in EPOCHS:
        dealt = [rank["shared"]["batches"][epoch] for rank in written]
        assert len({len(batches) for batches in dealt}) == 1
        times = Counter(chain.from_iterable(chain.from_iterable(dealt)))
        assert times.keys() == {(epoch, number) for number in range(len(sentences))}
        assert all(floor(factor) <= times[epoch, number] <= ceil(factor) for number, factor in enumerate(factors))
        assert times.total() == floor(sum(factors)) > len(sentences)
        for rank, batches in zip(written, dealt, strict=True):
            for batch, subwords in zip(batches, rank["shared"]["subwords"][epoch], strict=True):
                assert torch.equal(data.bound.window_encoder.collate(windows.__getitems__(batch)).input_ids, subwords)


def test_all_ranks_end_at_the_same_step_when_one_ends(written: list[dict]) -> None:
    """The second rank gets SIGTERM or NaN in the second step of accumulated batches."""
    for rank in written:
        assert rank["sigterm"] == ("Stopped", "143", 2)
        assert rank["nan"] == (*written[0]["nan"][:2], 1)
    assert "in step 2, in a batch with the sentences" in written[0]["nan"][1]
