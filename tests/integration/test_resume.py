"""A run that is killed, stopped or broken off, and resumed, equals an uninterrupted one, bit for bit."""

import random
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from integration import accidents, forked_runs
from integration.command_line import TINY_RUN, run, start
from integration.forked_runs import OPTIONS, Preparation
from integration.run_folders import assert_same_run, checkpoint

from ner_lightning.__main__ import main
from ner_lightning.evaluation.run_folders import FINISHED, read_config, read_record


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An uninterrupted run of the options."""
    run_dir = tmp_path_factory.mktemp("resume") / "whole"
    status, printed = forked_runs.run("fit", *OPTIONS, "--run_dir", run_dir)
    assert status == 0, printed
    return run_dir


@contextmanager
def gone(folder: Path) -> Iterator[None]:
    """Have a folder lie elsewhere for a while, so that a copy of it cannot read there."""
    away = folder.rename(folder.with_name(f"{folder.name}.away"))
    try:
        yield
    finally:
        away.rename(folder)


def resume(run_dir: Path, *options: str) -> None:
    """Go on from the last whole checkpoint, or begin anew where there was none yet."""
    last = [] if not (run_dir / "checkpoints" / "last.ckpt").exists() else ["--ckpt_path", "last"]
    if not last:
        shutil.rmtree(run_dir, ignore_errors=True)
    status, printed = forked_runs.run("fit", *OPTIONS, *options, "--run_dir", run_dir, *last)
    assert status == 0, printed


VARIED = [  # with all that draws random numbers or learns parameters of its own
    "--data.batches.repeat_threshold=0.5",
    "--config=configs/augmentation/mentions.yaml",
    "--config=configs/augmentation/typing.yaml",
    "--config=configs/loss/crf.yaml",
    "--data.batches.num_workers=1",
]


def test_killed_from_outside_and_resumed(tmp_path: Path) -> None:
    """As a user sees it, in processes of their own."""
    options = [*TINY_RUN, *VARIED, "--save_every_n_steps=2", "--trainer.accumulate_grad_batches=1"]
    done = run("fit", *options, "--run_dir", tmp_path / "whole")
    assert done.returncode == 0, done.stderr
    process = start("fit", *options, "--run_dir", tmp_path / "killed")
    metrics = tmp_path / "killed" / "metrics.csv"
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        rows = metrics.read_text().count("\n") if metrics.exists() else 0
        if rows > 2 and (tmp_path / "killed" / "checkpoints" / "last.ckpt").exists():
            break
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert checkpoint(tmp_path / "killed")["global_step"] < checkpoint(tmp_path / "whole")["global_step"]
    resumed = run("fit", *options, "--run_dir", tmp_path / "killed", "--ckpt_path", "last")
    assert resumed.returncode == 0, resumed.stderr
    assert_same_run(tmp_path / "killed", tmp_path / "whole")


@pytest.mark.parametrize(("number", "num_bytes", "step"), [(2, 1, 2), (5, 50_000, 6)])
def test_killed_within_a_checkpoint(tmp_path: Path, whole: Path, number: int, num_bytes: int, step: int) -> None:
    """Checkpoints are of steps 2 and 4, twice of 6 (the best and the last of the epoch), then of 8."""
    run_dir = tmp_path / "killed"
    kill = (accidents.kill_in_checkpoint, (number, num_bytes))
    status, _ = forked_runs.run("fit", *OPTIONS, "--run_dir", run_dir, prepare=kill)
    assert status == -signal.SIGKILL
    assert [path.stat().st_size for path in run_dir.rglob("*.partial")] == [num_bytes]
    assert checkpoint(run_dir)["global_step"] == step
    resume(run_dir)
    assert_same_run(run_dir, whole)


def test_killed_twice(tmp_path: Path, whole: Path) -> None:
    """The second time soon after going on, at the first checkpoint that is due then."""
    run_dir = tmp_path / "killed"
    kill = (accidents.kill_in_checkpoint, (3, 1))
    assert forked_runs.run("fit", *OPTIONS, "--run_dir", run_dir, prepare=kill)[0] == -signal.SIGKILL
    assert checkpoint(run_dir)["global_step"] == 4
    again = forked_runs.run("fit", *OPTIONS, "--run_dir", run_dir, "--ckpt_path", "last", prepare=kill)
    assert again[0] == -signal.SIGKILL
    assert 4 < checkpoint(run_dir)["global_step"] < checkpoint(whole)["global_step"]
    resume(run_dir)
    assert_same_run(run_dir, whole)


def test_a_run_goes_on_with_the_settings_that_it_began_with(whole: Path, capsys: pytest.CaptureFixture[str]) -> None:
    again = ["fit", *OPTIONS, "--run_dir", str(whole), "--ckpt_path", "last"]
    assert main([*again, "--model.loss=FocalLoss"]) == 2
    assert "must keep its settings, model.loss.class_path was ner" in capsys.readouterr().err
    assert main([*again, "--seed_everything=7"]) == 2
    assert "must keep its settings, seed was 0, got 7" in capsys.readouterr().err
    assert main([*again, "--trainer.max_epochs=3", "--trainer.gradient_clip_val=0.5"]) == 2
    assert "must keep its settings, trainer.gradient_clip_val was 1.0, got 0.5" in capsys.readouterr().err
    assert (whole / FINISHED).exists()


def test_a_run_that_cannot_go_on_stays_finished_and_as_it_is(
    tmp_path: Path, whole: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_dir = tmp_path / "run"
    shutil.copytree(whole, run_dir)
    (run_dir / "checkpoints" / "best.ckpt").unlink()
    before = {path: path.read_bytes() for path in run_dir.rglob("*") if path.is_file()}
    longer = ["fit", *OPTIONS, "--trainer.max_epochs=3", "--run_dir", str(run_dir), "--ckpt_path", "last"]
    assert main(longer) == 2
    assert "a run goes on with its best checkpoint so far, found nothing" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in run_dir.rglob("*") if path.is_file()} == before


def test_a_finished_run_may_train_longer_and_is_unfinished_until_it_has(tmp_path: Path, whole: Path) -> None:
    run_dir = tmp_path / "longer"
    shutil.copytree(whole, run_dir)
    expected = read_config(run_dir / "config.yaml")
    expected["trainer"]["max_epochs"] = 3
    longer = ["fit", *OPTIONS, "--trainer.max_epochs=3", "--run_dir", run_dir, "--ckpt_path", "last"]
    kill = (accidents.kill_in_checkpoint, (1, 1))
    assert forked_runs.run(*longer, prepare=kill)[0] == -signal.SIGKILL
    assert not (run_dir / FINISHED).exists()
    assert read_config(run_dir / "config.yaml") == expected
    with gone(whole):
        status, printed = forked_runs.run(*longer)
    assert status == 0, printed
    assert (run_dir / FINISHED).exists()
    assert read_config(run_dir / "config.yaml") == expected
    assert read_record(run_dir / "run.json")["epochs"] == 3


def test_a_resumed_run_counts_what_it_took_before(tmp_path: Path, whole: Path) -> None:
    """One with nothing left to train has taken what it took; time of the machine grows by that of the start."""
    run_dir = tmp_path / "again"
    shutil.copytree(whole, run_dir)
    with gone(whole):
        resume(run_dir)
    before, now = read_record(whole / "run.json"), read_record(run_dir / "run.json")
    for key in ("training_seconds", "windows_per_second", "padding"):
        assert now[key] == before[key] > 0
    assert now["wall_seconds"] > before["wall_seconds"]
    assert now["peak_memory_mib"] >= before["peak_memory_mib"]
    assert_same_run(run_dir, whole)


CHECKPOINTED = (2, 4, 6, 6, 8, 10, 12)  # steps; at the end of the first epoch the best checkpoint and the last


def random_moments() -> Iterator[tuple[Preparation, int]]:
    """Five optimizer steps and five places within a checkpoint, each with the step of the last whole checkpoint."""
    rng = random.Random(1)
    for step in rng.sample(range(1, 13), 5):
        yield (accidents.signal_at, ("train/loss", step, signal.SIGKILL)), (step - 1) // 2 * 2
    for number in rng.sample(range(1, 8), 5):
        last = max((step for step in CHECKPOINTED if step < CHECKPOINTED[number - 1]), default=0)
        yield (accidents.kill_in_checkpoint, (number, rng.randrange(1, 300_000))), last


def test_random_moments_come_before_the_first_checkpoint_and_often_behind_it() -> None:
    saved = [step for _, step in random_moments()]
    assert len(saved) == 10
    assert saved.count(0) == 2
    assert len(set(saved)) == 6


@pytest.mark.parametrize(
    ("kill", "saved_step"),
    [pytest.param(*moment, marks=[pytest.mark.slow] if n else []) for n, moment in enumerate(random_moments())],
)
def test_killed_at_random_moments(tmp_path: Path, whole: Path, kill: Preparation, saved_step: int) -> None:
    run_dir = tmp_path / "killed"
    status, _ = forked_runs.run("fit", *OPTIONS, "--run_dir", run_dir, prepare=kill)
    assert status == -signal.SIGKILL
    last = run_dir / "checkpoints" / "last.ckpt"
    assert (checkpoint(run_dir)["global_step"] if last.exists() else 0) == saved_step
    resume(run_dir)
    assert_same_run(run_dir, whole)


@pytest.mark.parametrize(
    ("place", "number", "saved_step"),
    [("train/loss", 3, 3), ("validation/f1", 1, 6), ("validation/f1", 2, 12)],
)
def test_sigterm_saves_and_ends(tmp_path: Path, whole: Path, place: str, number: int, saved_step: int) -> None:
    """In an accumulated step, in the validation of an epoch, and in the last one."""
    run_dir = tmp_path / "stopped"
    stop = (accidents.signal_at, (place, number, signal.SIGTERM))
    status, printed = forked_runs.run("fit", *OPTIONS, "--run_dir", run_dir, prepare=stop)
    assert (status, "Traceback" in printed) == (143, False)
    assert checkpoint(run_dir)["global_step"] == saved_step
    assert not (run_dir / "predictions").exists()
    resume(run_dir)
    assert_same_run(run_dir, whole)


@pytest.mark.parametrize(("batch", "poison"), [(0, "nan"), (17, "inf"), (12, "gradient")])
def test_a_loss_that_is_no_number_ends_the_run_before_its_step(
    tmp_path: Path, whole: Path, batch: int, poison: str
) -> None:
    """At the very first batch, in mid-epoch behind the step's first batch, and where an epoch begins."""
    run_dir = tmp_path / "poisoned"
    status, printed = forked_runs.run(
        "fit", *OPTIONS, "--run_dir", run_dir, prepare=(accidents.poison, (batch, poison))
    )
    (error,) = [line for line in printed.splitlines() if line.startswith("error:")]
    assert (status, "Traceback" in printed) == (1, False)
    assert f"the {'gradient' if poison == 'gradient' else 'loss'} must be finite" in error
    assert f"step {batch // 2 + 1}," in error
    named = error.split("sentences ")[1].split(";")[0].split(", ")
    assert len(set(named)) == len(named) == (16 if poison == "gradient" else 8)
    assert str(run_dir / "checkpoints" / "last.ckpt") in error
    assert checkpoint(run_dir)["global_step"] == batch // 2
    resume(run_dir)
    assert_same_run(run_dir, whole)


def test_a_used_run_folder_is_refused_and_last_needs_a_checkpoint(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "metrics.csv").write_text("step\n")
    assert main(["fit", *TINY_RUN, "--run_dir", str(tmp_path)]) == 2
    assert "the run folder must be empty or new" in capsys.readouterr().err
    assert main(["fit", *TINY_RUN, "--run_dir", str(tmp_path), "--ckpt_path", "last"]) == 2
    assert "got a folder without one" in capsys.readouterr().err
    assert (tmp_path / "metrics.csv").read_text() == "step\n"
