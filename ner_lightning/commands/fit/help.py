"""The text that `--help` of `fit`, `validate`, `test` and `check` shows before the options."""

from __future__ import annotations

import argparse
from typing import Final

from jsonargparse import DefaultHelpFormatter

PROGRAM: Final = "python -m ner_lightning"
COMMANDS: Final = ("fit", "validate", "test")
SCORING: Final = f"""\
Scores the {{split}} split with a checkpoint, or with a saved model. Prints tables of scores, and
writes predictions and an error page to the run folder.

  {PROGRAM} {{command}} --config configs/experiment/demo.yaml \\
      --ckpt_path best --run_dir runs/demo/seed-0

With --model, which is the folder of a bundle, or the folder or hub id of any token classifier of
transformers, the corpus needs no training split. The results are written to runs/NAME-scored
unless --run_dir is given.

  {PROGRAM} {{command}} --model runs/demo/seed-0/model \\
      --data.corpus ColumnFiles --data.corpus.{{split}} other.conll
"""
DESCRIPTION_BY_COMMAND: Final = {
    "fit": f"""\
Trains a model, validates it after each epoch, scores the best epoch and saves it as a bundle.

  {PROGRAM} fit --config configs/experiment/demo.yaml

Later configs override earlier ones, and options override the configs before them:

  {PROGRAM} fit --config configs/experiment/demo.yaml \\
      --config configs/scheme/bioes.yaml --trainer.max_epochs 5
""",
    "validate": SCORING.format(split="validation", command="validate"),
    "test": SCORING.format(split="test", command="test"),
    "check": f"""\
Reports what is in a corpus and what is wrong with it. Accepts the configs of fit, but trains nothing.

  {PROGRAM} check --config configs/experiment/demo.yaml
""",
}


HELP_BY_KEY: Final = {  # in place of Lightning's
    "seed_everything": "The seed of the run, a whole number.",
    "trainer.precision": "The precision of training, such as 32-true or bf16-mixed. null chooses the one that is "
    "faster for this network on this machine.",
    "trainer.logger": "An additional logger, such as CSVLogger or TensorBoardLogger. metrics.csv is always written.",
    "weights_only": argparse.SUPPRESS,
    "verbose": argparse.SUPPRESS,
}
SCORED_CHECKPOINT: Final = "The checkpoint to score: best or last of --run_dir, or the path of a checkpoint."
CHECKPOINT_BY_COMMAND: Final = {
    "fit": "last resumes the run in --run_dir. The path of another checkpoint starts a new run from its state.",
    "validate": SCORED_CHECKPOINT,
    "test": SCORED_CHECKPOINT,
}


class HelpFormatter(DefaultHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Keeps the lines of the description as they are."""


def help_of(command: str) -> dict[str, str]:
    """Return the arguments that the parser of a command is built with."""
    usage = f"{PROGRAM} {command} --config FILE [--config FILE ...] [OPTION ...]"
    return {"usage": usage, "description": DESCRIPTION_BY_COMMAND[command]}
