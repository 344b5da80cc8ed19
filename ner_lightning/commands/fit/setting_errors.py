"""What is wrong with a setting or a config file, in place of what jsonargparse says of it."""

from __future__ import annotations

import argparse
import inspect
import re
from argparse import ArgumentError
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from difflib import get_close_matches
from itertools import chain
from pathlib import Path
from pkgutil import resolve_name
from types import UnionType
from typing import Any, Final, Literal, Union, get_args, get_origin, get_type_hints

from jsonargparse import Namespace

from ner_lightning.commands.config_files import in_yaml, read_settings

KEY: Final = re.compile(r'\s*Parser key "(?P<key>[\w.]+)":(?P<rest>.*)', re.DOTALL)
CLASS: Final = re.compile(r"Problem with given class_path '(?:\w+\.)*(?P<name>\w+)':(?P<rest>.*)", re.DOTALL)
CALLED_CLASS: Final = re.compile(
    r"expects a function or a callable class:(?P<rest>.*Got value: \w+\(class_path='(?:\w+\.)*(?P<name>\w+)'.*)",
    re.DOTALL,
)
DENIED: Final = re.compile(r"Importing '(?P<path>[\w.]+)' is not allowed")
NO_PART: Final = re.compile(r"\s*Not a valid subclass of \w+\. Got value: None\b")
REFUSED: Final = re.compile(r"\s*Option '(?P<option>\w+)[^']*' is not accepted")
REQUIRED: Final = re.compile(r"\s*the following arguments are required: (?P<options>[^\n]+)")
UNLOADED: Final = re.compile(r"\s*Unable to load config '(?P<value>.*?)'")
VALUE: Final = re.compile(r"(?:Expected a dot import path string: |Given value: |Got value: )(?P<value>[^\n]+)")
CONSTANTS_IN_YAML: Final = {"None": "null", "True": "true", "False": "false"}
IN_WORDS: Final = {
    bool: "true or false",
    dict: "a mapping",
    float: "a number",
    int: "an integer",
    list: "a list",
    str: "a text",
    type(None): "null",
}


def line_on_setting(message: str, type_by_key: Mapping[str, Any]) -> str | None:
    """What a setting must be, what came and what is allowed; None of a message that is about something else.

    Args:
        message: What jsonargparse says.
        type_by_key: The types of the options, and the classes that the sections of a configuration build.
    """
    found = KEY.match(message)
    if found is None or NO_PART.match(found["rest"]):
        return None
    if unloaded := UNLOADED.match(found["rest"]):
        return f"{found['key']} must be a mapping, or a config file that holds one, got {unloaded['value']}"
    expected = _type_of(found["key"].split("."), type_by_key)
    return _line_on_value(found["key"], found["rest"], expected)


def _line_on_value(key: str, rest: str, expected: Any) -> str | None:
    """What a value must be, or one among the arguments of the class that it names."""
    if problem := CLASS.search(rest) or CALLED_CLASS.search(rest):
        kind = next((each for each in _classes_for(expected) if each.__name__ == problem["name"]), None)
        if kind is None:
            return None
        if refused := REFUSED.match(problem["rest"]):
            return f"{key}: {_on_refused(kind, refused['option'], _classes_for(expected))}"
        if required := REQUIRED.match(problem["rest"]):
            return f"{key}: {kind.__name__} needs {required['options']}"
        inner = KEY.match(problem["rest"])
        return inner and _line_on_value(f"{key}.{inner['key']}", inner["rest"], types_of(kind).get(inner["key"]))
    came = VALUE.search(rest)
    value = came["value"].partition(". Got value: ")[0] if came else ""
    value = CONSTANTS_IN_YAML.get(value, value)
    if expected is None or not value or "Namespace(" in value:
        return None
    return f"{key} must be {' or '.join(in_words(expected))}, got {value}{_advice(key, expected, value)}"


def line_on_import(message: str, type_by_key: Mapping[str, Any]) -> str | None:
    """Return one line on a value that names something of the system, such as os.system; None for other messages.

    Args:
        message: The message of jsonargparse.
        type_by_key: The types of the options, and the classes that the sections of a configuration build.
    """
    found, denied = KEY.match(message), DENIED.search(message)
    if found is None or denied is None:
        return None
    expected = _type_of(found["key"].split("."), type_by_key)
    allowed = f"be {' or '.join(in_words(expected))}" if expected else "name a class that fits"
    return f"{found['key']} must {allowed}, got {denied['path']}"


def require_readable(arguments: Sequence[str], type_by_key: Mapping[str, Any]) -> None:
    """Check that the config files among arguments can be read and hold known sections.

    Args:
        arguments: The arguments of a command.
        type_by_key: The types of the options, and the classes that the sections of a configuration build.

    Raises:
        ArgumentError: If one cannot be read, or holds something else.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("-c", "--config", action="append", default=[])
    for path in map(Path, parser.parse_known_args(arguments)[0].config):
        try:
            content = read_settings(path)
        except ValueError as error:
            raise ArgumentError(None, str(error)) from None
        for key, value in content.items():
            if key not in type_by_key:
                known = ", ".join(type_by_key)
                raise ArgumentError(None, f"{path}: must hold keys of {known}, got {key}{_like(str(key), type_by_key)}")
            is_section = isinstance(type_by_key[key], type) and type_by_key[key] not in IN_WORDS
            if is_section and not isinstance(value, dict | str):  # a text names a config file of the section
                raise ArgumentError(None, f"{path}: {key} must be a mapping, got {in_yaml(value)}")


def require_classes(config: Any, key: str = "") -> None:
    """Check that everything that a parsed configuration builds is a class.

    For a parameter that is called later, such as the optimizer, jsonargparse would call a function instead.

    Raises:
        ArgumentError: If a ``class_path`` names something else.
    """
    if isinstance(config, list):
        for item in config:
            require_classes(item, key)
    elif isinstance(config, Namespace):
        path = vars(config).get("class_path")
        if path is not None and not isinstance(resolve_name(path), type):  # the parser has imported it
            raise ArgumentError(None, f"{key}: class_path must name a class, got {path}")
        for name, value in vars(config).items():
            require_classes(value, f"{key}.{name}".removeprefix("."))


def _type_of(keys: Sequence[str], type_by_key: Mapping[str, Any]) -> Any:
    section, *names = keys
    kind: Any = type_by_key.get(section)
    for name in names:
        kind = types_of(kind).get(name)
    return kind


def types_of(kind: Any) -> dict[str, Any]:
    """The types of what a class is built from, as far as they can be told."""
    try:
        return get_type_hints(kind.__init__) if isinstance(kind, type) else {}  # type: ignore[misc]
    except NameError:  # imported for type checkers alone
        return {}


def alternatives(kind: Any) -> Iterator[Any]:
    """The alternatives of a union, and what a function is to return in place of the function."""
    if get_origin(kind) is Callable:
        yield from alternatives(get_args(kind)[-1])
    elif get_origin(kind) in {Union, UnionType}:
        yield from chain.from_iterable(map(alternatives, get_args(kind)))
    else:
        yield kind


def _classes_for(kind: Any) -> list[type]:
    """The classes that may be named for a type, or for the items of a list; of its own package alone."""
    found: list[type] = []
    for part in alternatives(kind):
        if get_args(part) and get_origin(part) is not Literal:
            found += chain.from_iterable(map(_classes_for, get_args(part)))
        elif isinstance(part, type) and part not in IN_WORDS:
            found += [each for each in _with_subclasses(part) if not inspect.isabstract(each)]
    return list(dict.fromkeys(found))


def _with_subclasses(base: type) -> Iterator[type]:
    package = base.__module__.partition(".")[0]
    yield base
    each: type
    for each in base.__subclasses__():
        if each.__module__.partition(".")[0] == package and not each.__name__.startswith("_"):
            yield from _with_subclasses(each)


def in_words(kind: Any) -> list[str]:
    """What a type allows, by alternative."""
    words = []
    for part in alternatives(kind):
        origin = get_origin(part) or part
        if origin is Literal:
            words.append(f"one of {', '.join(map(str, get_args(part)))}")
        elif origin in IN_WORDS:
            words.append(IN_WORDS[origin])
        elif get_args(part):
            words.append("a list")
        elif part.__module__.startswith("ner_lightning."):
            words.append(f"one of {', '.join(each.__name__ for each in _classes_for(part))}")
        else:
            words.append(f"of class {part.__name__}")
    return list(dict.fromkeys(words))


def _advice(key: str, kind: Any, value: str) -> str:
    names = [each.__name__ for each in _classes_for(kind)]
    if get_origin(next(alternatives(kind))) is list and not value.startswith("[") and (not names or value in names):
        return f"; a list is written [{value}]"
    like = _like(value, names)
    if key == "model.encoder" and not like:
        return "; a pretrained model is the name_or_path of a PretrainedEncoder"
    return like


def _on_refused(kind: type, option: str, allowed: Sequence[type]) -> str:
    known = list(inspect.signature(kind).parameters)
    like = _like(option, known)
    takers = [each.__name__ for each in allowed if option in inspect.signature(each).parameters]
    if takers and not like:
        like = f"; {', '.join(takers)} {'take' if len(takers) > 1 else 'takes'} it, and must be given before it"
    return f"{kind.__name__} takes {', '.join(known) or 'no option'}, got {option}{like}"


def _like(name: str, names: Collection[str]) -> str:
    """A question whether one of the names was meant."""
    by_lowered = {each.lower(): each for each in names}
    near = get_close_matches(name.lower(), by_lowered, 1, 0.8)
    if len(name) > 2 and not near:
        near = [each for each in by_lowered if name.lower() in each]
    return f"; did you mean {by_lowered[near[0]]}?" if near else ""
