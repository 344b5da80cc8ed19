"""The configurations that the arms of a comparison resolve to, checked before anything is trained."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import ArgumentParser

from ner_lightning.commands.config_files import find_config, read_settings
from ner_lightning.commands.fit.command import TrainingCLI, run_training
from ner_lightning.corpora.entity_types import select_entity_types
from ner_lightning.corpora.reader import CorpusError, CorpusReader, SplitName
from ner_lightning.corpora.split_shares import hold_out_validation
from ner_lightning.runs.settings import settings_of
from ner_lightning.sentences import Sentence


class ConfigOnly(TrainingCLI):
    """Resolves the configuration of a command in the same way as the command, but builds and runs nothing."""

    def instantiate_classes(self) -> None:
        """Leave everything unbuilt."""

    def _run_subcommand(self, subcommand: str) -> None:
        """Run nothing."""


def resolve(fit_arguments: Sequence[str], run_dir: Path) -> dict[str, Any]:
    """Return the complete configuration that ``fit`` would use.

    Args:
        fit_arguments: The arguments of ``fit``.
        run_dir: A folder that does not exist; it is not created.

    Raises:
        ArgumentError: If ``fit`` would reject the arguments.
    """
    cli = run_training(["fit", *fit_arguments, "--run_dir", str(run_dir)], ConfigOnly)
    return yaml.safe_load(cli.resolved_config())


def require_one_test_set(data_by_arm: Mapping[str, Mapping[str, Any]], compared: SplitName) -> None:
    """Check that the corpora exist, and that the compared split has the same sentences and gold entities for all arms.

    Args:
        data_by_arm: By arm, the configuration of its data module.
        compared: The split that is compared.

    Raises:
        CorpusError: If a corpus cannot be read or has no such split, or the split differs between arms.
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
                "arms must be compared on the same sentences with the same gold entities, but "
                f"{first} and {arm} differ in {len(differing)} sentences of {compared}, first in {differing[0].id}"
            )


def _annotated(data: Mapping[str, Any], compared: SplitName) -> list[Sentence]:
    """Read the sentences of the compared split as the data module does, reduced to what predictions files contain."""
    parser = ArgumentParser(exit_on_error=False)
    parser.add_subclass_arguments(CorpusReader, "corpus")
    reader: CorpusReader = parser.instantiate(parser.parse_object({"corpus": dict(data["corpus"])})).corpus
    share = data["validation_share"]
    if share is not None and compared == "validation":
        raise CorpusError(
            "runs cannot be compared on validation sentences that every seed draws separately (data.validation_share); "
            "compare on test, or give the corpus a validation split"
        )
    corpus = select_entity_types(reader.read(), data["entity_types"])
    splits = hold_out_validation(corpus, share, seed=0).splits  # the compared split is the same for any seed
    needed: dict[SplitName, None] = dict.fromkeys(("train", "validation", compared))
    missing = [split for split in needed if split not in splits]
    if missing:
        raise CorpusError(
            f"a comparison trains on train, chooses the epoch on validation and compares on {compared}, but the corpus "
            f"has no {' and no '.join(missing)}"
        )
    return [Sentence(sentence.words, sentence.entities, sentence.id) for sentence in splits[compared]]


def keys_set_by(overlay: str) -> set[str]:
    """Return the dotted keys that a config sets.

    Raises:
        ValueError: If the file is missing, or does not contain settings.
    """
    return set(settings_of(read_settings(Path(find_config(overlay)))))
