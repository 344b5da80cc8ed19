"""Tests of settings that the parser accepts and training cannot use: each ends in one line."""

from pathlib import Path

import pytest
import yaml

from ner_lightning.__main__ import main
from ner_lightning.commands.config_files import read_settings
from support.command_line import TINY_RUN

PARTS = [argument for argument in TINY_RUN if argument.startswith(("--data", "--model.encoder"))]
ADAMW = {"class_path": "torch.optim.AdamW", "init_args": {"lr": 0.001}}


def line_of(capsys: pytest.CaptureFixture[str], command: str, *arguments: str) -> str:
    """Return the only line that a refused command prints."""
    assert main([command, *PARTS, *arguments]) == 2
    (line,) = (line for line in capsys.readouterr().err.splitlines() if line.startswith("error: "))
    return line.removeprefix("error: ").removesuffix(f" (see python -m ner_lightning {command} --help)")


@pytest.mark.parametrize(
    ("setting", "line"),
    [
        ("seed_everything=true", "seed_everything must be an integer from 0 to 4294967295, got true"),
        ("seed_everything=false", "seed_everything must be an integer from 0 to 4294967295, got false"),
        ("seed_everything=null", "seed_everything must be an integer, got null"),
        ("seed_everything=-1", "seed_everything must be an integer from 0 to 4294967295, got -1"),
        ("seed_everything=x", "seed_everything must be an integer, got x"),
        ("save_every_n_steps=x", "save_every_n_steps must be an integer or null, got x"),
        ("model.optimizer.lr=.nan", "model.optimizer.lr must be a finite number, got nan"),
        ("model.optimizer.lr=.inf", "model.optimizer.lr must be a finite number, got inf"),
        ("model.optimizer.lr=null", "model.optimizer.lr must be a number or of class Tensor, got null"),
        ("model.optimizer.betas=[.nan,0.9]", "model.optimizer.betas[0] must be a finite number, got nan"),
        ("model.optimizer.betas=0", "model.optimizer.betas must be a list, got 0"),
        ("model.head_learning_rate=-.inf", "model.head_learning_rate must be a finite number, got -inf"),
        ("model.warmup_ratio=null", "model.warmup_ratio must be a number, got null"),
        ("model.schedule=null", "model.schedule must be one of linear, cosine, constant, got null"),
        ("model.loss.label_smoothing=.nan", "model.loss.label_smoothing must be a finite number, got nan"),
        ("model.encoder.dropout=.nan", "model.encoder.dropout must be a finite number, got nan"),
        ("model.encoder.dropout=1", "dropout of SmallBert must be at least 0 and below 1, got 1.0"),
        ("model.encoder.num_layers=-1", "num_layers of SmallBert must be at least 1, got -1"),
        ("model.encoder.hidden_size=0", "hidden_size of SmallBert must be at least 1, got 0"),
        (
            "model.encoder.hidden_size=34",
            "hidden_size of SmallBert must be an even multiple of num_heads, got 34 and 4",
        ),
        ("model.encoder.num_heads=null", "model.encoder.num_heads must be an integer, got null"),
        ("model.fine_tuning.layer_decay=.nan", "model.fine_tuning.layer_decay must be a finite number, got nan"),
        ("model.fine_tuning=3", "model.fine_tuning must be a mapping, or a config file that holds one, got 3"),
        ("data.batches=null", "data.batches must be a mapping, or a config file that holds one, got null"),
        ("data.batches=x", "data.batches must be a mapping, or a config file that holds one, got x"),
        ("data.batches.pool=null", "data.batches.pool must be an integer, got null"),
        ("data.corpus.num_train=null", "data.corpus.num_train must be an integer, got null"),
        ("trainer=0", "trainer must be a mapping, or a config file that holds one, got 0"),
        ("wandb=[]", "wandb must be a mapping, or a config file that holds one, got []"),
    ],
    ids=lambda text: text[:40],
)
def test_a_value_that_cannot_be_used_is_named(setting: str, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert line_of(capsys, "check", f"--{setting}") == line


@pytest.mark.parametrize(
    ("setting", "line"),
    [
        (
            "model.optimizer.maximize=true",
            "model.optimizer.maximize must be false, got true: training minimises the loss",
        ),
        ("model.optimizer=SparseAdam", "model.optimizer: SparseAdam does not support the dense gradients of encoders"),
        ("model.optimizer.differentiable=true", "model.optimizer: `fused` does not support `differentiable`"),
        ("trainer.gradient_clip_val=-1", "trainer.gradient_clip_val must be at least 0, got -1"),
        ("trainer.gradient_clip_val=.inf", "trainer.gradient_clip_val must be a finite number, got inf"),
        ("trainer.accumulate_grad_batches=0", "trainer.accumulate_grad_batches must be at least 1, got 0"),
        ("trainer.accumulate_grad_batches=-2", "trainer.accumulate_grad_batches must be at least 1, got -2"),
        ("trainer.check_val_every_n_epoch=0", "trainer.check_val_every_n_epoch must be at least 1, got 0"),
        ("trainer.max_steps=null", "trainer.max_steps must be an integer, got null"),
        (
            "trainer.logger=true",
            "trainer.logger must be a logger such as CSVLogger, or null, got true; metrics.csv is written in any case",
        ),
        (
            "trainer.strategy=ddp_spawn",
            "trainer.strategy must be auto, ddp or another strategy that starts new processes, got ddp_spawn, "
            "which copies the current process",
        ),
        (
            "trainer.callbacks=LearningRateFinder",
            "trainer.callbacks: LearningRateFinder does not work here; use compare with several learning rates instead",
        ),
    ],
    ids=lambda text: text[:40],
)
def test_training_settings_that_cannot_work_are_named(
    setting: str, line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert line_of(capsys, "fit", f"--run_dir={tmp_path / 'run'}", f"--{setting}") == line


@pytest.mark.parametrize(
    ("config", "line"),
    [
        ("seed_everything: null", "seed_everything must be an integer, got null"),
        ("model:", "{path}: model must be a mapping, got null"),
        ("trainer: []", "{path}: trainer must be a mapping, got []"),
        ("model: {fine_tuning: }", "model.fine_tuning must be a mapping, got null"),
        ("data: {windows: 3}", "data.windows must be a mapping, got 3"),
        ("model: {optimizer: null}", "model.optimizer must be of class Optimizer, got null"),
        ("model: {loss: {class_path: 0}}", "{path}: model.loss.class_path must be the name of a class, got 0"),
        (
            "trainer: {callbacks: [{class_path: EarlyStopping, init_args: true}]}",
            "{path}: trainer.callbacks.init_args must be a mapping, got true",
        ),
        ("data: {batches: {pool: null}}", "data.batches.pool must be an integer, got null"),
        (
            "data: {train_share: 1, train_share: 0.5}",
            "{path}:1: train_share is set a second time; set every key only once",
        ),
        ("model: {}\ndata: {}\nmodel: {}", "{path}:3: model is set a second time; set every key only once"),
        ("? [a]\n: b", "{path}:1: found unhashable key"),
    ],
    ids=lambda text: text[:40],
)
def test_a_config_that_cannot_be_used_is_named(
    config: str, line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(config)
    assert line_of(capsys, "check", f"--config={path}") == line.format(path=path)


def test_a_merged_yaml_key_does_not_count_as_set_twice(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("data: &shared {train_share: 1}\nmodel: {<<: *shared, train_share: 2}")
    assert read_settings(path)["model"] == {"train_share": 2}


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        ("trainer.devices=-1", "`devices` selected with `CPUAccelerator` should be an int > 0."),
        ("trainer.accelerator=tpu", "Requirement 'torch_xla>=1.13' not met."),
        ("trainer.max_time={x: 1}", "'x' is an invalid keyword argument"),
    ],
)
def test_a_trainer_that_cannot_be_built_ends_in_one_line(
    setting: str, reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = line_of(capsys, "fit", f"--run_dir={tmp_path / 'run'}", "--trainer.accelerator=cpu", f"--{setting}")
    assert line.startswith(f"the trainer cannot be built from its settings: {reason}")


def test_a_precision_without_float32_weights_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = line_of(capsys, "fit", f"--run_dir={tmp_path / 'run'}", "--trainer.precision=transformer-engine")
    assert line.startswith("trainer.precision must be null, 32-true, bf16-mixed or 16-mixed, got transformer-engine")


def test_early_stopping_needs_a_metric_that_is_logged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stop = ["--trainer.callbacks=EarlyStopping", "--trainer.callbacks.monitor=validation/F1"]
    line = line_of(capsys, "fit", f"--run_dir={tmp_path / 'run'}", "--trainer.max_steps=1", *stop)
    assert line.startswith(
        "EarlyStopping must monitor a metric that is logged, got validation/F1; the logged metrics are "
    )
    assert "validation/f1," in line


def test_an_encoder_that_does_not_fit_into_memory_ends_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--model.encoder.hidden_size=1000000000000", f"--run_dir={tmp_path / 'run'}"]
    assert main(["fit", *TINY_RUN, *options]) == 1
    assert "error: not enough memory for this run; lower data.batches.max_subwords" in capsys.readouterr().err


@pytest.mark.parametrize("setting", ["eps: 0", "lr: 1.0e+30"])
def test_weights_that_are_not_finite_after_the_last_step_are_not_saved(
    setting: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name, _, value = setting.partition(": ")
    config = {"model": {"optimizer": ADAMW | {"init_args": {"lr": 0.001, name: float(value)}}}}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(config))
    run_dir = tmp_path / "run"
    tiny = [argument for argument in TINY_RUN if "optimizer" not in argument]
    options = ["--trainer.max_steps=1", "--model.warmup_ratio=0", f"--run_dir={run_dir}"]
    assert main(["fit", *tiny, f"--config={tmp_path / 'mine.yaml'}", *options]) == 1
    assert "error: the weights must be finite, got NaN or infinity after step 1, and are not saved" in (
        capsys.readouterr().err
    )
    assert not list((run_dir / "checkpoints").glob("*.ckpt"))
