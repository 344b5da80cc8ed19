"""The arithmetic of evaluation, which is the same whatever precision a model is trained in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch

EvaluationPrecision = Literal["float32", "bfloat16"]


@contextmanager
def evaluating_in(precision: EvaluationPrecision, device: torch.device) -> Iterator[None]:
    """Compute in this precision, inside mixed-precision training too.

    ``float32`` means products of full precision: neither autocast nor TF32 applies. ``bfloat16`` means autocast.

    Args:
        precision: Precision of the network.
        device: The device that computes.
    """
    former = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16", cache_enabled=False):
            yield
    finally:
        torch.set_float32_matmul_precision(former)
