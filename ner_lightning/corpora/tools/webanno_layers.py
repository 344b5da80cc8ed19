"""The layers of annotations that the first lines of a WebAnno TSV file declare."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ner_lightning.corpora.reader import CorpusError

LAYER_LINE: Final = re.compile(r"#T_(SP|CH|RL)=([^|]+)\|?(.*)")
NUM_WORD_COLUMNS: Final = 3  # id, offsets, word
NAMED_ENTITY: Final = "NamedEntity"


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer of spans.

    Args:
        name: The full name.
        features: The names of its features.
        first_column: The column of the first feature, counted from 0.
        column: The column of the feature with the entity type.
    """

    name: str
    features: tuple[str, ...]
    first_column: int
    column: int = 0

    @property
    def short_name(self) -> str:
        return self.name.rpartition(".")[2]


def read_layers(lines: Sequence[str]) -> list[Layer]:
    """Return the span layers of a file; layers of chains and relations only take up columns."""
    layers, column = list[Layer](), NUM_WORD_COLUMNS
    for found in map(LAYER_LINE.fullmatch, lines):
        if found is not None:
            kind, name, features = found.groups()
            names = tuple(features.split("|"))
            if kind == "SP":
                layers.append(Layer(name, names, column))
            column += len(names)
    return layers


def chosen_layer(layers: Sequence[Layer], layer: str | None, feature: str | None, path: Path) -> Layer:
    """Return the layer with the entities, with the column of their types.

    Args:
        layers: The span layers of the file.
        layer: The name of the layer, or None.
        feature: The name of the feature, or None.
        path: The file, for messages.

    Raises:
        CorpusError: If there is no such layer or feature, or several may be meant.
    """
    wanted = layer or NAMED_ENTITY
    found = [it for it in layers if wanted in {it.name, it.short_name}]
    if not found and layer is None and len(layers) == 1:
        found = list(layers)
    if len(found) != 1:
        known = ", ".join(it.name for it in layers) or "none"
        raise CorpusError(f"{path}:1: the entities must be in one layer {wanted!r}, found: {known}; set layer")
    only = found[0]
    name = feature or ("value" if "value" in only.features else only.features[0])
    if name not in only.features:
        known = ", ".join(only.features)
        raise CorpusError(f"{path}:1: the layer {only.name} has no feature {name!r}, found: {known}; set feature")
    return Layer(only.name, only.features, only.first_column, only.first_column + only.features.index(name))
