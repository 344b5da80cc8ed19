"""The command `compare`: trains the arms of a comparison over several seeds, and says what differs."""

from __future__ import annotations

import argparse
from argparse import ArgumentError
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from ner_lightning.commands.error_lines import OneLineParser, fail, without_noise

PROGRAM: Final = "python -m ner_lightning compare"
DEFAULT_SEEDS: Final = "5"
SET_BY_COMPARE: Final = ("--seed_everything", "--run_dir", "--ckpt_path", "--print_config")
DESCRIPTION: Final = f"""\
Trains several configurations, the arms, over several seeds each, and says with statistics
what differs between them. An arm is a name and the configs that it adds to the others':

  {PROGRAM} --config configs/experiment/wnut17.yaml \\
      --arm bio=configs/scheme/bio.yaml --arm bioes=configs/scheme/bioes.yaml \\
      --seeds 5 --output runs/bio-vs-bioes

Every choice of one config from each axis is an arm of a grid, here bio+focal and three more:

  {PROGRAM} --config configs/experiment/wnut17.yaml \\
      --grid configs/scheme/bio.yaml configs/scheme/bioes.yaml \\
      --grid configs/loss/cross_entropy.yaml configs/loss/focal.yaml --output runs/grid

Each run is an ordinary fit in a process of its own: DIR/<arm>/seed-<S> is its run folder, and what
it prints is in DIR/<arm>/seed-<S>.log. Stopped at any moment, the same command goes on with what is
missing; more arms or seeds add to what is there. Options of fit go to every run (--trainer.max_epochs 5).

Runs that are there already, from wherever, are compared without training:

  {PROGRAM} --runs runs/wnut17 runs/sweep --output runs/compared
"""


def main(arguments: Sequence[str]) -> int:
    """Run the command.

    Returns:
        The exit status: 0; 1 if a run is not finished, 2 for wrong input, 130 or 143 where it was stopped.
    """
    try:
        options = parse(arguments)
    except ArgumentError as error:
        return fail(f"{error} (see {PROGRAM} --help)")

    from ner_lightning.commands.compare.runs import Terminated  # here, so that help needs no torch
    from ner_lightning.commands.compare.steps import compare_found, compare_trained

    try:
        return compare_found(options) if options.runs else compare_trained(options)
    except ArgumentError as error:
        return fail(f"{without_noise(str(error))} (see python -m ner_lightning fit --help)")
    except (ValueError, OSError) as error:
        return fail(str(error))
    except KeyboardInterrupt as stop:
        fail("stopped; the same command goes on with what is missing")
        return 143 if isinstance(stop, Terminated) else 130


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The options, with those of ``fit`` as they came under ``fit``.

    Raises:
        ArgumentError: If an option is missing or wrong, or two do not go together.
    """
    options, fit_options = build_parser().parse_known_args(arguments)
    options.fit_options = fit_options
    for option in fit_options:
        if option.partition("=")[0] in SET_BY_COMPARE:
            raise ArgumentError(None, f"compare sets {option.partition('=')[0]} itself; --seeds chooses the seeds")
    of_training = (
        options.arm,
        options.grid,
        options.config,
        options.seeds,
        options.workers,
        options.retry,
        fit_options,
    )
    if options.runs and any(of_training):
        raise ArgumentError(
            None, "--runs compares what is there; beside it stand only --output, --split, --decoder and --types"
        )
    if not options.runs and not options.arm and not options.grid:
        raise ArgumentError(None, "there must be arms to compare, by --arm or --grid, or run folders, by --runs")
    options.seeds = options.seeds or DEFAULT_SEEDS
    if options.workers is not None and options.workers < 1:
        raise ArgumentError(None, f"--workers must be at least 1, got {options.workers}")
    return options


def build_parser() -> OneLineParser:
    """The parser of the command's own options."""
    usage = f"{PROGRAM} [--config FILE ...] --arm NAME=OVERLAY[,OVERLAY] ... --output DIR [OPTION OF fit ...]"
    parser = OneLineParser(PROGRAM, DESCRIPTION, usage)
    add = parser.add_argument
    add("--config", action="append", default=[], metavar="FILE", help="a config of all arms; may be repeated")
    add(
        "--arm",
        action="append",
        default=[],
        metavar="NAME=OVERLAY[,OVERLAY]",
        help="an arm by its name and its own configs; NAME= adds none. Repeated for every arm",
    )
    add(
        "--grid",
        action="append",
        nargs="+",
        default=[],
        metavar="OVERLAY",
        help="an axis of a grid; repeated for every axis. Arms are named after the files",
    )
    add("--seeds", metavar="N", help=f"how many seeds, from 0, or a list as 3,7,11. Default: {DEFAULT_SEEDS}")
    add("--output", required=True, type=Path, metavar="DIR", help="folder of the runs and of what is said of them")
    add(
        "--workers",
        type=int,
        metavar="N",
        help="runs at once; each has one GPU, or its share of the cores. Default: as many as there are GPUs, or 1",
    )
    add("--retry", action="store_true", help="try failed runs again; else they are reported, and left out")
    add("--runs", nargs="+", type=Path, default=[], metavar="DIR", help="compare the runs in these folders instead")
    add("--split", choices=["validation", "test"], default="test", help="what is compared on. Default: test")
    add("--decoder", choices=["argmax", "viterbi"], help="compare by this decoder. Default: each run's own")
    add("--types", nargs="+", metavar="TYPE", help="count only entities of these types, such as rare ones")
    return parser
