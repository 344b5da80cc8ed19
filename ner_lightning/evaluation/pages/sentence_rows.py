"""Sentences as pages show them: one row for each side, with its entities highlighted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from ner_lightning.entities import EntitySpan
from ner_lightning.evaluation.pages.tables import TypeLabel

CONTEXT = 12  # words shown before and after each boundary of an entity, if a sentence is long


@dataclass(frozen=True, slots=True)
class Highlight:
    """An entity to highlight in its sentence.

    Args:
        entity: The entity.
        label: The label of its type.
        note: A note beside the type, such as a score or the kind of error.
        wrong: True if it is marked as an error.
    """

    entity: EntitySpan
    label: TypeLabel
    note: str = ""
    wrong: bool = False


@dataclass(frozen=True, slots=True)
class Piece:
    """Consecutive words of a :class:`Row` that form one entity, or the words between two entities."""

    text: str
    highlight: Highlight | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """A sentence with the entities of one side, such as gold, predicted or an arm."""

    name: str
    pieces: tuple[Piece, ...]


def sentence_rows(
    words: Sequence[str], sides: Mapping[str, Iterable[Highlight]], about: Iterable[EntitySpan] | None = None
) -> list[Row]:
    """Return the sentence once for every side, one below the other.

    Overlapping entities of one side are shown in additional rows of that side. Words far from the boundaries of the
    entities in question are shortened to ``…`` in the same way in all rows, even within an entity.

    Args:
        words: The words of the sentence.
        sides: The entities to show, by the name of the side.
        about: The entities in question; None for all that are shown.
    """
    if about is None:
        about = [shown.entity for entities in sides.values() for shown in entities]
    edges = [edge for entity in about for edge in (entity.start, entity.end)] or [CONTEXT]
    near = {i for edge in edges for i in range(edge - CONTEXT, edge + CONTEXT)}
    return [
        Row(name, tuple(_pieces(words, layer, near)))
        for name, entities in sides.items()
        for layer in _layers(shown for shown in entities if not near.isdisjoint(_positions(shown)))
    ]


def _positions(shown: Highlight) -> range:
    return range(shown.entity.start, shown.entity.end)


def _layers(highlights: Iterable[Highlight]) -> list[list[Highlight]]:
    """Distribute the entities over rows, each in order into the first row without overlap; at least one row."""
    layers: list[list[Highlight]] = [[]]
    for shown in sorted(highlights, key=lambda shown: shown.entity):
        free = (layer for layer in layers if not layer or layer[-1].entity.end <= shown.entity.start)
        layer = next(free, None)
        if layer is None:
            layers.append(layer := [])
        layer.append(shown)
    return layers


def _pieces(words: Sequence[str], highlights: Sequence[Highlight], near: set[int]) -> Iterable[Piece]:
    position = 0
    for shown in highlights:
        if position < shown.entity.start:
            yield Piece(_shortened(words, range(position, shown.entity.start), near))
        yield Piece(_shortened(words, _positions(shown), near), shown)
        position = shown.entity.end
    if position < len(words):
        yield Piece(_shortened(words, range(position, len(words)), near))


def _shortened(words: Sequence[str], positions: range, near: set[int]) -> str:
    runs = groupby(positions, near.__contains__)
    return " ".join(" ".join(words[i] for i in run) if is_near else "…" for is_near, run in runs)
