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
        ValueError: If it does not.
    """
    if precision not in FLOAT32_WEIGHTS:
        raise ValueError(
            f"trainer.precision must be null, 32-true, bf16-mixed or 16-mixed, got {precision}; the saved bundle holds "
            "float32 weights, and would not predict exactly what a model with other weights was scored on"
        )


def fastest_precision(hidden_size: int | None, accelerator: str | Accelerator) -> str:
    """Return mixed bfloat16 if it trains faster than float32, otherwise float32.

    A GPU that has bfloat16 always uses it. A CPU that has it gains only if matrices are wide. This is the speed of
    bf16-mixed relative to 32-true, in CPU time on one thread of a CPU with AVX-512-BF16 (two layers, steps of 16
    windows with 240 subwords; all-MiniLM-L6-v2, of width 384 and six layers, gains 1.39):

    ===========  ====  ====  ====  ====  ====  ====
    hidden size    64   128   192   256   384   768
    speed        0.87  1.05  1.20  1.24  1.43  1.54
    ===========  ====  ====  ====  ====  ====  ====

    Small steps gain less: with 60 subwords, widths up to 256 are slower in bf16-mixed. So narrower networks train in
    float32, which costs them little and gives the same model on CPUs with and without bfloat16. Nothing is timed at
    the start of a run: runs of the same settings must not differ in precision by chance.

    Args:
        hidden_size: Width of the encoder, or None if it is not known.
        accelerator: The trainer's accelerator.
    """
    if accelerator in {"auto", "gpu", "cuda"} and torch.cuda.is_available():
        pays = torch.cuda.is_bf16_supported(False)
    else:
        is_wide = hidden_size is None or hidden_size >= MIN_BFLOAT16_WIDTH
        pays = is_wide and torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return "bf16-mixed" if pays else "32-true"
