"""Tests that untrusted files never run code: run folders, configs, bundles, checkpoints and encoders."""

import json
import sys
from pathlib import Path

import pytest
import yaml

from ner_lightning.__main__ import main
from support.command_line import ROOT, TINY_RUN
from support.written_runs import GOLD, tagged, write_run

MODULE = "stranger"
TRAP = """
from pathlib import Path
import torch

Path(__file__).with_name("sprung").touch()

class Loss:
    pass

def make(*arguments, **named):
    Path(__file__).with_name("called").touch()
"""
PARTS = [option for option in TINY_RUN if option.startswith(("--data", "--model.encoder"))]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder with a module that leaves a file when it is imported; `python -m` can import from there."""
    (tmp_path / f"{MODULE}.py").write_text(TRAP)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, MODULE, raising=False)
    return tmp_path


def poisoned_run(path: Path, seed: int = 0) -> Path:
    """Write a finished run whose config names the module wherever a class is allowed."""
    write_run(path, seed, [tagged(number, GOLD, GOLD) for number in range(4)], loss_class=f"{MODULE}.Loss")
    config = yaml.safe_load((path / "config.yaml").read_text())
    config["model"]["optimizer"] = f"{MODULE}.make"
    config["model"]["decoder"] = {"class_path": f"{MODULE}.Loss"}
    config["trainer"]["callbacks"] = [{"class_path": f"{MODULE}.Loss"}, f"{MODULE}.Loss"]
    (path / "config.yaml").write_text(yaml.safe_dump(config))
    (path / "checkpoints").mkdir()
    (path / "checkpoints" / "last.ckpt").touch()
    path.with_name(f"{path.name}.log").touch()
    return path


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["compare", "--runs", "arm", "--output", "compared"], 0),
        (["evaluate", "arm/seed-0/predictions/test.jsonl", "--report", "errors.html"], 0),
        (["fit", *TINY_RUN, "--run_dir", "arm/seed-0", "--ckpt_path", "last"], 2),
        (["validate", *TINY_RUN, "--run_dir", "arm/seed-0", "--ckpt_path", "last"], 2),
        (["compare", *PARTS, "--arm", f"arm={ROOT / 'configs/scheme/bio.yaml'}", "--seeds=1", "--output=."], 2),
    ],
    ids=lambda value: str(value[0]) if isinstance(value, list) else "",
)
def test_no_command_imports_a_module_named_in_a_run_folder(folder: Path, arguments: list[str], status: int) -> None:
    for seed in (0, 1):
        poisoned_run(folder / "arm" / f"seed-{seed}", seed)
    assert main(arguments) == status
    assert MODULE not in sys.modules
    assert not (folder / "sprung").exists()


@pytest.mark.parametrize("place", ["model.optimizer", "model.loss", "trainer.callbacks", "data.corpus"])
@pytest.mark.parametrize("form", ["{class_path: os.system, init_args: {command: touch called}}", "os.system"])
def test_a_config_cannot_call_a_function_of_the_system(
    folder: Path, capsys: pytest.CaptureFixture[str], place: str, form: str
) -> None:
    section, name = place.split(".")
    value = f"[{form}]" if name == "callbacks" else form
    (folder / "config.yaml").write_text(f"{section}: {{{name}: {value}}}")
    assert main(["fit", *TINY_RUN, "--config", "config.yaml", "--run_dir", "run"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: {place} must be ")
    assert "got os.system (see" in line
    assert not (folder / "called").exists()
    assert not (folder / "run").exists()


@pytest.mark.parametrize(
    "setting",
    [
        "model.optimizer={class_path: stranger.make}",
        "trainer.callbacks+={class_path: LambdaCallback, init_args: {setup: {class_path: stranger.make}}}",
    ],
)
def test_a_function_given_as_class_path_is_refused_and_not_called(
    folder: Path, capsys: pytest.CaptureFixture[str], setting: str
) -> None:
    assert main(["fit", *TINY_RUN, f"--{setting}", "--run_dir", "run"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "class_path must name a class, got stranger.make" in line
    assert not (folder / "called").exists()


def test_no_object_is_built_for_a_parameter_that_accepts_any_type(folder: Path) -> None:
    logger = {"class_path": "WandbLogger", "init_args": {"experiment": {"class_path": f"{MODULE}.make"}}}
    assert main(["fit", *TINY_RUN, f"--trainer.logger={json.dumps(logger)}", "--run_dir", "run"]) == 2
    assert not (folder / "called").exists()
