"""Checkpoint files of a tagger, read with words for everything that may be wrong with them."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, TypedDict
from zipfile import is_zipfile

import torch

from ner_lightning.atomic_files import other_than_a_file
from ner_lightning.modeling.network_checks import require_finite
from ner_lightning.serialization import typed

TAGGER_KEY: Final = "ner_lightning"
NEEDED: Final = {TAGGER_KEY, "state_dict", "pytorch-lightning_version"}


class TaggerCheckpoint(TypedDict):
    """What we read of a checkpoint."""

    ner_lightning: dict[str, Any]
    state_dict: dict[str, torch.Tensor]


class CheckpointError(ValueError):
    """A checkpoint that cannot be read or does not fit; the message is one line."""


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """Read a checkpoint of a tagger; nothing in it is run.

    Raises:
        CheckpointError: If there is none, it is torn, it is of something else, or a weight is not finite.
    """
    if found := other_than_a_file(path):
        raise CheckpointError(f"{path}: must be a checkpoint, found {found}")
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
        require_finite(checkpoint["state_dict"])
    except ValueError as error:
        raise CheckpointError(f"{path}: {error}") from None
    return checkpoint


def require_fits(weights: Mapping[str, torch.Tensor], expected: Mapping[str, torch.Tensor]) -> None:
    """Check that the weights of a checkpoint have the names and shapes of those that they are to fill.

    Raises:
        CheckpointError: If they have not.
    """
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
