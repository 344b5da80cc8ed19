"""Checks of the values of a configuration that the parser accepts but training cannot use."""

from __future__ import annotations

import dataclasses
import inspect
import math
import sys
from collections.abc import Iterator, Mapping
from types import NoneType
from typing import Any, Final, Literal, TypeVar, get_args, get_origin

from jsonargparse import Namespace

from ner_lightning.commands.config_files import in_yaml
from ner_lightning.commands.fit.setting_errors import alternatives, in_words, types_of

SEED: Final = "seed_everything"
MAX_SEED: Final = 2**32 - 1  # the limit of numpy, which Lightning seeds as well


def require_usable_values(config: Namespace, class_by_section: Mapping[str, type]) -> None:
    """Check that all numbers are finite, null appears only where it is allowed, and the seed is an integer in range.

    Args:
        config: A parsed configuration, from which nothing has been built yet.
        class_by_section: The classes that the sections of a configuration build.

    Raises:
        ValueError: If a value cannot be used.
    """
    for section, kind in class_by_section.items():
        settings = config.get(section)
        if not isinstance(settings, Namespace):
            raise ValueError(f"{section} must be a mapping, got {in_yaml(settings)}")
        require_usable_arguments(section, settings, kind)
    seed = config.get(SEED)
    if type(seed) is not int or not 0 <= seed <= MAX_SEED:  # true is an int as well
        raise ValueError(f"{SEED} must be an integer from 0 to {MAX_SEED}, got {in_yaml(seed)}")


def require_usable_arguments(key: str, settings: Namespace, kind: type) -> None:
    """Check that all numbers in the arguments of a class are finite, and null appears only where it is allowed.

    Args:
        key: The dotted key of the arguments.
        settings: The parsed arguments.
        kind: The class.

    Raises:
        ValueError: If an argument cannot be used.
    """
    for problem in _problems_inside(key, settings, kind):
        raise ValueError(problem)


def _problems(key: str, value: Any, expected: Any) -> Iterator[str]:
    """Yield a sentence for each problem with a value or with something inside it.

    Args:
        key: The dotted key of the value.
        value: The value.
        expected: The type that it should have, or None if that is not known.
    """
    if isinstance(value, float) and not math.isfinite(value):
        yield f"{key} must be a finite number, got {in_yaml(value)}"
    elif isinstance(value, Namespace):
        yield from _problems_inside(key, value, expected)
    elif dataclasses.is_dataclass(expected):
        yield f"{key} must be a mapping, got {in_yaml(value)}"
    elif isinstance(value, list | tuple | Mapping):
        items = value.items() if isinstance(value, Mapping) else enumerate(value)
        for name, item in items:
            yield from _problems(f"{key}[{name}]", item, None)
    elif value is None and not _allows_null(expected):
        yield f"{key} must be {' or '.join(in_words(expected))}, got null"


def _problems_inside(key: str, settings: Namespace, expected: Any) -> Iterator[str]:
    """Yield the problems with the arguments of a class: the one in ``class_path``, or otherwise the expected one."""
    if "class_path" in settings:
        kind, arguments = _imported(settings["class_path"]), settings.get("init_args") or Namespace()
    else:
        kind, arguments = expected, settings
    types, defaults = types_of(kind), _defaults(kind)
    for name, value in vars(arguments).items():
        is_default = value is None and name in defaults and defaults[name] is None
        yield from _problems(f"{key}.{name}", value, None if is_default else types.get(name))


def _imported(class_path: str) -> Any:
    """Return the class with an import path; the parser has already imported its module."""
    module, _, name = class_path.rpartition(".")
    return getattr(sys.modules.get(module), name, None)


def _defaults(kind: Any) -> dict[str, Any]:
    parameters = inspect.signature(kind).parameters if isinstance(kind, type) else {}
    return {name: parameter.default for name, parameter in parameters.items()}


def _allows_null(expected: Any) -> bool:
    """Return whether a type allows null; an unknown type does."""
    return expected is None or any(
        part in (NoneType, Any, object)
        or isinstance(part, TypeVar)
        or (get_origin(part) is Literal and None in get_args(part))
        for part in alternatives(expected)
    )
