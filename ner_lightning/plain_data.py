"""Parts (schemes, losses, decoders, word splitters) as plain data, and back without importing anything.

Checkpoints and bundles hold parts by the name of their class. Only classes that the program has imported
already can be named, so a file from elsewhere cannot run code.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any, TypeVar, get_args, get_type_hints

Part = TypeVar("Part")


def to_plain(part: Any) -> dict[str, Any]:
    """A part that is a dataclass, as JSON can hold it; an argument may be a part itself."""
    arguments = {field.name: getattr(part, field.name) for field in dataclasses.fields(part)}
    plain = {name: to_plain(value) if dataclasses.is_dataclass(value) else value for name, value in arguments.items()}
    return {"name": type(part).__name__, "init_args": plain}


def from_plain(base: type[Part], plain: Mapping[str, Any]) -> Part:
    """Rebuild a part from what :func:`to_plain` gave.

    Raises:
        ValueError: If no imported class of this kind has the name, or its arguments are none by name.
    """
    known = {cls.__name__: cls for cls in _subclasses(base)}
    if plain["name"] not in known:
        raise ValueError(f"{base.__name__} must be one of {sorted(known)}, got {plain['name']!r}; import it first")
    cls, arguments = known[plain["name"]], plain["init_args"]
    if not isinstance(arguments, Mapping):
        raise ValueError(f"the init_args of {plain['name']} must be an object, got {arguments!r}")
    hints = get_type_hints(cls)
    return cls(**{name: _rebuilt(hints.get(name), value) for name, value in arguments.items()})


def loaded_class(path: str) -> type | None:
    """Return the class of an import path if its module is loaded already; nothing is imported."""
    module_name, _, name = path.rpartition(".")
    module = sys.modules.get(module_name)
    found = vars(module).get(name) if isinstance(module, ModuleType) else None
    return found if isinstance(found, type) else None


def _rebuilt(hint: Any, value: Any) -> Any:
    kinds = [kind for kind in get_args(hint) or (hint,) if isinstance(kind, type) and kind.__subclasses__()]
    is_part = isinstance(value, Mapping) and value.keys() == {"name", "init_args"}
    return from_plain(kinds[0], value) if is_part and kinds else value


def _subclasses(base: type[Part]) -> Iterator[type[Part]]:
    for cls in base.__subclasses__():
        yield cls
        yield from _subclasses(cls)
