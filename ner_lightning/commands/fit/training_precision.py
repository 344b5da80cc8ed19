"""The precision that `fit` trains in."""

from __future__ import annotations

from typing import Any, Final

import torch
from lightning.pytorch.accelerators import Accelerator

FLOAT32_WEIGHTS: Final = (None, 32, "32", "32-true", "bf16", "bf16-mixed", 16, "16", "16-mixed")
MIN_BFLOAT16_WIDTH: Final = 256


def require_float32_weights(precision: Any) -> None:
    """Check that a precision keeps the weights in float32.

    Raises:
        ValueError: If the precision stores the weights in another type.
    """
    if precision not in FLOAT32_WEIGHTS:
        raise ValueError(
            f"trainer.precision must be null, 32-true, bf16-mixed or 16-mixed, got {precision}; the saved bundle has "
            "float32 weights, and with other weights its predictions would differ from those that were scored"
        )


def fastest_precision(hidden_size: int | None, accelerator: str | Accelerator) -> str:
    """Return mixed bfloat16 if it trains faster than float32, otherwise float32.

    A GPU that supports bfloat16 always uses it. On a CPU that supports it, only wide matrices become faster. The table
    shows the speed of bf16-mixed relative to 32-true, in CPU time on one thread of a CPU with AVX-512-BF16 (two
    layers, steps of 16 windows with 240 subwords). For all-MiniLM-L6-v2, with width 384 and six layers, it is 1.39.

    ===========  ====  ====  ====  ====  ====  ====
    hidden size    64   128   192   256   384   768
    speed        0.87  1.05  1.20  1.24  1.43  1.54
    ===========  ====  ====  ====  ====  ====  ====

    Small steps gain less: with 60 subwords, widths up to 256 are slower in bf16-mixed. Networks below this width
    therefore train in float32. This costs them little time, and CPUs with and without bfloat16 give the same model.
    Nothing is timed at the start of a run, because runs with the same settings must not differ in precision by chance.

    Args:
        hidden_size: Width of the encoder, or None if it is not known. An unknown width counts as wide.
        accelerator: The trainer's accelerator.
    """
    if accelerator in {"auto", "gpu", "cuda"} and torch.cuda.is_available():
        is_faster = torch.cuda.is_bf16_supported(False)
    else:
        is_wide = hidden_size is None or hidden_size >= MIN_BFLOAT16_WIDTH
        is_faster = is_wide and torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return "bf16-mixed" if is_faster else "32-true"
