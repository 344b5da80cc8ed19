"""A trainer on the CPU that prints and keeps nothing, as tests want it."""

from typing import Any

import lightning as L


def quiet_trainer(**settings: Any) -> L.Trainer:
    """A trainer with these settings besides."""
    usual = {"accelerator": "cpu", "num_sanity_val_steps": 0, "enable_checkpointing": False}
    return L.Trainer(
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        **usual | settings,
    )
