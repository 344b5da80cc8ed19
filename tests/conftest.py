"""Settings for all tests: one thread, no hub, no noise."""

import os

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["WANDB_MODE"] = "offline"
os.environ["OMP_NUM_THREADS"] = "1"  # the models are tiny; threads would only wait for each other

import pytest
import torch
from hypothesis import settings

torch.set_num_threads(1)
settings.register_profile("patient", deadline=None)  # a slow machine is not a failure
settings.load_profile("patient")


@pytest.fixture(scope="session", autouse=True)
def wandb_folders(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep W&B's staging files out of the home folder."""
    for name in ("WANDB_DATA_DIR", "WANDB_CACHE_DIR", "WANDB_CONFIG_DIR"):
        os.environ[name] = str(tmp_path_factory.getbasetemp() / "wandb")
