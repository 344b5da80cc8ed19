"""Tests that a run that is killed or stopped, and then resumed, equals an uninterrupted one, bit for bit."""

import csv
import os
import random
import shlex
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ner_lightning.__main__ import main
from ner_lightning.runs.folders import FINISHED, read_config, read_record
from support import accidents, forked_runs
from support.command_line import TINY_RUN, finished, run, start, start_python
from support.forked_runs import OPTIONS, Preparation
from support.integration_runs import assert_same_run, checkpoint
from support.started_ranks import wait_until


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train an uninterrupted run with the options."""
    run_dir = tmp_path_factory.mktemp("resume") / "whole"
    status, printed = forked_runs.run("fit", *OPTIONS, "--run_dir", run_dir)
    assert status == 0, printed
    return run_dir


@contextmanager
def moved_away(folder: Path) -> Iterator[None]:
    """Move a folder away for a while, so that a copy of it cannot read from it."""
    away = folder.rename(folder.with_name(f"{folder.name}.away"))
    try:
        yield
    finally:
        away.rename(folder)


def resume(run_dir: Path, *options: str) -> None:
    """Resume from the last complete checkpoint, or start again if no checkpoint has been saved yet."""
    last = [] if not (run_dir / "checkpoints" / "last.ckpt").exists() else ["--ckpt_path", "last"]
    if not last:
        shutil.rmtree(run_dir, ignore_errors=True)
    status, printed = forked_runs.run("fit", *OPTIONS, *options, "--run_dir", run_dir, *last)
    assert status == 0, printed


VARIED = [  # everything that draws random numbers or has parameters to learn
    "--data.batches.repeat_threshold=0.5",
    "--config=configs/augmentation/mentions.yaml",
    "--config=configs/augmentation/typing.yaml",
    "--config=configs/loss/crf.yaml",
    "--data.batches.num_workers=1",
]


def test_a_run_that_was_killed_from_outside_equals_an_uninterrupted_one(tmp_path: Path) -> None:
    """The runs are separate processes, as for a user."""
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
def test_a_run_that_was_killed_while_saving_equals_an_uninterrupted_one(
    tmp_path: Path, whole: Path, number: int, num_bytes: int, step: int
) -> None:
    """Checkpoints are saved after steps 2 and 4, twice after 6 (best and last of the epoch), then after 8."""
    run_dir = tmp_path / "killed"
    kill = (accidents.kill_in_checkpoint, (number, num_bytes))
    status, _ = forked_runs.run("fit", *OPTIONS, "--run_dir", run_dir, prepare=kill)
    assert status == -signal.SIGKILL
    assert [path.stat().st_size for path in run_dir.rglob("*.partial")] == [num_bytes]
    assert checkpoint(run_dir)["global_step"] == step
    resume(run_dir)
    assert_same_run(run_dir, whole)


def test_a_run_that_was_killed_twice_equals_an_uninterrupted_one(tmp_path: Path, whole: Path) -> None:
    """The second kill comes soon after resuming, at the first checkpoint that is due then."""
    run_dir = tmp_path / "killed"
    kill = (accidents.kill_in_checkpoint, (3, 1))
    assert forked_runs.run("fit", *OPTIONS, "--run_dir", run_dir, prepare=kill)[0] == -signal.SIGKILL
    assert checkpoint(run_dir)["global_step"] == 4
    again = forked_runs.run("fit", *OPTIONS, "--run_dir", run_dir, "--ckpt_path", "last", prepare=kill)
    assert again[0] == -signal.SIGKILL
    assert 4 < checkpoint(run_dir)["global_step"] < checkpoint(whole)["global_step"]
    resume(run_dir)
    assert_same_run(run_dir, whole)


def test_a_run_must_be_resumed_with_the_same_settings(whole: Path, capsys: pytest.CaptureFixture[str]) -> None:
    again = ["fit", *OPTIONS, "--run_dir", str(whole), "--ckpt_path", "last"]
    assert main([*again, "--model.loss=FocalLoss"]) == 2
    assert "must keep its settings: model.loss.class_path was ner" in capsys.readouterr().err
    assert main([*again, "--seed_everything=7"]) == 2
    assert "must keep its settings: seed was 0, got 7" in capsys.readouterr().err
    assert main([*again, "--trainer.max_epochs=3", "--trainer.gradient_clip_val=0.5"]) == 2
    assert "must keep its settings: trainer.gradient_clip_val was 1.0, got 0.5" in capsys.readouterr().err
    assert (whole / FINISHED).exists()


def test_a_finished_run_that_cannot_be_resumed_is_unchanged(
    tmp_path: Path, whole: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_dir = tmp_path / "run"
    shutil.copytree(whole, run_dir)
    (run_dir / "checkpoints" / "best.ckpt").unlink()
    before = {path: path.read_bytes() for path in run_dir.rglob("*") if path.is_file()}
    longer = ["fit", *OPTIONS, "--trainer.max_epochs=3", "--run_dir", str(run_dir), "--ckpt_path", "last"]
    assert main(longer) == 2
    assert "is missing: a run can only be resumed with its best checkpoint so far" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in run_dir.rglob("*") if path.is_file()} == before


def test_a_finished_run_can_train_longer_and_is_unfinished_until_then(tmp_path: Path, whole: Path) -> None:
    run_dir = tmp_path / "longer"
    shutil.copytree(whole, run_dir)
    expected = read_config(run_dir / "config.yaml")
    expected["trainer"]["max_epochs"] = 3
    longer = ["fit", *OPTIONS, "--trainer.max_epochs=3", "--run_dir", run_dir, "--ckpt_path", "last"]
    kill = (accidents.kill_in_checkpoint, (1, 1))
    assert forked_runs.run(*longer, prepare=kill)[0] == -signal.SIGKILL
    assert not (run_dir / FINISHED).exists()
    assert read_config(run_dir / "config.yaml") == expected
    with moved_away(whole):
        status, printed = forked_runs.run(*longer)
    assert status == 0, printed
    assert (run_dir / FINISHED).exists()
    assert read_config(run_dir / "config.yaml") == expected
    assert read_record(run_dir / "run.json")["epochs"] == 3


def test_a_resumed_run_adds_to_its_recorded_times(tmp_path: Path, whole: Path) -> None:
    """If nothing is left to train, training times stay the same; wall time grows by the time of the start."""
    run_dir = tmp_path / "again"
    shutil.copytree(whole, run_dir)
    with moved_away(whole):
        resume(run_dir)
    before, now = read_record(whole / "run.json"), read_record(run_dir / "run.json")
    for key in ("training_seconds", "windows_per_second", "padding"):
        assert now[key] == before[key] > 0
    assert now["wall_seconds"] > before["wall_seconds"]
    assert now["peak_memory_mib"] >= before["peak_memory_mib"]
    assert_same_run(run_dir, whole)


EARLY_STOPPING = [  # stops in the second epoch, as F1 never rises by 1
    "--trainer.max_epochs=5",
    "--trainer.callbacks+=EarlyStopping",
    "--trainer.callbacks.monitor=validation/f1",
    "--trainer.callbacks.mode=max",
    "--trainer.callbacks.min_delta=1",
    "--trainer.callbacks.patience=1",
]


def test_a_run_that_was_stopped_early_stays_finished(tmp_path: Path) -> None:
    """It is resumed unchanged, asked to train longer, and killed between its last checkpoint and its scores."""
    stopped, killed = tmp_path / "stopped", tmp_path / "killed"
    status, printed = forked_runs.run("fit", *OPTIONS, *EARLY_STOPPING, "--run_dir", stopped)
    assert status == 0, printed
    kill = (accidents.signal_at, ("test/f1", 1, signal.SIGKILL))
    assert forked_runs.run("fit", *OPTIONS, *EARLY_STOPPING, "--run_dir", killed, prepare=kill)[0] == -signal.SIGKILL
    for run_dir, epochs in [(tmp_path / "again", 5), (tmp_path / "longer", 9), (killed, 5)]:
        if run_dir != killed:
            shutil.copytree(stopped, run_dir)
        options = [*OPTIONS, *EARLY_STOPPING, f"--trainer.max_epochs={epochs}", "--run_dir", run_dir]
        status, printed = forked_runs.run("fit", *options, "--ckpt_path", "last")
        assert status == 0, printed
        assert "early stopping has already ended this run: nothing is left to train\n" in printed
        assert_same_run(run_dir, stopped)
        records = [read_record(folder / "run.json") for folder in (run_dir, stopped)]
        assert {(record["epochs"], record["steps"]) for record in records} == {(2, 12)}


CHECKPOINTED = (2, 4, 6, 6, 8, 10, 12)  # steps; at the end of an epoch both the best and the last checkpoint are saved


def random_moments() -> Iterator[tuple[Preparation, int]]:
    """Yield five optimizer steps and five places within a checkpoint, with the step of the last complete one."""
    rng = random.Random(1)
    for step in rng.sample(range(1, 13), 5):
        yield (accidents.signal_at, ("train/loss", step, signal.SIGKILL)), (step - 1) // 2 * 2
    for number in rng.sample(range(1, 8), 5):
        last = max((step for step in CHECKPOINTED if step < CHECKPOINTED[number - 1]), default=0)
        yield (accidents.kill_in_checkpoint, (number, rng.randrange(1, 300_000))), last


def test_random_moments_are_before_and_after_the_first_checkpoint() -> None:
    saved = [step for _, step in random_moments()]
    assert len(saved) == 10
    assert saved.count(0) == 2
    assert len(set(saved)) == 6


@pytest.mark.parametrize(
    ("kill", "saved_step"),
    [pytest.param(*moment, marks=[pytest.mark.slow] if n else []) for n, moment in enumerate(random_moments())],
)
def test_a_run_that_was_killed_at_any_moment_equals_an_uninterrupted_one(
    tmp_path: Path, whole: Path, kill: Preparation, saved_step: int
) -> None:
    run_dir = tmp_path / "killed"
    status, _ = forked_runs.run("fit", *OPTIONS, "--run_dir", run_dir, prepare=kill)
    assert status == -signal.SIGKILL
    last = run_dir / "checkpoints" / "last.ckpt"
    assert (checkpoint(run_dir)["global_step"] if last.exists() else 0) == saved_step
    resume(run_dir)
    assert_same_run(run_dir, whole)


@pytest.mark.parametrize(
    ("place", "number", "saved_step", "signal_number"),
    [
        ("train/loss", 3, 3, signal.SIGTERM),
        ("train/loss", 3, 3, signal.SIGINT),
        ("validation/f1", 1, 6, signal.SIGTERM),
        ("validation/f1", 2, 12, signal.SIGINT),
    ],
)
def test_ctrl_c_and_sigterm_save_a_checkpoint_and_end_the_run(
    tmp_path: Path, whole: Path, place: str, number: int, saved_step: int, signal_number: int
) -> None:
    """The signal comes in an accumulated step, in the validation of an epoch, or in the last validation."""
    run_dir = tmp_path / "stopped"
    stop = (accidents.signal_at, (place, number, signal_number))
    status, printed = forked_runs.run("fit", *OPTIONS, "--run_dir", run_dir, prepare=stop)
    assert (status, "Traceback" in printed) == (128 + signal_number, False)
    assert checkpoint(run_dir)["global_step"] == saved_step
    assert not (run_dir / "predictions").exists()
    resume(run_dir)
    assert_same_run(run_dir, whole)


def test_ctrl_c_while_the_best_checkpoint_is_scored_ends_at_once(tmp_path: Path, whole: Path) -> None:
    run_dir = tmp_path / "stopped"
    stop = (accidents.signal_at, ("test/f1", 1, signal.SIGINT))
    status, printed = forked_runs.run("fit", *OPTIONS, "--run_dir", run_dir, prepare=stop)
    assert (status, "Traceback" in printed) == (130, False)
    assert f"the run is saved in {run_dir / 'checkpoints' / 'last.ckpt'}" in printed
    assert not (run_dir / FINISHED).exists()
    resume(run_dir)
    assert_same_run(run_dir, whole)


LONG = [*TINY_RUN, "--trainer.max_epochs=200", "--data.batches.max_windows=2", "--save_every_n_steps=1"]


def stop_during_training(run_dir: Path, signal_number: int) -> list[str]:
    """Send a signal to all processes of a run in its first epoch, as a terminal or SLURM does; return its lines."""
    process = start("fit", *LONG, "--data.batches.num_workers=1", "--run_dir", run_dir, process_group=0)
    last = run_dir / "checkpoints" / "last.ckpt"
    wait_until(lambda: last.exists() or process.poll() is not None, 200)
    os.killpg(process.pid, signal_number)
    done = finished(process)
    assert (done.returncode, "Traceback" in done.stderr) == (128 + signal_number, False), done.stderr
    steps = checkpoint(run_dir)["global_step"]
    with (run_dir / "metrics.csv").open() as file:
        logged = [int(row["step"]) for row in csv.DictReader(file) if row["train/loss"]]
    assert logged == list(range(steps))  # nothing is lost
    return done.stderr.splitlines()


def test_the_command_that_ctrl_c_prints_resumes_the_run_where_it_was(tmp_path: Path) -> None:
    run_dir = tmp_path / "my run"
    *_, stopped, saved, command = stop_during_training(run_dir, signal.SIGINT)
    assert stopped == "stopped by Ctrl-C"
    assert saved == f"the run is saved in {run_dir / 'checkpoints' / 'last.ckpt'}; resume it with"
    steps = checkpoint(run_dir)["global_step"]
    program, *arguments = shlex.split(command)
    assert program == "python"
    resumed = finished(start_python(*arguments, f"--trainer.max_steps={steps + 1}"))
    assert resumed.returncode == 0, resumed.stderr
    assert checkpoint(run_dir)["global_step"] == steps + 1


def test_sigterm_also_prints_the_command_that_resumes_the_run(tmp_path: Path) -> None:
    *_, stopped, _, command = stop_during_training(tmp_path / "run", signal.SIGTERM)
    assert stopped == "stopped by SIGTERM"
    assert command.endswith(f"--run_dir {tmp_path / 'run'} --ckpt_path last")


def test_a_run_that_is_stopped_before_its_first_step_leaves_nothing(tmp_path: Path) -> None:
    run_dir = tmp_path / "run"
    stop = (accidents.signal_before_training, (signal.SIGINT,))
    status, printed = forked_runs.run("fit", *OPTIONS, "--run_dir", run_dir, prepare=stop)
    assert (status, "Traceback" in printed) == (130, False), printed
    assert printed.endswith("stopped by Ctrl-C\nnothing was saved\n")
    assert not list(run_dir.iterdir())


def test_a_second_ctrl_c_stops_at_once(tmp_path: Path, whole: Path) -> None:
    run_dir = tmp_path / "stopped"
    stop = (accidents.signal_at, ("train/loss", 3, signal.SIGINT, 2))
    status, printed = forked_runs.run("fit", *OPTIONS, "--run_dir", run_dir, prepare=stop)
    assert (status, "Traceback" in printed) == (130, False)
    assert "press it again to stop at once, without saving\n" in printed
    assert checkpoint(run_dir)["global_step"] == 2
    resume(run_dir)
    assert_same_run(run_dir, whole)


@pytest.mark.parametrize(("batch", "poison"), [(0, "nan"), (17, "inf"), (12, "gradient")])
def test_a_loss_that_is_not_finite_ends_the_run_before_its_step(
    tmp_path: Path, whole: Path, batch: int, poison: str
) -> None:
    """It occurs in the very first batch, in the second batch of a step, or at the beginning of an epoch."""
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
    assert f"{tmp_path / 'checkpoints' / 'last.ckpt'} is missing" in capsys.readouterr().err
    assert (tmp_path / "metrics.csv").read_text() == "step\n"
