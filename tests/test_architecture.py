"""The layers of the package: a module imports only from the layers below its own."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "ner_lightning"
LAYERS = [  # bottom first; a folder is in one layer with all its modules
    {"entities", "library_messages", "plain_data", "terminal_lines", "whole_files"},
    {"sentences"},
    {"tags"},
    {"schemes"},
    {"scheme_detection", "word_splitting", "predictions"},
    {"metrics", "corpora"},
    {"encoding"},
    {"modeling", "evaluation"},
    {"bundle_settings", "checkpoints", "data_module"},
    {"bundle", "tagger_record"},
    {"callbacks", "recognizer"},
    {"tagger"},
    {"export", "serving"},
    {"commands"},
    {"__main__"},
]
MODULES = [path for path in sorted(PACKAGE.rglob("*.py")) if path != PACKAGE / "__init__.py"]


def unit_of(path: Path) -> str:
    """The module or folder of the package that a file belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def layer_of(unit: str) -> int:
    return next(level for level, units in enumerate(LAYERS) if unit in units)


def imported_units(source: str) -> set[str]:
    """The units that a module imports, at its top or lazily inside a function."""
    names: list[str] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports must be absolute"
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return {name.split(".")[1] for name in names if name.startswith("ner_lightning.")}


def test_there_are_modules_to_check() -> None:
    assert len(MODULES) >= 30


def test_all_ways_to_import_are_seen() -> None:
    source = """
import json, ner_lightning.metrics.span_f1 as metric
from ner_lightning import tagger
from ner_lightning.schemes import BIO
def lazily():
    import ner_lightning.serving
    from ner_lightning.corpora.reader import Corpus
"""
    assert imported_units(source) == {"metrics", "tagger", "schemes", "serving", "corpora"}


def test_every_unit_is_in_one_layer() -> None:
    units = {unit_of(path) for path in MODULES}
    placed = [unit for layer in LAYERS for unit in layer]
    assert len(placed) == len(set(placed))
    assert units <= set(placed), f"give {sorted(units - set(placed))} a layer"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_downwards(path: Path) -> None:
    unit = unit_of(path)
    for imported in imported_units(path.read_text(encoding="utf-8")) - {unit}:
        assert layer_of(imported) < layer_of(unit), f"{unit} must not import {imported}"
