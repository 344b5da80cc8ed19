"""Bundles: folders that hold a trained model, for ``ner_lightning`` and for plain ``transformers``."""

from __future__ import annotations

import copy
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from ner_lightning.atomic_files import NEW, PREVIOUS, partial_path
from ner_lightning.bundle_settings import BundleSettings
from ner_lightning.encoding.alignment import WordTokenizer, save_tokenizer
from ner_lightning.encoding.batches import WindowEncoder
from ner_lightning.encoding.word_encoding import TOKENIZER_FILE, has_vocabulary, prepare_tokenizer
from ner_lightning.modeling.linear_chain import Transitions
from ner_lightning.modeling.network_checks import (
    readable,
    require_all_used,
    require_encodes_any_word,
    require_known_attention,
    require_vocabulary,
)
from ner_lightning.modeling.network_files import WEIGHTS, load_network, without_messages
from ner_lightning.modeling.token_classifier import TokenClassifier, max_window
from ner_lightning.schemes import TagSet
from ner_lightning.serialization import read_json

SETTINGS_FILE: Final = "ner_lightning.json"
JSON_FILES: Final = (SETTINGS_FILE, "config.json", TOKENIZER_FILE, "tokenizer_config.json")
TRANSITIONS_FILE: Final = "decoder.safetensors"


class BundleError(ValueError):
    """A bundle cannot be written or loaded; the message is one line that names the folder."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """A loaded bundle: a network, and everything needed to run it on words and to read its logits.

    Args:
        classifier: The network, in float32 and in evaluation mode.
        window_encoder: Turns sentences into windows, in the same way as during training.
        settings: Everything else.
        transitions: The transitions that a CRF has learned; None without a CRF.
    """

    classifier: TokenClassifier
    window_encoder: WindowEncoder
    settings: BundleSettings
    transitions: Transitions | None


def save_bundle(
    folder: str | Path,
    network: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    settings: BundleSettings,
    transitions: Transitions | None = None,
) -> None:
    """Save a trained network, completely or not at all. An existing bundle is replaced.

    Args:
        folder: The folder to write. ``AutoModelForTokenClassification`` and ``AutoTokenizer`` can load it, too.
        network: The network; it is saved in float32.
        tokenizer: Its tokenizer.
        settings: Everything else; ``has_transitions`` is set by what is saved.
        transitions: The transitions that a CRF has learned; None without a CRF.

    Raises:
        BundleError: If the network has other tags than the settings, the folder holds something that is not a bundle,
            or a file cannot be written.
    """
    folder = Path(os.path.realpath(folder))  # if it is a symbolic link, its target is replaced, not the link
    settings = replace(settings, has_transitions=transitions is not None)
    try:
        _require_tags(network, settings.tags)
    except ValueError as error:
        raise BundleError(f"{folder}: {error}") from None
    if folder.exists() and not (folder / SETTINGS_FILE).is_file() and not _is_empty_folder(folder):
        raise BundleError(f"{folder}: must be a new or empty folder or an existing bundle, found something else")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        staging = partial_path(folder)
        staging.mkdir()
        try:
            _write_files(staging / NEW, network, tokenizer, settings, transitions)
            if folder.exists():
                folder.rename(staging / PREVIOUS)
            (staging / NEW).rename(folder)
        finally:
            shutil.rmtree(staging)
    except (OSError, SafetensorError) as error:
        raise BundleError(f"{folder}: the bundle cannot be written: {error}") from error


def load_bundle(folder: str | Path) -> Bundle:
    """Load a bundle. Neither a corpus nor a network connection is needed.

    Raises:
        BundleError: If a file is missing or broken, or the files contradict each other.
    """
    folder = Path(folder)
    settings = read_settings(folder)
    try:
        network, tokenizer = _load_network(folder)
        word_tokenizer = WordTokenizer(tokenizer, min(settings.max_subwords, settings.window_subwords))
        longest = WordTokenizer(tokenizer, settings.max_subwords).max_subwords
        if longest > max_window(network.config):
            raise ValueError(
                f"windows must fit the network's {max_window(network.config)} positions, got windows of "
                f"{longest} subwords"
            )
        _require_tags(network, settings.tags)
        classifier = TokenClassifier(network).eval()
        transitions = _load_transitions(folder, settings)
    except ValueError as error:
        raise BundleError(f"{folder}: {error}") from error
    encoder = WindowEncoder(
        word_tokenizer, settings.tags, settings.subwords, settings.overlap, settings.unit, settings.context
    )
    return Bundle(classifier, encoder, settings, transitions)


def read_settings(folder: str | Path) -> BundleSettings:
    """Read the settings of a bundle.

    Raises:
        BundleError: If the folder, or a file that a bundle needs, is missing or broken.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise BundleError(f"{folder}: a bundle must be a folder, found {'a file' if folder.exists() else 'nothing'}")
    if not next(folder.glob(WEIGHTS), None):
        hint = f"; did you mean {folder / 'model'}?" if (folder / "model").is_dir() else ""
        raise BundleError(f"{folder} is not a bundle: model.safetensors is missing{hint}")
    is_slow = not (folder / TOKENIZER_FILE).exists() and has_vocabulary(path.name for path in folder.iterdir())
    contents = {name: _read_json(folder / name) for name in JSON_FILES if not (is_slow and name == TOKENIZER_FILE)}
    try:
        return BundleSettings.from_plain(contents[SETTINGS_FILE])
    except ValueError as error:
        raise BundleError(f"{folder / SETTINGS_FILE}: {error}") from error


def _load_network(folder: Path) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Load the network and its tokenizer, and check that they are complete and fit each other.

    Raises:
        ValueError: If they cannot be loaded, or weights are missing, unused or not finite.
    """
    require_known_attention(_read_json(folder / "config.json"))
    network, unused = load_network(folder, "bundle")
    require_all_used(unused)
    with readable("the bundle must be loadable"):
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        prepare_tokenizer(tokenizer)
        require_encodes_any_word(tokenizer)
    require_vocabulary(network, tokenizer)
    return network, tokenizer


def _load_transitions(folder: Path, settings: BundleSettings) -> Transitions | None:
    """Load the transitions that a CRF has learned; None without a CRF.

    Raises:
        ValueError: If they cannot be loaded, are for other tags, or do not allow exactly what the scheme allows.
    """
    tags = settings.tags
    if not settings.has_transitions:
        require_all_used([TRANSITIONS_FILE] if (folder / TRANSITIONS_FILE).exists() else [])
        return None
    with readable(f"{TRANSITIONS_FILE} must hold the transitions of a CRF"):
        transitions = Transitions(**load_file(folder / TRANSITIONS_FILE))
    found = (transitions.start, transitions.inner, transitions.end)
    expected = Transitions.allowed_by(tags)
    pairs = list(zip(found, (expected.start, expected.inner, expected.end), strict=True))
    if any(scores.shape != own.shape for scores, own in pairs):
        shapes = [tuple(scores.shape) for scores in found]
        raise ValueError(f"{TRANSITIONS_FILE}: transitions must be for {len(tags.tags)} tags, got the shapes {shapes}")
    if any((scores.isfinite() != own.isfinite()).any() for scores, own in pairs):
        raise ValueError(
            f"{TRANSITIONS_FILE}: the transitions that {tags.scheme.name} allows must be finite, and no others"
        )
    return transitions


def _plain_tensors(transitions: Transitions) -> dict[str, Tensor]:
    return {name: getattr(transitions, name).detach().cpu().float().contiguous() for name in ("start", "inner", "end")}


def _read_json(path: Path) -> dict[str, Any]:
    try:
        return read_json(path, dict[str, Any])
    except FileNotFoundError:
        raise BundleError(f"{path.parent} is not a bundle: {path.name} is missing") from None
    except OSError as error:
        raise BundleError(f"{path}: cannot be read: {error}") from error
    except ValueError as error:
        raise BundleError(str(error)) from error


def _write_files(
    folder: Path,
    network: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    settings: BundleSettings,
    transitions: Transitions | None,
) -> None:
    folder.mkdir()
    plain = json.dumps(settings.to_plain(), indent=2, ensure_ascii=False, allow_nan=False)
    (folder / SETTINGS_FILE).write_text(plain + "\n", encoding="utf-8")
    precise = network if network.dtype == torch.float32 else copy.deepcopy(network).float()
    with without_messages():
        precise.save_pretrained(folder)
    save_tokenizer(tokenizer, folder)
    if transitions is not None:
        save_file(_plain_tensors(transitions), folder / TRANSITIONS_FILE)
    for path in folder.iterdir():
        shutil.copymode(folder / SETTINGS_FILE, path)  # safetensors ignores the umask: only the owner could read


def _require_tags(network: PreTrainedModel, tags: TagSet) -> None:
    name_by_id: Mapping[Any, str] = network.config.id2label or {}
    names = [name_by_id[tag_id] for tag_id in sorted(name_by_id)]
    if names != list(tags.tags):
        raise ValueError(f"the network's tags must be {list(tags.tags)}, got {names}")


def _is_empty_folder(folder: Path) -> bool:
    return folder.is_dir() and not any(folder.iterdir())
