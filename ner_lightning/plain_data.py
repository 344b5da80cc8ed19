"""Parts (schemes, losses, decoders, word splitters) as plain data, and back without importing anything.

Checkpoints and bundles hold parts by the name of their class. Only classes that the program has imported
already can be named, so a file from elsewhere cannot run code.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

Part = TypeVar("Part")


def to_plain(part: Any) -> dict[str, Any]:
    """A part that is a dataclass, as JSON can hold it."""
    return {"name": type(part).__name__, "init_args": dataclasses.asdict(part)}


def from_plain(base: type[Part], plain: Mapping[str, Any]) -> Part:
    """Rebuild a part from what :func:`to_plain` gave.

    Raises:
        ValueError: If no imported class of this kind has the name.
    """
    known = {cls.__name__: cls for cls in _subclasses(base)}
    if plain["name"] not in known:
        raise ValueError(f"{base.__name__} must be one of {sorted(known)}, got {plain['name']!r}; import it first")
    return known[plain["name"]](**plain["init_args"])


def _subclasses(base: type[Part]) -> Iterator[type[Part]]:
    for cls in base.__subclasses__():
        yield cls
        yield from _subclasses(cls)
