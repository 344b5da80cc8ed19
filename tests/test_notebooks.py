"""Every notebook runs from top to bottom, is true to its text, warns of nothing, and is kept without outputs."""

import ast
from importlib import import_module
from pathlib import Path
from typing import Any

import matplotlib.font_manager  # noqa: F401 (its first import on a machine looks through all fonts, and says so)
import nbformat
import pytest
from IPython.core.inputtransformer2 import TransformerManager
from nbclient import NotebookClient

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
MINUTES = 20  # patience for a busy machine; an idle core takes less than one

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def read(path: Path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)


def test_the_readme_names_each_notebook() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(NOTEBOOKS) == 4
    assert [path.name for path in NOTEBOOKS if f"(notebooks/{path.name})" not in readme] == []


@each_notebook
def test_a_notebook_is_kept_as_it_was_written(path: Path) -> None:
    """Nothing of a run is in it, and nothing of the machine that it was edited on."""
    notebook = read(path)
    nbformat.validate(notebook)
    code = code_of(notebook)
    assert len(code) >= 5
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code)
    assert all(cell.metadata == {} for cell in notebook.cells)
    assert notebook.metadata == {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    assert path.read_text(encoding="utf-8") == nbformat.writes(notebook, indent=1) + "\n"


@each_notebook
def test_what_a_notebook_imports_is_there(path: Path) -> None:
    """Names that were moved are found without running the notebook, which takes longer; all are public."""
    python = TransformerManager().transform_cell("\n".join(cell.source for cell in code_of(read(path))))
    imports = [node for node in ast.walk(ast.parse(python)) if isinstance(node, ast.ImportFrom)]
    assert len(imports) >= 5
    for node in imports:
        module = import_module(str(node.module))
        names = [*str(node.module).split("."), *(name.name for name in node.names)]
        assert [name for name in names if name.startswith("_")] == []
        assert [name.name for name in node.names if not hasattr(module, name.name)] == [], module


@pytest.mark.slow
@pytest.mark.timeout(60 * MINUTES)
@each_notebook
def test_a_notebook_runs_and_warns_of_nothing(path: Path, tmp_path: Path) -> None:
    """What its text says of results is asserted in its own cells, beside the results."""
    notebook = read(path)
    NotebookClient(notebook, timeout=60 * MINUTES, resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = [output for cell in code_of(notebook) for output in cell.outputs]
    assert any("image/png" in output.get("data", {}) for output in outputs)
    assert [output.text for output in outputs if output.get("name") == "stderr"] == []
    assert list(tmp_path.iterdir()) == []


def code_of(notebook: nbformat.NotebookNode) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]
