"""Finds and reads config files, and reports each problem with one in a single sentence."""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from ner_lightning.atomic_files import other_than_a_file

SHIPPED: Final = Path(__file__).parents[1] / "configs"
CLASS_PATH: Final = "class_path"
ARGUMENTS: Final = "init_args"


class _UniqueKeys(yaml.SafeLoader):
    """Reads YAML and rejects a key that is set twice; PyYAML would silently drop the first value."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[Hashable] = set()
        for key_node, _ in node.value:
            if not isinstance(key_node, yaml.ScalarNode) or key_node.tag.endswith(":merge"):
                continue
            key = self.construct_object(key_node)
            if key in seen:
                problem = f"{key} is set a second time; set every key only once"
                raise yaml.constructor.ConstructorError(None, None, problem, key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)


def find_config(path: str) -> str:
    """Return the path of a config; for a missing file below configs/, return the config in the package instead."""
    first, *rest = Path(path).parts or ("",)
    shipped = SHIPPED.joinpath(*rest)
    return str(shipped) if first == "configs" and not Path(path).exists() and shipped.is_file() else path


def read_settings(path: Path) -> dict[str, Any]:
    """Read the settings of a config.

    Raises:
        ValueError: If the path is not a file, or its content is not YAML, sets a key twice or gives a class in a form
            that the parser does not read.
    """
    if found := other_than_a_file(path):
        raise ValueError(f"{path}: a config must be a file, found {found}")
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), _UniqueKeys)
    except yaml.constructor.ConstructorError as error:
        raise ValueError(f"{_place(path, error)}: {error.problem}") from None
    except yaml.MarkedYAMLError as error:
        raise ValueError(f"{_place(path, error)}: not valid YAML: {error.problem}") from None
    except RecursionError:
        raise ValueError(f"{path}: not valid YAML: nested too deeply") from None
    except (ValueError, yaml.YAMLError) as error:
        raise ValueError(f"{path}: not valid YAML in UTF-8: {error}") from None
    if not isinstance(content, dict):
        found = "an empty file" if content is None else str(content)[:80]
        raise ValueError(f"{path}: must contain settings, got {found}")
    if problem := _first_problem(content):
        raise ValueError(f"{path}: {problem}")
    return content


def _first_problem(settings: Mapping[str, Any]) -> str | None:
    try:
        return next(_misnamed_classes("", settings), None)
    except RecursionError:  # from an alias such as "&a [*a]"
        return "a setting must not contain itself"


def _place(path: Path, error: yaml.MarkedYAMLError) -> str:
    return f"{path}:{error.problem_mark.line + 1}" if error.problem_mark else str(path)


def _misnamed_classes(key: str, settings: Any) -> Iterator[str]:
    """Yield a sentence for each problem with the classes named in settings."""
    if isinstance(settings, list):
        for item in settings:
            yield from _misnamed_classes(key, item)
    elif isinstance(settings, Mapping):
        if CLASS_PATH in settings:
            name, arguments = settings[CLASS_PATH], settings.get(ARGUMENTS, {})
            if not isinstance(name, str):
                yield f"{key}.{CLASS_PATH} must be the name of a class, got {in_yaml(name)}"
            if not isinstance(arguments, Mapping):
                yield f"{key}.{ARGUMENTS} must be a mapping, got {in_yaml(arguments)}"
        for name, value in settings.items():
            yield from _misnamed_classes(f"{key}.{name}".removeprefix("."), value)


def in_yaml(value: Any) -> str:
    """Return a value as it is written in a config.

    >>> in_yaml(None), in_yaml(True), in_yaml(3)
    ('null', 'true', '3')
    """
    return json.dumps(value) if value is None or isinstance(value, bool) else str(value)
