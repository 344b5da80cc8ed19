"""The steps of `compare`: checking the arms, training the runs that are missing, and reporting."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import torch
from rich.console import Console

from ner_lightning.atomic_files import write_json
from ner_lightning.commands.compare.options import CompareOptions
from ner_lightning.commands.compare.plan import PlannedRun, plan_runs, require_declared_differences
from ner_lightning.commands.compare.progress import RunsDisplay
from ner_lightning.commands.compare.report import report
from ner_lightning.commands.compare.resolved_arms import keys_set_by, require_one_test_set, resolve
from ner_lightning.commands.compare.runs import (
    Outcome,
    execute,
    forget_failure,
    is_finished,
    known_failure,
    require_same_settings,
    worker_environments,
)
from ner_lightning.console import message_console, say
from ner_lightning.evaluation.comparison.t_tests import MIN_SEEDS
from ner_lightning.evaluation.comparison.tables import settings_table
from ner_lightning.evaluation.pages.tables import print_table
from ner_lightning.quiet_libraries import silence_libraries
from ner_lightning.runs.folders import PLAN, find_run_folders, group_into_arms, read_run
from ner_lightning.runs.settings import deciding, differences, settings_of

NO_RUN: Final = ".no-run"  # a folder that never exists, since this cannot be the name of an arm
THREADS: Final = "OMP_NUM_THREADS"
NUM_THREADS: Final = re.compile(r"[1-9]\d{0,4}(,[1-9]\d{0,4})*")


def compare_found(options: CompareOptions) -> int:
    """Compare finished runs.

    Returns:
        The exit status.

    Raises:
        ValueError: If there is no finished run, or a run folder is damaged.
    """
    silence_libraries()
    console = message_console()
    finished, unfinished = find_run_folders(options.runs)
    for path in unfinished:
        say(console, f"left out, since it is not finished: {path}")
    with console.status("Reading the runs"):
        arms = group_into_arms([read_run(path) for path in finished])
    report(arms, options.output, options.scope)
    return 0


def compare_trained(options: CompareOptions) -> int:
    """Train the runs that are missing, and compare those that are finished.

    Returns:
        The exit status: 1 if a run is not finished.

    Raises:
        ArgumentError: If ``fit`` would reject an arm.
        ValueError: If the arms cannot be compared, or the output folder contains other runs.
    """
    console = message_console()
    with console.status("Checking the arms"):
        runs = checked_runs(options)
    settings_by_arm = {run.arm: run.settings for run in runs}
    if len(settings_by_arm) > 1:
        print_table(console, settings_table(list(settings_by_arm), differences(*settings_by_arm.values())))
        if len(options.seeds) < MIN_SEEDS:
            say(
                console,
                f"warning: a verdict needs at least {MIN_SEEDS} seeds per arm, got {len(options.seeds)}",
            )
    outcomes = train_missing(runs, options, console)
    for outcome in outcomes:
        if outcome.failure is not None:
            say(console, f"not finished: {outcome.run.name}: {outcome.failure} (log: {outcome.run.log_path})")
    finished = {
        arm: [read_run(run.run_dir) for run in runs if run.arm == arm and is_finished(run)] for arm in settings_by_arm
    }
    found = {arm: arm_runs for arm, arm_runs in finished.items() if arm_runs}
    if found:
        report(found, options.output, options.scope)
    return 0 if all(map(is_finished, runs)) else 1


def checked_runs(options: CompareOptions) -> list[PlannedRun]:
    """Return the runs of the comparison after all checks that are possible before training.

    Raises:
        ArgumentError: If ``fit`` would reject an arm.
        ValueError: If the arms cannot be compared, or the output folder contains other runs.
    """
    silence_libraries()
    declared = {arm.name: {key for overlay in arm.overlays for key in keys_set_by(overlay)} for arm in options.arms}
    fit_arguments = {
        arm.name: [*(f"--config={path}" for path in (*options.configs, *arm.overlays)), *options.fit_options]
        for arm in options.arms
    }
    configs = {name: resolve(arguments, options.output / NO_RUN) for name, arguments in fit_arguments.items()}
    settings = {name: deciding(settings_of(config)) for name, config in configs.items()}
    require_declared_differences(settings, declared)
    runs = plan_runs(fit_arguments, settings, options.seeds, options.output)
    for run in runs:
        if known_failure(run) is None:
            require_same_settings(run)
    if not all(map(is_finished, runs)):
        require_one_test_set({name: config["data"] for name, config in configs.items()}, options.scope.split)
    return runs


def train_missing(runs: Sequence[PlannedRun], options: CompareOptions, console: Console) -> list[Outcome]:
    """Train the runs that are not finished; those that failed in an earlier attempt only on request.

    Returns:
        Their outcomes, including those of runs that failed earlier.

    Raises:
        ValueError: If the folder does not belong to a comparison, or the comparison was started with another number of
            threads.
    """
    devices = gpu_names()
    workers = options.workers or max(1, len(devices))
    threads = threads_of(options.output, workers)
    missing = [run for run in runs if not is_finished(run)]
    failed = [run for run in missing if known_failure(run) is not None]
    if options.retry_failed:
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
    return [Outcome(run, f"{known_failure(run)}; use --retry to try again") for run in failed] + outcomes


def gpu_names() -> list[str]:
    """Return the names that CUDA_VISIBLE_DEVICES gives to the available GPUs."""
    names = os.environ.get("CUDA_VISIBLE_DEVICES")
    count = torch.cuda.device_count()
    return names.split(",")[:count] if names else [str(index) for index in range(count)]


def num_cores() -> int:
    """Return the number of cores that this process may use; a scheduler may allow fewer than there are."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def planned_threads(plan: Path) -> str:
    """Read the threads of the runs of a comparison from its plan.

    Raises:
        ValueError: If the file is damaged.
    """
    try:
        content = json.loads(plan.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        content = error
    threads = content.get(THREADS) if isinstance(content, dict) else None
    if not isinstance(threads, str) or not NUM_THREADS.fullmatch(threads):
        raise ValueError(
            f'{plan} must be JSON of the form {{"{THREADS}": "N"}}, got {str(content)[:80]!r}; N is the number of '
            "threads in the run.json of its runs"
        )
    return threads


def threads_of(output: Path, workers: int) -> str:
    """Return the number of threads of every run: that of the earlier runs, the user's choice, or a share of the cores.

    The last bits of a sum on a CPU depend on the number of threads, so it must be the same for all runs.

    Raises:
        ValueError: If the folder does not belong to a comparison, or the user's choice differs from the earlier number
            or is not a number.
    """
    plan, requested = output / PLAN, os.environ.get(THREADS) or None
    if requested is not None and not NUM_THREADS.fullmatch(requested):
        raise ValueError(f"{THREADS} must be a number of threads, got {requested!r}")
    kept = planned_threads(plan) if plan.is_file() else None
    if kept is not None and any(output.glob("*/seed-*.log")):  # the log of a run that has started
        if requested not in {None, kept}:
            raise ValueError(
                f"{output} was started with {THREADS}={kept}, which must be the same for all runs, got {requested}"
            )
        return kept
    if kept is None and output.exists() and any(output.iterdir()):
        raise ValueError(f"--output must be new, empty or the folder of a comparison, but {output} has no {PLAN}")
    threads = requested or str(max(1, num_cores() // workers))
    write_json(plan, {THREADS: threads})
    return threads
