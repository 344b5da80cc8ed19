"""Several processes do what one does: the same gradients, the same scores, every sentence once."""

import csv
import os
import signal
import subprocess
import sys
import time
from functools import cache
from pathlib import Path

import pytest
import torch
from integration.command_line import ROOT, TINY_RUN, start
from integration.rank_script import LAYOUTS, LOSSES, data_module, gradients, joined_steps, sampler_of

from ner_lightning.commands.training_cli import run_training
from ner_lightning.corpora.example_corpus import ExampleCorpus
from ner_lightning.data_module import BatchSettings, NERDataModule
from ner_lightning.library_messages import quieten
from ner_lightning.modeling.encoders import SmallBert
from ner_lightning.predictions import read_predictions

SCRIPT = Path(__file__).with_name("rank_script.py")
NUM_RANKS = (2, 3)
CORPUS = {"num_train": 300, "num_validation": 24, "num_test": 24}
RUN = [  # long enough to find some entities
    *TINY_RUN,
    *(f"--data.corpus.{name}={number}" for name, number in CORPUS.items()),
    "--data.batches.max_windows=2",
    "--data.batches.evaluation_subwords=100",
    "--model.encoder.hidden_size=64",
    "--model.optimizer.lr=0.003",
    "--trainer.max_epochs=4",
]
TWO_RANKS = ["--trainer.devices=2", "--trainer.strategy=ddp", "--trainer.accelerator=cpu"]
needs_two_gpus = pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two CUDA devices")


def torchrun(num_ranks: int, *command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "torch.distributed.run",
            "--standalone",
            f"--nproc-per-node={num_ranks}",
            *map(str, command),
        ],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory):
    """What the ranks of a start of the script wrote down."""

    @cache
    def of(num_ranks: int, accelerator: str = "cpu") -> list[dict]:
        folder = tmp_path_factory.mktemp(f"ranks-{num_ranks}")
        done = torchrun(num_ranks, SCRIPT, folder, accelerator)
        assert done.returncode == 0, done.stderr[-3000:]
        return [torch.load(folder / f"rank-{rank}.pt", weights_only=True) for rank in range(num_ranks)]

    return of


def assert_gradients_of_one_process(ranks: list[dict], loss: str) -> None:
    for layout in LAYOUTS:
        expected = gradients(LOSSES[loss](), joined_steps(layout, len(ranks)), accelerator="cpu")
        assert len(expected) > 1 or layout.max_windows * layout.accumulate > 4
        for rank in ranks:
            steps = rank["gradients"][loss, layout.name]
            assert len(steps) == len(expected)
            for step, expected_step in zip(steps, expected, strict=True):
                assert step.keys() == expected_step.keys()
                for name, gradient in step.items():
                    torch.testing.assert_close(gradient, expected_step[name], atol=1e-10, rtol=0, msg=layout.name)
            assert max(gradient.abs().max() for gradient in expected[-1].values()) > 1e-3


@pytest.mark.parametrize("num_ranks", NUM_RANKS)
@pytest.mark.parametrize("loss", LOSSES)
def test_the_gradient_of_a_step_is_that_of_one_process_on_the_joined_batch(written, num_ranks: int, loss: str) -> None:
    assert_gradients_of_one_process(written(num_ranks), loss)


@pytest.mark.gpu
@needs_two_gpus
@pytest.mark.parametrize("loss", LOSSES)
def test_the_gradient_of_a_step_is_the_same_on_gpus(written, loss: str) -> None:
    assert_gradients_of_one_process(written(2, "cuda"), loss)


@pytest.mark.parametrize("num_ranks", NUM_RANKS)
def test_ranks_agree_with_one_process_on_tags_subwords_and_batches(written, num_ranks: int) -> None:
    data = data_module(LAYOUTS[0])
    data.setup()
    expected = {
        "tags": data.tags.to_plain(),
        "vocabulary": data.tokenizer.get_vocab(),
        "batches": sampler_of(data, num_ranks).batches_of(3),
    }
    for rank in written(num_ranks):
        assert {name: rank[name] for name in expected} == expected


@pytest.mark.parametrize("num_ranks", NUM_RANKS)
def test_what_ends_one_rank_ends_all_at_the_same_step(written, num_ranks: int) -> None:
    """SIGTERM or NaN on the second rank, in the second step of accumulated batches."""
    ranks = written(num_ranks)
    for rank in ranks:
        assert rank["sigterm"] == ("SIGTERMException", "", 2)
        assert rank["nan"] == (*ranks[0]["nan"][:2], 1)
    assert "in step 2, in a batch of the sentences" in ranks[0]["nan"][1]


@pytest.fixture(scope="module")
def run_of_two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of two processes that a user started."""
    folder = tmp_path_factory.mktemp("ranks") / "two"
    process = start("fit", *RUN, *TWO_RANKS, "--run_dir", folder)
    _, stderr = process.communicate(timeout=300)
    assert process.returncode == 0, stderr
    return folder


def scores_of_one_process(run_dir: Path, folder: Path) -> dict[str, float]:
    """What ``validate`` and ``test`` log of the best checkpoint; they write into the folder."""
    options = ["--trainer.accelerator=cpu", "--trainer.devices=1", "--run_dir", folder]
    checkpoint = run_dir / "checkpoints" / "best.ckpt"
    quieten()
    logged: dict[str, float] = {}
    for command in ("validate", "test"):
        done = run_training([command, *map(str, (*RUN, *options, "--ckpt_path", checkpoint))])
        logged |= {name: score.item() for name, score in done.trainer.callback_metrics.items()}
    return logged


def test_the_batches_to_score_cannot_be_shared_evenly() -> None:
    corpus = ExampleCorpus(**CORPUS)
    encoder = SmallBert(hidden_size=64, vocabulary_size=300)
    data = NERDataModule(corpus, encoder, batches=BatchSettings(evaluation_subwords=100))
    data.setup()
    assert {len(data.evaluation_dataloader(split)) % num for split in ("validation", "test") for num in NUM_RANKS} > {0}


def test_two_ranks_score_as_one_process_does(run_of_two: Path, tmp_path: Path) -> None:
    expected = scores_of_one_process(run_of_two, tmp_path)
    with (run_of_two / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))[-2:]  # of the best checkpoint, on each split
    logged = {name: float(value) for row in rows for name, value in row.items() if value and "/" in name}
    assert {"validation/f1", "validation/loss", "test/f1_strict", "test/loss"} <= set(logged)
    assert logged == {name: expected[name] for name in logged}

    splits = ExampleCorpus(**CORPUS).read().splits
    for split in ("validation", "test"):
        for name in (f"{split}.viterbi.jsonl", f"{split}.jsonl"):
            assert (run_of_two / "predictions" / name).read_bytes() == (tmp_path / "predictions" / name).read_bytes()
        sentences = read_predictions(tmp_path / "predictions" / name)
        assert [sentence.id for sentence in sentences] == [sentence.id for sentence in splits[split]]
        assert any(sentence.predicted for sentence in sentences)


@pytest.mark.slow
def test_three_ranks_of_torchrun_score_as_one_process_does(
    run_of_two: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The batches are too few to be shared out evenly."""
    capsys.readouterr()
    scores_of_one_process(run_of_two, tmp_path / "one")
    printed = capsys.readouterr().out
    checkpoint = run_of_two / "checkpoints" / "best.ckpt"
    three = ["--trainer.accelerator=cpu", "--trainer.devices=3", "--trainer.strategy=ddp"]
    printed_by_three = ""
    for command in ("validate", "test"):
        options = [*RUN, *three, "--ckpt_path", checkpoint, "--run_dir", tmp_path / "three"]
        done = torchrun(3, "-m", "ner_lightning", command, *options)
        assert done.returncode == 0, done.stderr
        printed_by_three += done.stdout
    assert printed_by_three == printed
    for split in ("validation", "test"):
        name = f"predictions/{split}.jsonl"
        assert (tmp_path / "three" / name).read_bytes() == (tmp_path / "one" / name).read_bytes()


@pytest.mark.slow
def test_an_error_of_all_ranks_is_said_once(tmp_path: Path) -> None:
    process = start("fit", *RUN, *TWO_RANKS, "--data.batches.evaluation_subwords=9999", "--run_dir", tmp_path / "run")
    _, stderr = process.communicate(timeout=100)
    assert process.returncode == 2, stderr
    assert "Traceback" not in stderr
    (line,) = [line for line in stderr.splitlines() if line.startswith("error:")]
    assert line.startswith("error: 2 ranks need a batch each, got 1 of the validation split")


def children_of(process: subprocess.Popen[str]) -> list[int]:
    path = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    return [int(pid) for pid in path.read_text().split()] if path.exists() else []


def is_alive(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


@pytest.fixture
def training(tmp_path: Path):
    """Two ranks in the midst of training: the first one's process, and the other's id."""
    process = start("fit", *RUN, *TWO_RANKS, "--trainer.max_epochs=1000", "--run_dir", tmp_path / "run")
    metrics = tmp_path / "run" / "metrics.csv"
    deadline = time.monotonic() + 120
    try:
        while not metrics.exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.1)
        (other,) = (pid for pid in children_of(process) if "ner_lightning" in Path(f"/proc/{pid}/cmdline").read_text())
        yield process, other
    finally:
        for pid in children_of(process):
            os.kill(pid, signal.SIGKILL)
        process.kill()
        process.communicate(timeout=100)


@pytest.mark.parametrize("killed", [pytest.param("first", marks=pytest.mark.slow), "other"])
def test_a_rank_that_dies_ends_the_others_within_a_minute(training, killed: str) -> None:
    process, other = training
    os.kill(process.pid if killed == "first" else other, signal.SIGKILL)
    deadline = time.monotonic() + 60
    while (process.poll() is None or is_alive(other)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert process.returncode not in (None, 0)
    assert not is_alive(other)


@pytest.mark.slow
def test_sigterm_to_the_first_rank_saves_and_ends_all(training, tmp_path: Path) -> None:
    process, other = training
    process.terminate()
    _, stderr = process.communicate(timeout=60)
    assert (process.returncode, "Traceback" in stderr) == (143, False)
    assert (tmp_path / "run" / "checkpoints" / "last.ckpt").exists()
    assert not is_alive(other)
