"""The commands that a user can run next, after a finished run."""

from __future__ import annotations

import shlex
from pathlib import Path

from ner_lightning.commands.fit.help import PROGRAM
from ner_lightning.runs.folders import PREDICTIONS


def next_commands(run_dir: Path) -> list[str]:
    """Return one line each for `evaluate`, `predict` and `compare`, ready to be pasted into a shell.

    The user still has to fill in the run to compare with, the texts and the output files.

    Args:
        run_dir: The run folder, which contains predictions for the test or the validation split.
    """
    test, validation = (run_dir / PREDICTIONS / f"{split}.jsonl" for split in ("test", "validation"))
    predictions, split = (test, "") if test.is_file() else (validation, " --split validation")
    command_by_purpose = {
        "see its errors": f"evaluate {_quoted(predictions)}",
        "use the model": f"predict --model {_quoted(run_dir / 'model')} --input texts.txt --output entities.jsonl",
        "compare it": f"compare --runs {_quoted(run_dir)} OTHER_RUN --output runs/compared{split}",
    }
    width = max(map(len, command_by_purpose))
    return [f"{purpose:{width}}  {PROGRAM} {command}" for purpose, command in command_by_purpose.items()]


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))
