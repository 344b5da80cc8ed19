"""One-line errors about settings and config files, in place of the messages of jsonargparse."""

from __future__ import annotations

import argparse
import inspect
import re
from argparse import ArgumentError
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from difflib import get_close_matches
from itertools import chain
from pathlib import Path
from pkgutil import resolve_name
from types import UnionType
from typing import Any, Final, Literal, Union, get_args, get_origin, get_type_hints

from jsonargparse import Namespace

from ner_lightning.commands.config_files import in_yaml, read_settings
from ner_lightning.corpora.entity_types import advice_on_quotes
from ner_lightning.serialization import subclasses

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
    str: "a string",
    type(None): "null",
}


def line_on_setting(message: str, type_by_key: Mapping[str, Any]) -> str | None:
    """Return one line on a wrong setting: the rule, the value and the allowed values; None for other messages.

    Args:
        message: The message of jsonargparse.
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
    """Return one line on a wrong value, or on a wrong argument of the class that the value names."""
    if problem := CLASS.search(rest) or CALLED_CLASS.search(rest):
        kind = next((each for each in _classes_for(expected) if each.__name__ == problem["name"]), None)
        if kind is None:
            return None
        if refused := REFUSED.match(problem["rest"]):
            return f"{key}: {_line_on_refused_option(kind, refused['option'], _classes_for(expected))}"
        if required := REQUIRED.match(problem["rest"]):
            return f"{key}: {kind.__name__} needs {required['options']}"
        inner = KEY.match(problem["rest"])
        if inner is None:
            return None
        inner_type = _type_of(inner["key"].split("."), types_of(kind))
        return _line_on_value(f"{key}.{inner['key']}", inner["rest"], inner_type)
    found = VALUE.search(rest)
    value = found["value"].partition(". Got value: ")[0] if found else ""
    value = CONSTANTS_IN_YAML.get(value, value)
    if expected is None or not value or "Namespace(" in value:
        return None
    return f"{key} must be {' or '.join(in_words(expected))}, got {value}{_advice(key, expected, value)}"


def line_on_import(message: str, type_by_key: Mapping[str, Any]) -> str | None:
    """Return one line on a value that names a system function, such as os.system; None for other messages.

    Args:
        message: The message of jsonargparse.
        type_by_key: The types of the options, and the classes that the sections of a configuration build.
    """
    found, denied = KEY.match(message), DENIED.search(message)
    if found is None or denied is None:
        return None
    expected = _type_of(found["key"].split("."), type_by_key)
    allowed = f"be {' or '.join(in_words(expected))}" if expected else "name a suitable class"
    return f"{found['key']} must {allowed}, got {denied['path']}"


def require_readable(arguments: Sequence[str], type_by_key: Mapping[str, Any]) -> None:
    """Check that the config files among the arguments can be read and contain only known keys.

    Args:
        arguments: The arguments of a command.
        type_by_key: The types of the options, and the classes that the sections of a configuration build.

    Raises:
        ArgumentError: If a config file cannot be read or contains an unknown key.
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
                raise ArgumentError(
                    None, f"{path}: every key must be one of {known}, got {key}{_did_you_mean(str(key), type_by_key)}"
                )
            is_section = isinstance(type_by_key[key], type) and type_by_key[key] not in IN_WORDS
            if is_section and not isinstance(value, dict | str):  # a string is the path of a config for the section
                raise ArgumentError(None, f"{path}: {key} must be a mapping, got {in_yaml(value)}")


def require_classes(config: Any, key: str = "") -> None:
    """Check that everything that a parsed configuration builds is a class.

    For a parameter that is called later, such as the optimizer, jsonargparse would also accept and call a function.

    Raises:
        ArgumentError: If a ``class_path`` names anything other than a class.
    """
    if isinstance(config, list):
        for item in config:
            require_classes(item, key)
    elif isinstance(config, Namespace):
        path = vars(config).get("class_path")
        if path is not None and not isinstance(resolve_name(path), type):  # the parser has already imported it
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
    """Return the types of the arguments of a class; empty if they are not known."""
    if isinstance(kind, type):
        # the fields of a dataclass may have types that only the module of its base class imports
        for source in (kind.__init__, kind):  # type: ignore[misc]
            with suppress(NameError):  # a type is imported only for type checkers
                return get_type_hints(source)
    return {}


def alternatives(kind: Any) -> Iterator[Any]:
    """Yield the alternatives of a union; a function is replaced by the type that it must return."""
    if get_origin(kind) is Callable:
        yield from alternatives(get_args(kind)[-1])
    elif get_origin(kind) in {Union, UnionType}:
        yield from chain.from_iterable(map(alternatives, get_args(kind)))
    else:
        yield kind


def _classes_for(kind: Any) -> list[type]:
    """Return the classes that may be named for a type or for the items of a list: public ones of the same package."""
    found: list[type] = []
    for part in alternatives(kind):
        if get_args(part) and get_origin(part) is not Literal:
            found += chain.from_iterable(map(_classes_for, get_args(part)))
        elif isinstance(part, type) and part not in IN_WORDS:
            found += _concrete_classes(part)
    return list(dict.fromkeys(found))


def _concrete_classes(base: type) -> list[type]:
    """Return a class and its public subclasses in the same package, without abstract ones."""
    package = base.__module__.partition(".")[0]
    loaded: Iterator[type] = subclasses(base)
    public = [each for each in loaded if not each.__name__.startswith("_")]
    of_package = [each for each in public if each.__module__.partition(".")[0] == package]
    return [each for each in (base, *of_package) if not inspect.isabstract(each)]


def in_words(kind: Any) -> list[str]:
    """Return the values that a type allows, as one phrase for each alternative."""
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
    if any(str in (part, *get_args(part)) for part in alternatives(kind)) and (advice := advice_on_quotes(value)):
        return f"; {advice}"
    if get_origin(next(alternatives(kind))) is list and not value.startswith("[") and (not names or value in names):
        return f"; write a list as [{value}]"
    suggestion = _did_you_mean(value, names)
    if key == "model.encoder" and not suggestion:
        return "; for a pretrained model, set name_or_path of PretrainedEncoder"
    return suggestion


def _line_on_refused_option(kind: type, option: str, allowed: Sequence[type]) -> str:
    known = list(inspect.signature(kind).parameters)
    suggestion = _did_you_mean(option, known)
    accepting = [each.__name__ for each in allowed if option in inspect.signature(each).parameters]
    if accepting and not suggestion:
        suggestion = f"; choose {' or '.join(accepting)} first to set {option}"
    return f"{kind.__name__} accepts {', '.join(known) or 'no options'}, got {option}{suggestion}"


def _did_you_mean(name: str, names: Collection[str]) -> str:
    """Return a question that suggests the most similar name, or an empty string if no name is similar."""
    by_lowered = {each.lower(): each for each in names}
    near = get_close_matches(name.lower(), by_lowered, 1, 0.8)
    if len(name) > 2 and not near:
        near = [each for each in by_lowered if name.lower() in each]
    return f"; did you mean {by_lowered[near[0]]}?" if near else ""
