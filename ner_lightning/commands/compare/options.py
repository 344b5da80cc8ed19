"""The options of `compare`, parsed and checked before anything else happens."""

from __future__ import annotations

import argparse
from argparse import ArgumentError
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ner_lightning.commands.compare.plan import Arm, grid_arms, parse_arm, parse_seeds, require_distinct_names
from ner_lightning.commands.error_lines import OneLineParser
from ner_lightning.evaluation.comparison.scope import Scope
from ner_lightning.runs.folders import DECODERS

PROGRAM: Final = "python -m ner_lightning compare"
DEFAULT_SEEDS: Final = "5"
SET_BY_COMPARE: Final = ("--seed_everything", "--run_dir", "--ckpt_path", "--print_config")
USAGE: Final = f"""\
{PROGRAM} [--config FILE ...] --arm NAME=OVERLAY[,OVERLAY] ... --output DIR [OPTION OF fit ...]
       {PROGRAM} --runs DIR ... --output DIR
       {PROGRAM} --page comparison.json [--output FILE]"""
DESCRIPTION: Final = f"""\
Trains several configurations, called arms, with several seeds each, and tests whether their
scores differ. An arm is a name and the configs that are added to those of all arms:

  {PROGRAM} --config configs/experiment/wnut17.yaml \\
      --arm bio=configs/scheme/bio.yaml --arm bioes=configs/scheme/bioes.yaml \\
      --seeds 5 --output runs/bio-vs-bioes

With --grid, every combination of one config from each axis is an arm. This gives bio+focal and
three others:

  {PROGRAM} --config configs/experiment/wnut17.yaml \\
      --grid configs/scheme/bio.yaml configs/scheme/bioes.yaml \\
      --grid configs/loss/cross_entropy.yaml configs/loss/focal.yaml --output runs/grid

Each run is an ordinary fit in a separate process. Its run folder is DIR/<arm>/seed-<S>, and its
output is in DIR/<arm>/seed-<S>.log. If the command is interrupted, repeat it to train what is
missing. Repeat it with more arms or seeds to add these. Options of fit apply to all runs
(--trainer.max_epochs 5).

The verdicts are shown for the decoder that the runs used, and for the other one if its
predictions are in the run folders. --decoder chooses which one the tables and the page are about.

To compare finished runs without training:

  {PROGRAM} --runs runs/wnut17 runs/sweep --output runs/compared

To draw the page of an earlier comparison again, such as one of those in docs/results:

  {PROGRAM} --page docs/results/bc5cdr_schemes/comparison.json --output page.html
"""


@dataclass(frozen=True, slots=True)
class PageOptions:
    """The options that draw the page of an earlier comparison.

    Args:
        comparison: The ``comparison.json``.
        output: The HTML file to write.
    """

    comparison: Path
    output: Path


@dataclass(frozen=True, slots=True)
class CompareOptions:
    """The options of a comparison.

    Args:
        output: The folder of the comparison.
        scope: The part of the predictions that is compared.
        runs: Folders with finished runs; empty if the comparison trains its runs itself.
        configs: The configs of all arms.
        arms: The arms.
        seeds: The seeds of every arm.
        fit_options: Options of ``fit`` for all runs.
        workers: The number of runs at the same time; None for the number of GPUs, or 1.
        retry_failed: True if failed runs are tried again.
    """

    output: Path
    scope: Scope
    runs: tuple[Path, ...] = ()
    configs: tuple[str, ...] = ()
    arms: tuple[Arm, ...] = ()
    seeds: tuple[int, ...] = ()
    fit_options: tuple[str, ...] = ()
    workers: int | None = None
    retry_failed: bool = False


def parse(arguments: Sequence[str]) -> CompareOptions | PageOptions:
    """Parse the options; unknown ones are taken as options of ``fit``.

    Raises:
        ArgumentError: If an option is missing or invalid, or two options exclude each other.
        ValueError: If an arm or the seeds are invalid.
    """
    given, fit_options = build_parser().parse_known_args(arguments)
    for option in fit_options:
        name = option.partition("=")[0]
        if name in SET_BY_COMPARE:
            raise ArgumentError(None, f"compare sets {name} itself; --seeds chooses the seeds")
    numbers = (given.seeds is not None, given.workers is not None)
    training = (given.arm, given.grid, given.config, *numbers, given.retry, fit_options)
    scope = (given.split, given.decoder, given.types)
    if given.page is not None:
        if given.runs or any(training) or any(scope):
            raise ArgumentError(
                None, "--page draws an earlier comparison; the only other option it accepts is --output"
            )
        return PageOptions(given.page, given.output or given.page.with_suffix(".html"))
    if given.output is None:
        raise ArgumentError(None, "--output is missing: the folder for the results")
    types = tuple(given.types) if given.types else None
    options = CompareOptions(given.output, Scope(given.split or "test", given.decoder, types), tuple(given.runs))
    if not given.runs:
        return _training_options(given, options, fit_options)
    if any(training):
        raise ArgumentError(
            None,
            "--runs compares finished runs; the only other options it accepts are --output, --split, --decoder and "
            "--types",
        )
    return options


def _training_options(given: argparse.Namespace, options: CompareOptions, fit_options: Sequence[str]) -> CompareOptions:
    if not given.arm and not given.grid:
        raise ArgumentError(None, "nothing to compare: give arms with --arm or --grid, or finished runs with --runs")
    if given.workers is not None and given.workers < 1:
        raise ArgumentError(None, f"--workers must be at least 1, got {given.workers}")
    arms = (*map(parse_arm, given.arm), *grid_arms(given.grid))
    require_distinct_names(arms)
    return CompareOptions(
        options.output,
        options.scope,
        configs=tuple(given.config),
        arms=arms,
        seeds=tuple(parse_seeds(DEFAULT_SEEDS if given.seeds is None else given.seeds)),
        fit_options=tuple(fit_options),
        workers=given.workers,
        retry_failed=given.retry,
    )


def build_parser() -> OneLineParser:
    """Build the parser of the options that are not those of ``fit``."""
    parser = OneLineParser(PROGRAM, DESCRIPTION, USAGE)
    add = parser.add_argument
    add("--config", action="append", default=[], metavar="FILE", help="a config of all arms; can be repeated")
    add(
        "--arm",
        action="append",
        default=[],
        metavar="NAME=OVERLAY[,OVERLAY]",
        help="the name of an arm and its additional configs; NAME= for none. Repeat it for every arm",
    )
    add(
        "--grid",
        action="append",
        nargs="+",
        default=[],
        metavar="OVERLAY",
        help="an axis of a grid of arms; repeat it for every axis. The arms are named after the files",
    )
    add(
        "--seeds",
        metavar="N",
        help=f"the number of seeds, starting at 0, or a list as in 3,7,11. Default: {DEFAULT_SEEDS}",
    )
    add(
        "--output", type=Path, metavar="DIR", help="the folder for the runs and the results; with --page, the HTML file"
    )
    add("--workers", type=int, metavar="N", help="the number of runs at a time. Default: the number of GPUs, or 1")
    add("--retry", action="store_true", help="train failed runs again. By default they are reported and left out")
    add("--runs", nargs="+", type=Path, default=[], metavar="DIR", help="compare the finished runs in these folders")
    add("--page", type=Path, metavar="FILE", help="draw the page of an earlier comparison from its comparison.json")
    add("--split", choices=["validation", "test"], help="the split to compare. Default: test")
    add("--decoder", choices=DECODERS, help="the decoder to compare. Default: the one that each run used")
    add("--types", nargs="+", metavar="TYPE", help="count only entities of these types, such as rare ones")
    return parser
