"""Tests that sweeps are valid, as far as can be checked offline, and that the runs of their agents work."""

import itertools
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from lightning.pytorch.cli import LightningArgumentParser
from wandb import wandb_agent

from ner_lightning.commands.compare.resolved_arms import ConfigOnly
from ner_lightning.commands.fit.command import run_training
from ner_lightning.quiet_libraries import silence_libraries
from ner_lightning.runs.folders import group_into_arms, read_run
from ner_lightning.runs.settings import settings_of
from support.command_line import TINY_RUN
from support.offline_runs import OfflineRun, fit

ROOT = Path(__file__).parents[1]
SWEEPS = {path.stem: yaml.safe_load(path.read_text()) for path in sorted((ROOT / "sweeps").glob("*.yaml"))}
ONE_STEP = [*TINY_RUN, "--data.corpus.num_train=16", "--trainer.max_epochs=1"]
COMMAND = ["${env}", "${interpreter}", "-m", "ner_lightning", "fit"]
KEYS = {"name", "project", "program", "method", "metric", "parameters", "command"}
each_sweep = pytest.mark.parametrize("name", SWEEPS)

Chosen = dict[str, Any]


def candidates(parameter: dict[str, Any]) -> list[Any]:
    """Return the values of a parameter, or the ends of a range."""
    if "value" in parameter:
        return [parameter["value"]]
    return parameter.get("values") or [parameter["min"], parameter["max"]]


def combinations(sweep: dict[str, Any]) -> list[Chosen]:
    """Return the parameters of runs: all combinations of a grid, otherwise as few as include every candidate."""
    values = {key: candidates(parameter) for key, parameter in sweep["parameters"].items()}
    if sweep["method"] == "grid":
        return [dict(zip(values, chosen, strict=True)) for chosen in itertools.product(*values.values())]
    return [{key: own[i % len(own)] for key, own in values.items()} for i in range(max(map(len, values.values())))]


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., wandb_agent.AgentProcess]:
    """Start a run in a new folder with W&B's agent, as it would on a message from the server."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    monkeypatch.setenv("WANDB_SWEEP_ID", "sweep1")
    monkeypatch.setenv("WANDB_RUN_ID", "")  # the agent sets these; monkeypatch restores them
    monkeypatch.setenv("WANDB_SWEEP_PARAM_PATH", "")
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))

    def start_run(sweep: dict[str, Any], chosen: Chosen, run_id: str = "run1") -> wandb_agent.AgentProcess:
        agent = wandb_agent.Agent(api=None, queue=None)
        agent._sweep_command = list(sweep["command"])
        given = {key: {"value": value} for key, value in chosen.items()}
        agent._command_run({"run_id": run_id, "program": sweep["program"], "args": given})
        return agent._run_processes[run_id]

    return start_run


@pytest.fixture
def fit_arguments(start: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Return the arguments of ``fit`` with which the agent would start a run, without starting it."""
    monkeypatch.setattr(wandb_agent, "AgentProcess", lambda **started: SimpleNamespace(**started))

    def arguments_of(sweep: dict[str, Any], chosen: Chosen, run_id: str = "run1") -> list[str]:
        command = start(sweep, chosen, run_id).command
        assert command[:5] == ["/usr/bin/env", "python", "-m", "ner_lightning", "fit"]
        return command[5:]

    return arguments_of


@pytest.fixture(scope="module")
def parser() -> LightningArgumentParser:
    """The parser of the command line, built once because that takes longer than parsing."""
    silence_libraries()
    return run_training(["fit", *TINY_RUN, "--run_dir=none"], ConfigOnly).parser


def test_the_expected_sweeps_exist() -> None:
    assert {"bio_vs_bioes", "imbalance", "learning_rate", "scheme_by_loss"} <= set(SWEEPS)


@each_sweep
def test_keys_and_command_follow_the_format_of_wandb(name: str) -> None:
    sweep = SWEEPS[name]
    assert KEYS <= set(sweep) <= KEYS | {"early_terminate", "run_cap"}
    assert sweep["name"] == name
    assert (ROOT / sweep["program"]).exists()
    assert sweep["method"] in {"grid", "bayes", "random"}
    assert sweep["method"] == "grid" or sweep["run_cap"] > 0  # the others would never end
    assert f"#   wandb sweep sweeps/{name}.yaml\n" in (ROOT / "sweeps" / f"{name}.yaml").read_text()
    command = sweep["command"]
    assert (command[:5], command[-1]) == (COMMAND, "${args}")
    configs = [argument.removeprefix("--config=") for argument in command[5:-1]]
    assert configs
    assert all((ROOT / config).is_file() for config in configs)


@each_sweep
def test_parameters_are_numbers_or_strings_that_flags_can_carry(name: str) -> None:
    sweep = SWEEPS[name]
    for parameter in sweep["parameters"].values():
        found = candidates(parameter)
        assert all(type(value) in {str, int, float} for value in found)  # Python's None, True and {…} are not YAML
        assert len(set(found)) == len(found) > 0
        if "min" in parameter:
            assert sweep["method"] != "grid"
            assert not any(isinstance(value, str) for value in found)  # YAML reads 1e-5 without a dot as text
            assert found[0] < found[1]
            assert found[0] > 0 or not parameter["distribution"].startswith("log")
            assert parameter["distribution"] in {"uniform", "int_uniform", "log_uniform_values"}


@each_sweep
def test_early_termination_begins_before_the_last_epochs(name: str) -> None:
    rule = SWEEPS[name].get("early_terminate")
    if rule is None:
        return
    assert rule["type"] == "hyperband"
    assert rule["eta"] > 1
    assert 1 <= rule["min_iter"] < SWEEPS[name]["parameters"]["trainer.max_epochs"]["value"] - 1


def holds(found: Any, expected: Any) -> bool:
    """Return True if a resolved setting is as requested; classes may be requested by name."""
    if isinstance(expected, dict):
        return all(holds(found[key], value) for key, value in expected.items())
    if isinstance(expected, str):
        path = found["class_path"] if isinstance(found, dict) else found
        return path == expected or path.endswith(f".{expected}")
    return found == expected and isinstance(found, str) == isinstance(expected, str)


@each_sweep
def test_every_combination_resolves_to_the_requested_settings(
    name: str, fit_arguments: Callable[..., list[str]], parser: LightningArgumentParser
) -> None:
    resolved = []
    for chosen in combinations(SWEEPS[name]):
        config = parser.parse_args(["fit", *fit_arguments(SWEEPS[name], chosen)]).as_dict()["fit"]
        settings = settings_of(config)
        for key, value in chosen.items():
            if key == "config":
                overlay = settings_of(yaml.safe_load((ROOT / value).read_text()))
                assert all(holds(settings[name], expected) for name, expected in overlay.items())
                continue
            found = config
            for part in key.split("."):
                found = found[part]
            assert holds(found, yaml.safe_load(value) if isinstance(value, str) else value), (key, value, found)
        resolved.append({key: value for key, value in settings.items() if key != "config"})
    assert len(resolved) > 1
    assert all(one != other for one, other in itertools.combinations(resolved, 2))


def test_the_agent_runs_its_command_and_the_metrics_are_logged(start: Callable[..., Any], tmp_path: Path) -> None:
    sweep = SWEEPS["scheme_by_loss"] | {"command": [*SWEEPS["scheme_by_loss"]["command"], *ONE_STEP]}
    chosen = {"data.scheme": "BIOES", "config": "configs/loss/crf.yaml", "seed_everything": 2}
    assert start(sweep, chosen, "run7").wait() == 0
    run = read_run(tmp_path / "runs/sweeps/sweep1/run7")
    assert run.seed == 2
    assert run.settings["data.scheme.class_path"].endswith(".BIOES")
    assert run.settings["model.loss.class_path"].endswith(".CRFLoss")
    logged = OfflineRun(tmp_path / "runs", "run7")
    assert chosen.items() <= logged.config.items()
    assert logged.run.sweep_id == "sweep1"
    for name, other in SWEEPS.items():
        assert other["metric"]["goal"] == "maximize", name
        assert len(logged.values(other["metric"]["name"])) == 2, name  # the only epoch, and the best epoch again


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:unclosed file.*sweep:ResourceWarning")  # a file that W&B reads
@each_sweep
def test_every_combination_runs(name: str, fit_arguments: Callable[..., list[str]], tmp_path: Path) -> None:
    sweep = SWEEPS[name]
    chosen_by_id = {f"run{i}": chosen for i, chosen in enumerate(combinations(sweep))}
    for run_id, chosen in chosen_by_id.items():
        fit(*fit_arguments(sweep, chosen, run_id), *ONE_STEP)
        logged = OfflineRun(tmp_path / "runs", run_id)
        assert logged.values(sweep["metric"]["name"])
        assert chosen.items() <= logged.config.items()
    arms = group_into_arms([read_run(tmp_path / "runs/sweeps/sweep1" / run_id) for run_id in chosen_by_id])
    seeds = sweep["parameters"].get("seed_everything", {"value": 0})
    assert len(arms) * len(candidates(seeds)) == len(chosen_by_id)
    assert all([run.seed for run in runs] == candidates(seeds) for runs in arms.values())
