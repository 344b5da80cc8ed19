"""Tests that a module imports only from the layers of the package below it."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "ner_lightning"
LAYERS = [  # from the bottom up; a folder includes all its modules, except for subfolders that are listed separately
    {
        "entities",
        "lightning_internals",
        "hub_access",
        "parts",
        "quiet_libraries",
        "serialization",
        "standard_streams",
        "unicode_text",
    },
    {"console"},
    {"atomic_files", "terminal_tables"},
    {"sentences"},
    {"tags"},
    {"schemes"},
    {"scheme_detection", "word_splitting", "sentence_splitting", "predictions"},
    {"metrics", "corpora", "runs"},
    {"corpora.checks", "encoding", "evaluation"},
    {"evaluation.pages"},
    {"modeling", "evaluation.errors", "evaluation.comparison", "evaluation.corpus"},
    {"checkpoints"},
    {"bundle_settings"},
    {"bundle"},
    {"stock_models"},
    {"recognizer", "training"},
    {"callbacks"},
    {"commands.error_lines", "commands.yaml_values", "commands.config_files"},
    {"commands.fit"},
    {"commands", "commands.compare", "commands.predict"},
    {"__main__"},
]
UNITS = {unit for layer in LAYERS for unit in layer}
MODULES = [path for path in sorted(PACKAGE.rglob("*.py")) if path != PACKAGE / "__init__.py"]


def unit_of(module: str) -> str:
    """Return the unit of a dotted name within the package: its longest prefix that is listed."""
    parts = module.split(".")
    beginnings = [".".join(parts[:length]) for length in range(len(parts), 0, -1)]
    return next((name for name in beginnings if name in UNITS), parts[0])


def unit_of_file(path: Path) -> str:
    return unit_of(".".join(path.relative_to(PACKAGE).with_suffix("").parts))


def layer_of(unit: str) -> int:
    return next(level for level, units in enumerate(LAYERS) if unit in units)


def imported_units(source: str) -> set[str]:
    """Return the units that a module imports, at its top or inside a function."""
    names: list[str] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports must be absolute"
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return {unit_of(name.removeprefix("ner_lightning.")) for name in names if name.startswith("ner_lightning.")}


def test_there_are_many_modules_to_check() -> None:
    assert len(MODULES) >= 30


def test_the_search_for_imports_finds_every_kind_of_import() -> None:
    source = """
import json, ner_lightning.metrics.span_f1 as metric
from ner_lightning import recognizer
from ner_lightning.commands import check, error_lines
from ner_lightning.schemes import BIO
def lazily():
    import ner_lightning.training
    from ner_lightning.corpora.reader import Corpus
    from ner_lightning.corpora.checks.report import CorpusReport
"""
    assert imported_units(source) == {
        *("metrics", "recognizer", "schemes", "training", "corpora", "corpora.checks"),
        *("commands", "commands.error_lines"),
    }


def test_every_unit_is_in_exactly_one_layer() -> None:
    units = {unit_of_file(path) for path in MODULES if path.read_text(encoding="utf-8")}
    assert sum(map(len, LAYERS)) == len(UNITS)
    assert units == UNITS, f"give {sorted(units - UNITS)} a layer, and take {sorted(UNITS - units)} away"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_modules_import_only_from_lower_layers(path: Path) -> None:
    unit = unit_of_file(path)
    for imported in imported_units(path.read_text(encoding="utf-8")) - {unit}:
        assert layer_of(imported) < layer_of(unit), f"{unit} must not import {imported}"
