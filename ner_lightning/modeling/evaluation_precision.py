"""The precision of evaluation, which does not depend on the precision of training."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch

EvaluationPrecision = Literal["float32", "bfloat16"]


@contextmanager
def evaluating_in(precision: EvaluationPrecision, device: torch.device) -> Iterator[None]:
    """Compute in a given precision, even during mixed-precision training.

    ``float32`` turns off autocast and TF32, so that matrix products have full precision. ``bfloat16`` turns on
    autocast.

    Args:
        precision: The precision to compute in.
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
