"""A trainer for tests, which runs on the CPU and neither prints nor saves anything."""

from typing import Any

import lightning as L


def quiet_trainer(**settings: Any) -> L.Trainer:
    """Return a quiet trainer with additional settings."""
    usual = {"accelerator": "cpu", "num_sanity_val_steps": 0, "enable_checkpointing": False}
    return L.Trainer(
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        **usual | settings,
    )
