"""Conversion of plain data, from JSON files and checkpoints, to typed values, and of parts to plain data and back.

Checkpoints and bundles store parts (schemes, losses, decoders, word splitters) by the name of their class. Only classes
that the program has already imported can be named, so an untrusted file cannot run code.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Final, TypeVar

import msgspec

Part = TypeVar("Part")
Value = TypeVar("Value")
PROBLEM: Final = re.compile(r"(?P<problem>.+?)(?: - at (?P<key>`key` in )?`\$(?P<place>[^`]*)`)?", re.DOTALL)
EXPECTED: Final = re.compile(r"Expected (?P<rule>.+?)(?:, got .*)?", re.DOTALL)
MISSING: Final = re.compile(r"Object missing required field `(?P<name>\w+)`")
STEP: Final = re.compile(r"\w+")
UNKNOWN_KEY: Final = "[...]"
NAME: Final = re.compile("`([^`]+)`")
WORDS: Final = {
    "array": "a list",
    "bool": "true or false",
    "float": "a number",
    "int": "a whole number",
    "object": "an object",
    "str": "a string",
}
MAX_SHOWN: Final = 80  # characters of a wrong value in a message


def typed(plain: Any, kind: type[Value]) -> Value:
    """Return plain data as a value of a type, such as a dataclass or ``dict[str, int]``, after checking all of it.

    >>> typed({"PER": 1, "LOC": "two"}, dict[str, int])
    Traceback (most recent call last):
    ValueError: [...] must be a whole number, got str

    Raises:
        ValueError: If a value is missing, has another type or is out of range; the message says where.
    """
    try:
        return msgspec.convert(plain, kind, dec_hook=_part)
    except msgspec.ValidationError as error:
        raise ValueError(in_words(error, plain)) from None


def read_json(path: Path, kind: type[Value]) -> Value:
    """Read a JSON file as a value of a type.

    Raises:
        ValueError: If the file is not JSON, or holds a value of another type; the message begins with the path.
        OSError: If the file cannot be read.
    """
    try:
        plain = msgspec.json.decode(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: must be JSON, got {error}") from None
    try:
        return typed(plain, kind)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def in_words(error: msgspec.ValidationError, plain: Any) -> str:
    """Return an error of msgspec as a message in the style of our other errors, with the place and the value."""
    found = PROBLEM.fullmatch(str(error))
    assert found is not None
    place = (found["place"] or "").removeprefix(".")
    if missing := MISSING.fullmatch(found["problem"]):
        return f"{place}.{missing['name']} is missing".removeprefix(".")
    expected = EXPECTED.fullmatch(found["problem"])
    if expected is None:
        return f"{place}: {found['problem']}" if place else found["problem"]
    rule = NAME.sub(lambda name: " or ".join(WORDS.get(kind, kind) for kind in name[1].split(" | ")), expected["rule"])
    value = found["problem"].rpartition(", got ")[2].strip("`") if UNKNOWN_KEY in place else repr(_at(plain, place))
    what = f"a key of {place}" if found["key"] else place or "the content"
    return f"{what} must be {rule}, got {value[:MAX_SHOWN]}"


def to_plain(part: Any) -> dict[str, Any]:
    """Return a part that is a dataclass as plain data for JSON; its arguments may be parts, too."""
    arguments = {field.name: getattr(part, field.name) for field in dataclasses.fields(part)}
    plain = {name: to_plain(value) if dataclasses.is_dataclass(value) else value for name, value in arguments.items()}
    return {"name": type(part).__name__, "init_args": plain}


class PlainPart(msgspec.Struct, frozen=True):
    """The plain data that :func:`to_plain` returns for a part."""

    name: str
    init_args: dict[str, Any]


def from_plain(base: type[Part], plain: Any) -> Part:
    """Rebuild a part from the result of :func:`to_plain`, or from the name of a class that has no arguments.

    Raises:
        ValueError: If no imported class of this kind has the name, or its arguments do not fit.
    """
    saved = PlainPart(plain, {}) if isinstance(plain, str) else typed(plain, PlainPart)
    known = {cls.__name__: cls for cls in subclasses(base) if not inspect.isabstract(cls)}
    if saved.name not in known:
        raise ValueError(f"{base.__name__} must be one of {sorted(known)}, got {saved.name!r}; import it first")
    cls = known[saved.name]
    names = [field.name for field in dataclasses.fields(cls)] if dataclasses.is_dataclass(cls) else []
    unknown = sorted(saved.init_args.keys() - set(names))
    if unknown:
        raise ValueError(
            f"{saved.name} accepts {', '.join(names) or 'no arguments'}, got {', '.join(unknown)[:MAX_SHOWN]}"
        )
    return typed(saved.init_args, cls) if names else cls()


def loaded_class(path: str) -> type | None:
    """Return the class of an import path, or None if its module is not loaded yet. Nothing is imported."""
    module_name, _, name = path.rpartition(".")
    module = sys.modules.get(module_name)
    found = vars(module).get(name) if isinstance(module, ModuleType) else None
    return found if isinstance(found, type) else None


def _part(kind: type, plain: Any) -> Any:
    """Return a value of a type that msgspec does not know: a part, rebuilt from plain data if necessary."""
    return plain if isinstance(plain, kind) else from_plain(kind, plain)


def _at(plain: Any, place: str) -> Any:
    """Return the value at a place such as ``gold[0][1]``."""
    for step in STEP.findall(place):
        plain = plain[int(step) if isinstance(plain, list | tuple) else step]
    return plain


def subclasses(base: type[Part]) -> Iterator[type[Part]]:
    """Yield all direct and indirect subclasses of a class that are loaded."""
    for cls in base.__subclasses__():
        yield cls
        yield from subclasses(cls)
