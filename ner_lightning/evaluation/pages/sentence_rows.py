"""Sentences as pages show them: a row for each side, its entities highlighted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from ner_lightning.entities import EntitySpan
from ner_lightning.evaluation.pages.tables import TypeLabel

CONTEXT = 12  # words kept on either side of where an entity begins or ends, where a sentence is long


@dataclass(frozen=True, slots=True)
class Highlight:
    """An entity to be shown in its sentence.

    Args:
        entity: Where it stands.
        label: Its type.
        note: What is said of it beside its type, such as a score or the kind of error.
        wrong: Whether it is set apart as an error.
    """

    entity: EntitySpan
    label: TypeLabel
    note: str = ""
    wrong: bool = False


@dataclass(frozen=True, slots=True)
class Piece:
    """Words in a row that are an entity, or none, of a :class:`Row`."""

    text: str
    highlight: Highlight | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """A sentence with the entities that one side (gold, predicted, an arm) sees in it."""

    name: str
    pieces: tuple[Piece, ...]


def sentence_rows(
    words: Sequence[str], sides: Mapping[str, Iterable[Highlight]], about: Iterable[EntitySpan] | None = None
) -> list[Row]:
    """The sentence once for every side, one below the other.

    Entities of one side that overlap stand in further rows of that side. Words far from where the entities in question
    begin and end are shortened to ``…``, in all rows alike, be they within an entity or a whole one.

    Args:
        words: The words of the sentence.
        sides: The entities to show, by the name of the side.
        about: The entities in question; None stands for all that are shown.
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
    """Entities in order, each in the first row where it overlaps no other; one row at least."""
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
