"""What `--help` of `fit`, `validate`, `test` and `check` says before the options."""

from __future__ import annotations

import argparse
from typing import Final

from jsonargparse import DefaultHelpFormatter

PROGRAM: Final = "python -m ner_lightning"
COMMANDS: Final = ("fit", "validate", "test")
SCORING: Final = f"""\
Scores the {{split}} split with a checkpoint: tables here, predictions and a page of errors
in the run folder.

  {PROGRAM} {{command}} --config configs/experiment/demo.yaml \\
      --ckpt_path best --run_dir runs/demo/seed-0
"""
DESCRIPTION_BY_COMMAND: Final = {
    "fit": f"""\
Trains a model, validates each epoch, scores the best one and saves it as a bundle.

  {PROGRAM} fit --config configs/experiment/demo.yaml

Further configs lie on top of the first, and options on top of those that stand before them:

  {PROGRAM} fit --config configs/experiment/demo.yaml \\
      --config configs/scheme/bioes.yaml --trainer.max_epochs 5
""",
    "validate": SCORING.format(split="validation", command="validate"),
    "test": SCORING.format(split="test", command="test"),
    "check": f"""\
Reports what a corpus holds and what is wrong with it; takes the configs of fit, trains nothing.

  {PROGRAM} check --config configs/experiment/demo.yaml
""",
}


class HelpFormatter(DefaultHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Keeps the lines of the description as they are."""


def help_of(command: str) -> dict[str, str]:
    """What the parser of a command is made with."""
    usage = f"{PROGRAM} {command} --config FILE [--config FILE ...] [OPTION ...]"
    return {"usage": usage, "description": DESCRIPTION_BY_COMMAND[command]}
