"""Hand-edited plain data: every place of it removed, or replaced by something else."""

import math
from collections.abc import Iterator
from typing import Any

REPLACEMENTS = (None, -1, 0, "x", [], {}, math.nan, 10**9, 10**18, True, 1.5)
MAX_ITEMS = 3  # of a list or a long mapping; the others have the same form


def places(plain: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """All places of nested mappings and lists, by their keys."""
    items = (
        list(plain.items()) if isinstance(plain, dict) else list(enumerate(plain)) if isinstance(plain, list) else []
    )
    for key, value in items if len(items) < 40 and isinstance(plain, dict) else items[:MAX_ITEMS]:
        yield (*place, key)
        yield from places(value, (*place, key))


def damaged(plain: Any) -> Iterator[tuple[str, Any]]:
    """Every damage by its name, with the damaged data."""
    for place in places(plain):
        name = ".".join(map(str, place))
        yield f"{name} removed", changed(plain, place)
        for value in REPLACEMENTS:
            yield f"{name} {value!r}", changed(plain, place, value)


def changed(plain: Any, place: tuple[Any, ...], *value: Any) -> Any:
    """The data with another value at a place, or without the place."""
    key, *others = place
    copy = plain.copy()
    if others:
        copy[key] = changed(plain[key], tuple(others), *value)
    elif value:
        copy[key] = value[0]
    else:
        del copy[key]
    return copy
