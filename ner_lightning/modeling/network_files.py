"""Reads a token classifier from the files of a folder, and nothing from anywhere else."""

from __future__ import annotations

import math
from collections.abc import Iterator, Set
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import torch
from safetensors import safe_open
from transformers import AutoConfig, AutoModelForTokenClassification, PreTrainedModel
from transformers.utils import logging

from ner_lightning.modeling.network_checks import readable, require_finite, require_size

WEIGHTS: Final = "model*.safetensors"
ADAPTER_FILE: Final = "adapter_config.json"


def load_network(folder: Path, kind: str) -> tuple[PreTrainedModel, Set[str]]:
    """Load a token classifier in float32, and check that it is complete and finite. No code in the folder is run.

    Args:
        folder: The folder. Check the attention that its config names with ``require_known_attention`` before.
        kind: The name of what the folder holds in messages.

    Returns:
        The network, and the names of the weights that it does not use.

    Raises:
        ValueError: If it cannot be loaded, or weights are missing or not finite.
    """
    if (folder / ADAPTER_FILE).exists():  # transformers would load the network named in it, even from the hub
        raise ValueError(f"a {kind} must hold a complete network, got an adapter ({ADAPTER_FILE})")
    with readable(f"the {kind} must be loadable"):
        config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        sizes = [size for path in folder.glob(WEIGHTS) for size in _sizes(path)]
    require_size(config, sizes)
    with readable(f"the {kind} must be loadable"), without_messages():
        network, loading = AutoModelForTokenClassification.from_pretrained(
            folder,
            config=config,
            dtype=torch.float32,
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
            output_loading_info=True,
        )
    if loading["missing_keys"]:
        names = ", ".join(sorted(loading["missing_keys"])[:3])
        raise ValueError(f"a {kind} must hold all weights of the network, but these are missing: {names}")
    require_finite(network.state_dict())
    return network, set(loading["unexpected_keys"])


def _sizes(path: Path) -> list[int]:
    """Return the number of elements of every weight in a file, without reading the weights."""
    with safe_open(path, "pt") as file:
        return [math.prod(file.get_slice(name).get_shape()) for name in file.keys()]  # noqa: SIM118 (not a mapping)


@contextmanager
def without_messages() -> Iterator[None]:
    """Keep ``transformers`` from showing progress bars for steps that take no time, and a table of unusual weights.

    Our errors name these weights on one line. The table would print their names, which a stranger chose, unescaped.
    """
    enabled, verbosity = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if enabled:
            logging.enable_progress_bar()
