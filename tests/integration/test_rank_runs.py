"""Tests that several ranks score every sentence once, as one process does, even if they are killed and resumed."""

import csv
import os
import shutil
import signal
from pathlib import Path

import pytest

from ner_lightning.__main__ import main
from ner_lightning.commands.fit.command import run_training
from ner_lightning.corpora.example_corpus import ExampleCorpus
from ner_lightning.modeling.encoders import SmallBert
from ner_lightning.predictions import read_predictions
from ner_lightning.quiet_libraries import silence_libraries
from ner_lightning.training.data_module import BatchSettings, NERDataModule
from support.integration_runs import assert_same_run, checkpoint
from support.started_ranks import (
    CORPUS,
    ON_GPUS,
    RUN,
    THREE,
    THREE_OF_TORCHRUN,
    TWO,
    TWO_OF_TORCHRUN,
    TWO_ON_GPUS,
    Ranks,
    is_alive,
    running_ranks,
    wait_until,
)

SCORED = [f"{split}.{kind}" for split in ("validation", "test") for kind in ("jsonl", "argmax.jsonl", "decoders.json")]


@pytest.fixture(scope="module")
def run_of_two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train with two ranks that Lightning starts, and return the run folder."""
    folder = tmp_path_factory.mktemp("ranks") / "two"
    TWO.run("fit", *RUN, "--run_dir", folder)
    return folder


def scores_of_one_process(run_dir: Path, folder: Path, accelerator: str = "cpu") -> dict[str, float]:
    """Return the scores that ``validate`` and ``test`` log for the best checkpoint; they write into the folder."""
    options = [f"--trainer.accelerator={accelerator}", "--trainer.devices=1", "--run_dir", folder]
    best = run_dir / "checkpoints" / "best.ckpt"
    silence_libraries()
    logged: dict[str, float] = {}
    for command in ("validate", "test"):
        done = run_training([command, *map(str, (*RUN, *options, "--ckpt_path", best))])
        logged |= {name: score.item() for name, score in done.trainer.callback_metrics.items()}
    return logged


def assert_same_files(run_dir: Path, expected: Path) -> None:
    for name in ("report.html", *(f"predictions/{file}" for file in SCORED)):
        assert (run_dir / name).read_bytes() == (expected / name).read_bytes(), name


def assert_scored_as_by_one_process(run_dir: Path, folder: Path, accelerator: str = "cpu") -> None:
    """Compare scores, predictions, the comparison of decoders and the report, to the last digit."""
    folder.mkdir()
    for name in ("run.json", "config.yaml"):  # the report shows parts of them
        shutil.copy(run_dir / name, folder)
    expected = scores_of_one_process(run_dir, folder, accelerator)
    with (run_dir / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))[-2:]  # for the best checkpoint, on each split
    logged = {name: float(value) for row in rows for name, value in row.items() if value and "/" in name}
    assert {"validation/f1", "validation/loss", "test/f1_strict", "test/loss"} <= set(logged)
    assert logged == {name: expected[name] for name in logged}
    assert_same_files(run_dir, folder)


def test_the_batches_to_score_cannot_be_divided_evenly() -> None:
    corpus = ExampleCorpus(**CORPUS)
    encoder = SmallBert(hidden_size=64, vocabulary_size=300)
    data = NERDataModule(corpus, encoder, batches=BatchSettings(evaluation_subwords=100))
    data.setup()
    assert {len(data.evaluation_dataloader(split)) % num for split in ("validation", "test") for num in (2, 3)} > {0}


def test_two_ranks_score_as_one_process_does(run_of_two: Path, tmp_path: Path) -> None:
    """Entities are found, and every sentence is scored once and in order."""
    assert_scored_as_by_one_process(run_of_two, tmp_path / "one")
    splits = ExampleCorpus(**CORPUS).read().splits
    for split in ("validation", "test"):
        sentences = read_predictions(run_of_two / "predictions" / f"{split}.jsonl")
        assert [sentence.id for sentence in sentences] == [sentence.id for sentence in splits[split]]
        assert any(sentence.predicted for sentence in sentences)


@pytest.mark.parametrize(
    "ranks",
    [
        TWO_OF_TORCHRUN,
        pytest.param(THREE, marks=pytest.mark.slow),
        pytest.param(THREE_OF_TORCHRUN, marks=pytest.mark.slow),
        pytest.param(TWO_ON_GPUS, marks=ON_GPUS),
    ],
    ids=str,
)
def test_ranks_that_train_score_as_one_process_does(ranks: Ranks, tmp_path: Path) -> None:
    run_dir = tmp_path / "ranks"
    ranks.run("fit", *RUN, "--trainer.max_epochs=1", "--run_dir", run_dir)
    assert_scored_as_by_one_process(run_dir, tmp_path / "one", ranks.accelerator)


@pytest.mark.parametrize(
    "option",
    ["--data.batches.evaluation_subwords=9999", pytest.param("--data.corpus.num_test=1", marks=pytest.mark.slow)],
)
def test_a_rank_without_a_batch_changes_no_score(run_of_two: Path, tmp_path: Path, option: str) -> None:
    """One batch for two ranks, of many sentences or of a single one."""
    options = [*RUN, option, "--ckpt_path", run_of_two / "checkpoints" / "best.ckpt"]
    TWO.run("test", *options, "--run_dir", tmp_path / "two")
    assert main(["test", *map(str, options), "--run_dir", str(tmp_path / "one"), "--trainer.devices=1"]) == 0
    names = [f"predictions/{file}" for file in SCORED if file.startswith("test.")]
    assert [(tmp_path / "two" / name).read_bytes() for name in names] == [
        (tmp_path / "one" / name).read_bytes() for name in names
    ]


@pytest.mark.slow
def test_three_ranks_of_torchrun_print_and_write_what_one_process_does(
    run_of_two: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """There are too few batches to divide them evenly."""
    capsys.readouterr()
    scores_of_one_process(run_of_two, tmp_path / "one")
    printed = capsys.readouterr().out
    options = [*RUN, "--ckpt_path", run_of_two / "checkpoints" / "best.ckpt", "--run_dir", tmp_path / "three"]
    done = [THREE_OF_TORCHRUN.run(command, *options) for command in ("validate", "test")]
    assert "".join(process.stdout for process in done) == printed
    assert_same_files(tmp_path / "three", tmp_path / "one")


@pytest.mark.slow
@pytest.mark.parametrize("killed", [slice(1), slice(2)], ids=["the first", "all"])
def test_killed_and_resumed_ranks_equal_uninterrupted_ones(run_of_two: Path, tmp_path: Path, killed: slice) -> None:
    run_dir = tmp_path / "killed"
    with running_ranks(TWO, run_dir) as (process, ids):
        for pid in reversed(ids[killed]):
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: process.poll() is not None and not any(map(is_alive, ids)), 60)
    assert process.returncode == -signal.SIGKILL
    assert 0 < checkpoint(run_dir)["global_step"] < checkpoint(run_of_two)["global_step"]
    TWO.run("fit", *RUN, "--run_dir", run_dir, "--ckpt_path", "last")
    assert_same_run(run_dir, run_of_two)
