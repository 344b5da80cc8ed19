"""Reading the checkpoint files of a tagger, with a clear error for everything that can be wrong with them."""

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
    """The parts of a checkpoint that are checked here."""

    ner_lightning: dict[str, Any]
    state_dict: dict[str, torch.Tensor]


class CheckpointError(ValueError):
    """A checkpoint cannot be read or does not fit; the message is one line."""


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """Read a checkpoint of a tagger, without running any code in it.

    Raises:
        CheckpointError: If the file is missing, truncated or not a checkpoint of a tagger, or a weight is not finite.
    """
    if found := other_than_a_file(path):
        raise CheckpointError(f"{path}: must be a checkpoint, found {found}")
    if not is_zipfile(path):  # a ZIP archive ends with its table of contents, so a truncated one is not recognized
        raise CheckpointError(f"{path} is not a checkpoint, or it is truncated")
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, pickle.UnpicklingError) as error:
        raise CheckpointError(f"{path} is not a checkpoint of plain data, or it is damaged") from error
    if not isinstance(checkpoint, dict) or not checkpoint.keys() >= NEEDED:
        keys = sorted(map(str, checkpoint))[:8] if isinstance(checkpoint, dict) else type(checkpoint).__name__
        raise CheckpointError(
            f"{path}: the checkpoint of a NERTagger must have the keys {', '.join(sorted(NEEDED))}, got {keys}"
        )
    try:
        typed(checkpoint, TaggerCheckpoint)
        require_finite(checkpoint["state_dict"])
    except ValueError as error:
        raise CheckpointError(f"{path}: {error}") from None
    return checkpoint


def require_fits(weights: Mapping[str, torch.Tensor], expected: Mapping[str, torch.Tensor]) -> None:
    """Check that the weights of a checkpoint have the names and shapes of the weights that they will replace.

    Raises:
        CheckpointError: If a name or a shape differs.
    """
    differing = sorted(weights.keys() ^ expected.keys())
    if differing:
        found = "has the additional weight" if differing[0] in weights else "has no weight"
        raise CheckpointError(f"the checkpoint must have the same encoder and loss, but it {found} {differing[0]}")
    for name, weight in weights.items():
        if expected[name].shape != weight.shape:
            raise CheckpointError(
                f"the checkpoint must have the same encoder, but {name} has the shape {list(weight.shape)} "
                f"instead of {list(expected[name].shape)}"
            )
