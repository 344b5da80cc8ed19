"""Token classifiers of ``transformers`` that were not trained here, read as bundles."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from huggingface_hub import constants, snapshot_download

from ner_lightning.bundle import SETTINGS_FILE, TRANSITIONS_FILE, Bundle, BundleError, load_bundle
from ner_lightning.bundle_settings import BundleSettings
from ner_lightning.console import log_warning
from ner_lightning.corpora.reading.tag_spelling import OUTSIDE_SPELLINGS, TagSpelling, TagSpellingError, respell
from ner_lightning.encoding.alignment import WordTokenizer, load_tokenizer
from ner_lightning.encoding.batches import WindowEncoder
from ner_lightning.encoding.word_encoding import TOKENIZER_FILE, has_vocabulary
from ner_lightning.hub_access import use_cache_without_hub
from ner_lightning.modeling.encoders import label_maps
from ner_lightning.modeling.heads import arrange_rows, output_layer
from ner_lightning.modeling.lenient_decoder import lenient_decoder
from ner_lightning.modeling.network_checks import (
    readable,
    require_all_used,
    require_encodes_any_word,
    require_known_attention,
    require_vocabulary,
)
from ner_lightning.modeling.network_files import WEIGHTS, load_network
from ner_lightning.modeling.token_classifier import TokenClassifier, max_window
from ner_lightning.schemes import BIO, BIOES, IO, LabelScheme, TagSet
from ner_lightning.serialization import read_json
from ner_lightning.tags import OUTSIDE, OUTSIDE_TAG, Tag

CONFIG: Final = "config.json"
HUB_ID: Final = re.compile(r"[\w.-]+/[\w.-]+")
FETCHED: Final = ["*.json", "*.safetensors", "*.txt", "*.model"]
UNUSED_IN_TAGGING: Final = re.compile(r"(.*\.)?(pooler\..*|position_ids)")  # weights that are often saved as well
MAX_SHOWN: Final = 5  # labels in a message


def load_model(name: str | Path) -> Bundle:
    """Load a bundle, or a token classifier of ``transformers`` that was not trained here.

    Args:
        name: The folder of either, or the id of a token classifier on the Hugging Face hub. A path that exists is
            never looked for on the hub.

    Raises:
        BundleError: If there is no model of this name, or it is damaged, or its labels are not tags.
    """
    folder = Path(name)
    if not folder.exists() and HUB_ID.fullmatch(str(name)):
        folder = _fetched(str(name))
    is_bundle = any((folder / file).exists() for file in (SETTINGS_FILE, TRANSITIONS_FILE))
    if is_bundle or not (folder / CONFIG).is_file():
        return load_bundle(folder)
    return load_stock_model(folder, str(name))


def load_stock_model(folder: Path, name: str | None = None) -> Bundle:
    """Load a token classifier of ``transformers``, with its tags in the order that is used here.

    Words and sentences of raw text are split as in English. Each word gets its most probable tag, since the scheme that
    the network was trained in (BIO or IOB1) is unknown, and lenient reading finds the entities of both.

    Args:
        folder: The folder of the model.
        name: The name of the model in messages; None for the folder.

    Raises:
        BundleError: If a file is missing or damaged, or the labels are not tags.
    """
    name = str(folder) if name is None else name
    try:
        bundle = _load(folder)
    except (OSError, ValueError) as error:
        raise BundleError(f"{name}: {error}") from error
    tags = bundle.settings.tags
    labels = f"its labels are read as {tags.scheme.name}, with the types {', '.join(tags.entity_types)}"
    log_warning(__name__, f"{name} was not trained here: {labels}, and each word gets its most probable tag")
    return bundle


def _load(folder: Path) -> Bundle:
    require_known_attention(read_json(folder / CONFIG, dict))
    _require_files(folder)
    network, unused = load_network(folder, "model")
    require_all_used(weight for weight in unused if not UNUSED_IN_TAGGING.fullmatch(weight))
    with readable("the model must have a tokenizer that can be loaded"):
        tokenizer = load_tokenizer(str(folder))
        require_encodes_any_word(tokenizer)
    require_vocabulary(network, tokenizer)
    labels = [str(label) for _, label in sorted((network.config.id2label or {}).items())]
    standard = standard_labels(labels)
    tags = tag_set_of(standard)
    output = output_layer(network, len(labels))
    if output is None:
        raise ValueError(f"the last layer of the network must have one row for each of its {len(labels)} labels")
    # what the network can do is tried out before tags that it lacks get extreme logits
    classifier = TokenClassifier(network).eval()
    arrange_rows(output, [standard.index(tag) if tag in standard else None for tag in tags.tags])
    network.config.update(label_maps(tags))
    word_tokenizer = WordTokenizer(tokenizer, max_window(network.config))
    settings = BundleSettings(tags, word_tokenizer.max_subwords, decoder=lenient_decoder())
    encoder = WindowEncoder(word_tokenizer, tags, settings.subwords, settings.overlap)
    return Bundle(classifier, encoder, settings, None)


def standard_labels(labels: Sequence[str]) -> list[str]:
    """Return the labels of a network in the standard spelling of tags.

    >>> standard_labels(["b-PER", "L-PER", "O"])
    ['B-PER', 'E-PER', 'O']

    Raises:
        ValueError: If the labels are not tags, there is no O, or two of them are the same tag.
    """
    rule = "its labels must be tags, such as O, B-PER and I-PER"
    advice = f"correct id2label in its {CONFIG}"
    shown = ", ".join(labels[:MAX_SHOWN]) + (", …" if len(labels) > MAX_SHOWN else "")
    counts = {label: len(labels) if label in OUTSIDE_SPELLINGS else 1 for label in labels}  # O is the usual tag
    if not OUTSIDE_SPELLINGS & counts.keys():
        raise ValueError(f"{rule}, got {shown} without O; {advice}")
    try:
        spelled = respell(counts, TagSpelling())
        tags = [Tag.parse(spelled[label]) for label in labels]
    except TagSpellingError as error:
        raise ValueError(f"{rule}, got {error.tag!r} among {shown}; {advice}") from None
    for label, tag in zip(labels, tags, strict=True):
        if _is_tag(tag.entity_type):  # the labels were taken for types without a prefix
            raise ValueError(f"{rule}, got {label!r} beside labels that are not tags: {shown}; {advice}")
    standard = [str(tag) for tag in tags]
    for text, count in Counter(standard).items():
        if count > 1:
            same = [label for label, other in zip(labels, standard, strict=True) if other == text]
            raise ValueError(f"every label must be a different tag, got {', '.join(same)} for {text}; {advice}")
    return standard


def tag_set_of(standard: Sequence[str]) -> TagSet:
    """Return the smallest tag set that has all of the given tags.

    >>> tag_set_of(["I-LOC", "O", "I-PER", "B-PER"])
    TagSet(scheme=BIO(), entity_types=('LOC', 'PER'))

    Raises:
        ValueError: If there is no tag but O.
    """
    tags = [tag for tag in map(Tag.parse, standard) if tag != OUTSIDE_TAG]
    if not tags:
        raise ValueError("its labels must be tags with entity types, got only O")
    schemes: tuple[LabelScheme, ...] = (IO(), BIO(), BIOES())
    prefixes = {tag.prefix for tag in tags}
    scheme = next(scheme for scheme in schemes if prefixes <= set(scheme.prefixes))
    return TagSet(scheme, tuple(sorted({tag.entity_type for tag in tags})))


def _is_tag(text: str) -> bool:
    try:
        return Tag.parse(text) != OUTSIDE_TAG
    except ValueError:
        return text == OUTSIDE


def _require_files(folder: Path) -> None:
    """Check that there are weights in the format that runs no code, and a tokenizer.

    Raises:
        ValueError: If something is missing.
    """
    if not next(folder.glob(WEIGHTS), None):
        others = sorted(path.name for pattern in ("pytorch_model*", "tf_model*") for path in folder.glob(pattern))
        found = f"; {others[0]} is not read, so save the model again with save_pretrained" if others else ""
        raise ValueError(f"a model must have its weights in model.safetensors, which is missing{found}")
    if not has_vocabulary(path.name for path in folder.iterdir()):
        raise ValueError(f"a model must have its tokenizer in {TOKENIZER_FILE}, which is missing")


def _fetched(name: str) -> Path:
    """Return the folder of a model from the hub, or from its cache if the hub cannot be reached.

    Raises:
        BundleError: If there is no such model, or it is neither in the cache nor reachable.
    """
    use_cache_without_hub()
    offline = bool(constants.HF_HUB_OFFLINE)
    rule = f"{name}: a model must be a folder, or the id of a model on a hub that can be reached"
    try:
        with readable(rule):
            folder = snapshot_download(name, allow_patterns=FETCHED, ignore_patterns="*/*", local_files_only=offline)
        return Path(folder)
    except ValueError as error:
        unreachable = f"{rule}; there is no such folder, and no model of this name in the cache of the hub"
        raise BundleError(unreachable if offline else str(error)) from error
