"""Checkpoint files of a tagger, read with words for everything that may be wrong with them."""

from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NotRequired, TypedDict
from zipfile import is_zipfile

import torch
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from ner_lightning.modeling.network_checks import require_finite
from ner_lightning.plain_data import Count, typed

TAGGER_KEY: Final = "ner_lightning"
MIN_COUNT: Final = -1  # of the batches of a run that stopped before its first step
NEEDED: Final = {TAGGER_KEY, "state_dict", "pytorch-lightning_version"}


class TaggerCheckpoint(TypedDict):
    """The parts that every checkpoint of a tagger must have."""

    ner_lightning: dict[str, Any]
    state_dict: dict[str, torch.Tensor]
    epoch: Count
    global_step: Count
    loops: dict[str, dict[str, Any]]
    callbacks: NotRequired[dict[str, dict[str, Any]]]  # these are for training only
    optimizer_states: NotRequired[list[dict[str, Any]]]
    lr_schedulers: NotRequired[list[dict[str, Any]]]


class CheckpointError(ValueError):
    """A checkpoint that cannot be read or does not fit; the message is one line."""


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """Read a checkpoint of a tagger; nothing in it is run.

    Raises:
        CheckpointError: If the file is missing, torn, or not a checkpoint of a tagger.
    """
    if not Path(path).is_file():
        raise CheckpointError(f"{path}: must be a checkpoint, found {'a folder' if Path(path).exists() else 'nothing'}")
    if not is_zipfile(path):  # an archive's table of contents is its end: a torn one has none
        raise CheckpointError(f"{path}: must be a whole checkpoint, got a file that is torn or of something else")
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, pickle.UnpicklingError) as error:
        raise CheckpointError(
            f"{path}: must be a whole checkpoint of plain data, got an archive of something else"
        ) from error
    if not isinstance(checkpoint, dict) or not checkpoint.keys() >= NEEDED:
        keys = sorted(map(str, checkpoint))[:8] if isinstance(checkpoint, dict) else type(checkpoint).__name__
        raise CheckpointError(
            f"{path}: the checkpoint must be of a NERTagger, with {', '.join(sorted(NEEDED))}; got one with {keys}"
        )
    try:
        typed(checkpoint, TaggerCheckpoint)
    except ValueError as error:
        raise CheckpointError(f"{path}: {error}") from None
    return checkpoint


def require_like(saved: Any, own: Any, place: str) -> None:
    """Check that the plain state of a part of training has the keys, the lengths and the types of another.

    Args:
        saved: The state in a checkpoint.
        own: The state of the part that is to continue from it.
        place: Where it is in the checkpoint.

    Raises:
        CheckpointError: If a key is missing, a value is of another type or length, or a count is out of range.
    """
    has_type = type(saved) is type(own) or (type(own) is float and type(saved) is int)
    has_length = not isinstance(own, list | tuple) or (has_type and len(saved) == len(own))
    if not has_type or not has_length or (type(own) is int and saved < MIN_COUNT):
        raise CheckpointError(f"the checkpoint is damaged: {place} must be like {own!r:.40}, got {saved!r:.40}")
    for key in own if isinstance(own, dict) else range(len(own)) if isinstance(own, list | tuple) else ():
        if isinstance(own, dict) and key not in saved:
            raise CheckpointError(f"the checkpoint is damaged: {place}.{key} is missing")
        require_like(saved[key], own[key], f"{place}.{key}")


def require_trainable(
    checkpoint: Mapping[str, Any], optimizers: Sequence[Optimizer], schedulers: Sequence[LRScheduler]
) -> None:
    """Check that training can continue from a checkpoint.

    Raises:
        CheckpointError: If it holds no state of optimizers and schedulers, or the state of others.
    """
    own = {
        "optimizer_states": [optimizer.state_dict() for optimizer in optimizers],
        "lr_schedulers": [scheduler.state_dict() for scheduler in schedulers],
    }
    require_like({key: checkpoint[key] for key in own if key in checkpoint}, own, "checkpoint")
    for optimizer, saved in zip(optimizers, checkpoint["optimizer_states"], strict=True):
        weights = [weight for group in optimizer.param_groups for weight in group["params"]]
        first_by_rank: dict[int, Any] = {}  # an optimizer may treat matrices otherwise than biases
        for number, state in saved["state"].items():
            if number not in range(len(weights)):
                raise CheckpointError(f"the checkpoint is damaged: it must be of {len(weights)} weights, got {number}")
            first = first_by_rank.setdefault(weights[number].ndim, state)
            for one, other in ((state, {}), (state, first), (first, state)):
                require_like(one, other, f"checkpoint.optimizer_states.state.{number}")


def require_fits(weights: Mapping[str, torch.Tensor], expected: Mapping[str, torch.Tensor]) -> None:
    """Check that the weights of a checkpoint are finite and have the names and shapes of those that they are to fill.

    Raises:
        ValueError: If one is NaN or infinite, missing, left over, or of another shape.
    """
    require_finite(weights)
    differing = sorted(weights.keys() ^ expected.keys())
    if differing:
        found = "has" if differing[0] in weights else "lacks"
        raise CheckpointError(
            f"the checkpoint must be of the same encoder and loss, got one that {found} {differing[0]}"
        )
    for name, weight in weights.items():
        if expected[name].shape != weight.shape:
            raise CheckpointError(
                f"the checkpoint must be of the same encoder, got {name} of shape {list(weight.shape)} "
                f"for {list(expected[name].shape)}"
            )
