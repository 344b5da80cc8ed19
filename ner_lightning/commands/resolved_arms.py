"""What the arms of a comparison resolve to, before anything is trained."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import ArgumentParser

from ner_lightning.commands.training_cli import TrainingCLI, run_training
from ner_lightning.corpora.reader import CorpusError, CorpusReader
from ner_lightning.evaluation.run_folders import settings_of


class ConfigOnly(TrainingCLI):
    """Resolves the configuration of a command as the command would, and neither builds nor runs anything."""

    def instantiate_classes(self) -> None:
        """Leave everything unbuilt."""

    def _run_subcommand(self, subcommand: str) -> None:
        """Run nothing."""


def resolve(fit_arguments: Sequence[str], run_dir: Path) -> dict[str, Any]:
    """The whole configuration that ``fit`` would run with.

    Args:
        fit_arguments: Its arguments.
        run_dir: A folder that does not exist, since ``fit`` wants a new one; it is not made.

    Raises:
        ArgumentError: If ``fit`` would refuse the arguments.
    """
    cli = run_training(["fit", *fit_arguments, "--run_dir", str(run_dir)], ConfigOnly)
    return yaml.safe_load(cli.resolved_config())


def require_splits(corpus: Mapping[str, Any], compared: str) -> None:
    """Check that a corpus is there, and can be compared on.

    Args:
        corpus: The configuration of its reader.
        compared: The split that arms are compared on.

    Raises:
        CorpusError: If it cannot be read, or lacks a split.
    """
    parser = ArgumentParser(exit_on_error=False)
    parser.add_subclass_arguments(CorpusReader, "corpus")
    reader: CorpusReader = parser.instantiate(parser.parse_object({"corpus": dict(corpus)})).corpus
    splits: Collection[str] = reader.read().splits
    missing = [split for split in dict.fromkeys(("train", "validation", compared)) if split not in splits]
    if missing:
        raise CorpusError(
            f"a comparison trains on train, chooses the epoch on validation and compares on {compared}; the corpus "
            f"lacks {' and '.join(missing)}"
        )


def told_keys(overlay: str) -> set[str]:
    """The dotted keys that a config sets.

    Raises:
        ValueError: If it is no file, or none with settings.
    """
    if not Path(overlay).is_file():
        raise ValueError(f"an overlay must be a config file, got {overlay}")
    try:
        content = yaml.safe_load(Path(overlay).read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ValueError(f"{overlay}: an overlay must be YAML, got {error}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{overlay}: an overlay must hold settings, got {content!r}")
    return set(settings_of(content))
