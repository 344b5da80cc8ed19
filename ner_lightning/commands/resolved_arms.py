"""What the arms of a comparison resolve to, before anything is trained."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import ArgumentParser

from ner_lightning.commands.training_cli import TrainingCLI, run_training
from ner_lightning.corpora.entity_types import select_entity_types
from ner_lightning.corpora.reader import CorpusError, CorpusReader, SplitName
from ner_lightning.evaluation.run_settings import settings_of
from ner_lightning.sentences import Sentence


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
        run_dir: A folder that does not exist; it is not made.

    Raises:
        ArgumentError: If ``fit`` would refuse the arguments.
    """
    cli = run_training(["fit", *fit_arguments, "--run_dir", str(run_dir)], ConfigOnly)
    return yaml.safe_load(cli.resolved_config())


def require_one_test_set(data_by_arm: Mapping[str, Mapping[str, Any]], compared: SplitName) -> None:
    """Check that the corpora are there, and that all arms are compared on the same sentences and gold entities.

    Args:
        data_by_arm: By arm, the configuration of its data module.
        compared: The split that arms are compared on.

    Raises:
        CorpusError: If a corpus cannot be read or lacks a split, or arms differ in the compared one.
    """
    arm_by_reading: dict[str, str] = {}
    for arm, data in data_by_arm.items():
        arm_by_reading.setdefault(json.dumps([data["corpus"], data["entity_types"]], sort_keys=True), arm)
    first, *others = arm_by_reading.values()
    expected = _annotated(data_by_arm[first], compared)
    for arm in others:
        pairs = zip_longest(expected, _annotated(data_by_arm[arm], compared))
        differing = [left or right for left, right in pairs if left != right]
        if differing:
            raise CorpusError(
                "arms must be compared on the same sentences with the same gold entities, "
                f"{first} and {arm} differ in {len(differing)} sentences of {compared}, first in {differing[0].id}"
            )


def _annotated(data: Mapping[str, Any], compared: SplitName) -> list[Sentence]:
    """The sentences of the compared split as the data module takes them, without what predictions do not hold."""
    parser = ArgumentParser(exit_on_error=False)
    parser.add_subclass_arguments(CorpusReader, "corpus")
    reader: CorpusReader = parser.instantiate(parser.parse_object({"corpus": dict(data["corpus"])})).corpus
    splits = select_entity_types(reader.read(), data["entity_types"]).splits
    needed: dict[SplitName, None] = dict.fromkeys(("train", "validation", compared))
    missing = [split for split in needed if split not in splits]
    if missing:
        raise CorpusError(
            f"a comparison trains on train, chooses the epoch on validation and compares on {compared}; the corpus "
            f"lacks {' and '.join(missing)}"
        )
    return [Sentence(sentence.words, sentence.entities, sentence.id) for sentence in splits[compared]]


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
