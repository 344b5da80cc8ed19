"""What `compare` does, step by step: it checks the arms, trains what is missing, and reports."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, TypedDict

import torch
from rich.console import Console
from rich.table import Table

from ner_lightning.commands.comparison_plan import (
    PlannedRun,
    grid_arms,
    parse_arm,
    parse_seeds,
    plan_runs,
    require_distinct_names,
    require_told_differences,
)
from ner_lightning.commands.comparison_progress import RunsDisplay
from ner_lightning.commands.comparison_report import report
from ner_lightning.commands.comparison_runs import (
    Outcome,
    execute,
    forget_failure,
    is_finished,
    known_failure,
    require_same_settings,
    worker_environments,
)
from ner_lightning.commands.resolved_arms import require_one_test_set, resolve, told_keys
from ner_lightning.evaluation.comparison_scope import Scope
from ner_lightning.evaluation.comparison_tables import settings_table
from ner_lightning.evaluation.run_folders import find_run_folders, group_into_arms, read_run
from ner_lightning.evaluation.run_settings import Settings, deciding, differences, settings_of
from ner_lightning.evaluation.tables import rich_table
from ner_lightning.library_messages import quieten
from ner_lightning.plain_data import read_json
from ner_lightning.terminal_lines import say
from ner_lightning.whole_files import write_json

PLAN: Final = "plan.json"
NO_RUN: Final = ".no-run"  # a folder that is never there, since no arm can be called so
THREADS: Final = "OMP_NUM_THREADS"


class Plan(TypedDict):
    """The settings that all runs of a comparison share."""

    OMP_NUM_THREADS: str


def compare_found(options: argparse.Namespace) -> int:
    """Compare finished runs, wherever they are.

    Returns:
        The exit status.

    Raises:
        ValueError: If there is none, or a folder is damaged.
    """
    quieten()
    console = Console(stderr=True)
    finished, unfinished = find_run_folders(options.runs)
    for path in unfinished:
        say(console, f"left out, since it is not finished: {path}")
    with console.status("Reading the runs"):
        arms = group_into_arms([read_run(path) for path in finished])
    report(arms, options.output, scope_of(options))
    return 0


def scope_of(options: argparse.Namespace) -> Scope:
    """What is compared on."""
    return Scope(options.split, options.decoder, tuple(options.types) if options.types else None)


def compare_trained(options: argparse.Namespace) -> int:
    """Train what is missing of a comparison, and compare what is finished.

    Returns:
        The exit status: 1 if a run is not finished.

    Raises:
        ArgumentError: If ``fit`` would refuse an arm.
        ValueError: If the arms cannot be compared, or what is there is of others.
    """
    console = Console(stderr=True)
    with console.status("Checking the arms"):
        runs = checked_runs(options)
    arms = list(dict.fromkeys(run.arm for run in runs))
    if len(arms) > 1:
        console.print(differences_table({run.arm: run.settings for run in runs}))
    outcomes = train_missing(runs, options, console)
    for outcome in outcomes:
        if outcome.failure is not None:
            say(console, f"not finished: {outcome.run.name}: {outcome.failure} (log: {outcome.run.log_path})")
    finished = {arm: [read_run(run.run_dir) for run in runs if run.arm == arm and is_finished(run)] for arm in arms}
    found = {arm: arm_runs for arm, arm_runs in finished.items() if arm_runs}
    if found:
        report(found, options.output, scope_of(options))
    return 0 if all(map(is_finished, runs)) else 1


def checked_runs(options: argparse.Namespace) -> list[PlannedRun]:
    """The runs of the comparison, of which all is checked that can be before training.

    Raises:
        ArgumentError: If ``fit`` would refuse an arm.
        ValueError: If the arms cannot be compared, or what is there is of others.
    """
    quieten()
    arms = [*map(parse_arm, options.arm), *grid_arms(options.grid)]
    seeds = parse_seeds(options.seeds)
    require_distinct_names(arms)
    told = {arm.name: {key for overlay in arm.overlays for key in told_keys(overlay)} for arm in arms}
    fit_arguments = {
        arm.name: [*(f"--config={path}" for path in (*options.config, *arm.overlays)), *options.fit_options]
        for arm in arms
    }
    configs = {name: resolve(own, options.output / NO_RUN) for name, own in fit_arguments.items()}
    settings = {name: deciding(settings_of(config)) for name, config in configs.items()}
    require_told_differences(settings, told)
    runs = plan_runs(fit_arguments, settings, seeds, options.output)
    for run in runs:
        if known_failure(run) is None:
            require_same_settings(run)
    if not all(map(is_finished, runs)):
        require_one_test_set({name: config["data"] for name, config in configs.items()}, options.split)
    return runs


def differences_table(settings: Mapping[str, Settings]) -> Table:
    """The settings in which arms differ, by arm."""
    return rich_table(settings_table(list(settings), differences(*settings.values())))


def train_missing(runs: Sequence[PlannedRun], options: argparse.Namespace, console: Console) -> list[Outcome]:
    """Train the runs that are not finished; those that failed on a former start only where asked to.

    Returns:
        How they ended, also those that failed before.

    Raises:
        ValueError: If the folder is not that of a comparison, or was begun with other threads.
    """
    devices = gpu_names()
    workers = options.workers or max(1, len(devices))
    threads = threads_of(options.output, workers)
    missing = [run for run in runs if not is_finished(run)]
    failed = [run for run in missing if known_failure(run) is not None]
    if options.retry:
        for run in failed:
            forget_failure(run)
        failed = []
    missing = [run for run in missing if run not in failed]
    say(console, f"{len(runs)} runs: {len(runs) - len(missing) - len(failed)} finished, {len(missing)} to train")
    display = RunsDisplay(console, len(missing))
    with display.bars:
        outcomes = execute(
            missing, worker_environments(workers, threads, devices, options.output.resolve().name), display
        )
    return [Outcome(run, f"{known_failure(run)}; --retry tries again") for run in failed] + outcomes


def gpu_names() -> list[str]:
    """What CUDA_VISIBLE_DEVICES calls the GPUs that may be used."""
    names = os.environ.get("CUDA_VISIBLE_DEVICES")
    count = torch.cuda.device_count()
    return names.split(",")[:count] if names else [str(index) for index in range(count)]


def num_cores() -> int:
    """The cores that this process may use, where the system tells; a scheduler gives it fewer than there are."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def threads_of(output: Path, workers: int) -> str:
    """The threads of every run of a comparison: those that it began with, the user's, or its share of the cores.

    A sum on a CPU depends to the last bit on how many threads share it, so no two runs may differ in them.

    Raises:
        ValueError: If the folder is not that of a comparison, or was begun with others than the user's.
    """
    plan, asked = output / PLAN, os.environ.get(THREADS)
    if plan.is_file():
        kept = read_json(plan, Plan)[THREADS]
        if asked not in {None, kept}:
            raise ValueError(f"a comparison must keep its threads, {output} began with {THREADS}={kept}, got {asked}")
        return kept
    if output.exists() and any(output.iterdir()):
        raise ValueError(f"--output must be new, empty or of a comparison, got {output}, which lacks {PLAN}")
    threads = asked or str(max(1, num_cores() // workers))
    write_json(plan, {THREADS: threads})
    return threads
