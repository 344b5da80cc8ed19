"""Every private name of Lightning and jsonargparse that we depend on, with the reason.

``tests/test_lightning_internals.py`` notices when one of them changes, and ``pyproject.toml`` pins minor versions.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from operator import or_
from types import UnionType
from typing import Any, Union, get_args, get_origin

import lightning as L
from jsonargparse import ArgumentParser
from lightning.pytorch.cli import LightningCLI


def ends_after_this_epoch(trainer: L.Trainer) -> bool:
    """Return whether training was asked to stop and may: Lightning first completes ``min_epochs`` and ``min_steps``."""
    return trainer.should_stop and trainer.fit_loop._can_stop_early


def forget_batch_that_stepped(trainer: L.Trainer) -> None:
    """Undo the count of an optimizer step that was started but not made, so that no checkpoint includes it."""
    trainer.fit_loop.epoch_loop._batches_that_stepped -= 1


def callbacks_of(trainer: L.Trainer) -> list[L.Callback]:
    """Return the callbacks of a run, for which Lightning declares no type."""
    return trainer.callbacks  # type: ignore[attr-defined]


def data_module_given_to(trainer: L.Trainer) -> L.LightningDataModule | None:
    """Return the data module that a trainer was given, for which Lightning declares no type."""
    return trainer.datamodule  # type: ignore[attr-defined]


def steps_between_logs(trainer: L.Trainer) -> int:
    """Return ``log_every_n_steps``, which Lightning sets through a connector that type checkers do not see."""
    return trainer.log_every_n_steps  # type: ignore[attr-defined]


def parsers_by_command(cli: LightningCLI) -> Mapping[str, ArgumentParser]:
    """Return the parsers of the subcommands of a command line; empty if it has none."""
    return getattr(cli, "_subcommand_parsers", {})


def replace_help(parser: ArgumentParser, help_by_key: Mapping[str, str]) -> None:
    """Replace the help of options that Lightning describes for uses that our commands do not have."""
    for action in parser._actions:
        if action.dest in help_by_key:
            action.help = help_by_key[action.dest]


def read_integers_as_integers(parser: ArgumentParser) -> None:
    """Make settings that accept int or float read 1 as an integer.

    For Lightning, ``limit_val_batches: 1`` is one batch and ``1.0`` the whole split. jsonargparse tries the types of a
    union in order, and ``typing`` may reuse an equal union that a library such as rich has created in another order.
    """
    for action in parser._actions:
        kind: Any = getattr(action, "_typehint", None)
        types = list(get_args(kind)) if get_origin(kind) in {Union, UnionType} else []
        if {int, float} <= set(types) and types.index(float) < types.index(int):
            places = types.index(float), types.index(int)
            types[places[0]], types[places[1]] = int, float
            setattr(action, "_typehint", reduce(or_, types))  # noqa: B010 (the base class has no such attribute)
