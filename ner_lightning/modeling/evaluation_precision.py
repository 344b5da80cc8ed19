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
    products = (torch.backends.cuda.matmul, torch.backends.mkldnn.matmul)  # type: ignore[attr-defined]
    previous = [each.fp32_precision for each in products]
    for each in products:
        each.fp32_precision = "ieee"
    try:
        with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16", cache_enabled=False):
            yield
    finally:
        for each, setting in zip(products, previous, strict=True):
            each.fp32_precision = setting
