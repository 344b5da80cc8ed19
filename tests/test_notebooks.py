"""Tests that notebooks run from top to bottom, are stored with their output, and agree with their text."""

import ast
import json
import re
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import matplotlib.font_manager  # noqa: F401 (the first import on a machine searches all fonts and prints a message)
import nbformat
import pytest
import yaml
from IPython.core.inputtransformer2 import TransformerManager

from ner_lightning.commands.compare.resolved_arms import ConfigOnly
from ner_lightning.commands.fit.command import run_training
from ner_lightning.quiet_libraries import silence_libraries

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
MAX_BYTES = 250_000
TRACES = ("/tmp/", "/home/", "/root/", str(Path.home()), "0x7f")  # folders of the machine that ran a notebook
SECONDS = re.compile(r"\d (s|sec|seconds|minutes)\b")

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def read(path: Path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)


def code_of(notebook: nbformat.NotebookNode) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def outputs_of(notebook: nbformat.NotebookNode) -> list[Any]:
    return [output for cell in code_of(notebook) for output in cell.outputs]


@pytest.fixture(scope="module")
def runner() -> ModuleType:
    """The script that runs the notebooks."""
    spec = spec_from_file_location("run_notebooks", ROOT / "notebooks" / "run.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_readme_mentions_every_notebook() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(NOTEBOOKS) == 4
    assert [path.name for path in NOTEBOOKS if f"(notebooks/{path.name})" not in readme] == []


@each_notebook
def test_a_notebook_is_stored_with_its_output(path: Path, runner: ModuleType) -> None:
    notebook = read(path)
    nbformat.validate(notebook)
    code = code_of(notebook)
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert sum("image/png" in output.get("data", {}) for output in outputs_of(notebook)) >= 1
    assert [output for output in outputs_of(notebook) if output.output_type == "error"] == []
    assert [output.text for output in outputs_of(notebook) if output.get("name") == "stderr"] == []
    assert notebook.metadata == runner.METADATA
    assert all(cell.metadata == {} for cell in notebook.cells)
    assert path.read_text(encoding="utf-8") == nbformat.writes(notebook, indent=1) + "\n"
    assert path.stat().st_size < MAX_BYTES


@each_notebook
def test_the_output_of_a_notebook_does_not_depend_on_the_machine(path: Path, runner: ModuleType) -> None:
    """It names no folder of a machine and no duration, and terminal output is plain text."""
    for output in outputs_of(read(path)):
        text = output.get("text") or json.dumps({k: v for k, v in output.data.items() if k != "image/png"})
        assert [trace for trace in TRACES if trace in text] == []
        assert not SECONDS.search(text)
        assert not runner.is_terminal_output(output)


@each_notebook
def test_every_name_that_a_notebook_imports_exists(path: Path) -> None:
    """Faster than running the notebooks; imported names must also be public."""
    python = TransformerManager().transform_cell("\n".join(cell.source for cell in code_of(read(path))))
    imports = [node for node in ast.walk(ast.parse(python)) if isinstance(node, ast.ImportFrom)]
    assert len(imports) >= 5
    for node in imports:
        module = import_module(str(node.module))
        names = [*str(node.module).split("."), *(name.name for name in node.names)]
        assert [name for name in names if name.startswith("_")] == []
        assert [name.name for name in node.names if not hasattr(module, name.name)] == [], module


def test_terminal_output_is_joined_and_its_colors_are_removed(runner: ModuleType) -> None:
    def line(text: str) -> nbformat.NotebookNode:
        data = {"text/html": f'<pre style="x">{text}</pre>', "text/plain": f"\x1b[1m{text}\x1b[0m  \n"}
        return nbformat.v4.new_output("display_data", data=data)

    table = nbformat.v4.new_output("execute_result", data={"text/html": "<table></table>"})
    printed, kept = runner.as_terminal([line("one"), line("two"), table])
    assert (printed.name, printed.text, kept) == ("stdout", "one\ntwo\n", table)


def test_the_parser_accepts_the_settings_for_a_pretrained_encoder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second notebook trains a small encoder, and shows the command for a pretrained one with the same corpus."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    notebook = read(ROOT / "notebooks" / "02_your_own_corpus.ipynb")
    source = "\n".join(cell.source for cell in notebook.cells)
    (config,) = re.findall(r'Path\("resumes.yaml"\).write_text\("""\n(.*?)"""\)', source, re.DOTALL)
    (tmp_path / "resumes.yaml").write_text(config)
    (shown,) = re.findall(r"python -m ner_lightning fit (.*?)\n```", source, re.DOTALL)
    silence_libraries()
    cli = run_training(["fit", *shown.replace("\\\n", " ").split()], ConfigOnly)
    resolved = yaml.safe_load(cli.resolved_config())
    assert resolved["model"]["encoder"]["init_args"]["name_or_path"] == "distilbert-base-cased"
    small_corpus = yaml.safe_load((ROOT / "configs/trainer/small_corpus.yaml").read_text())
    rate = small_corpus["model"]["optimizer"]["init_args"]["lr"]
    assert resolved["model"]["optimizer"]["init_args"]["lr"] == rate < 1e-3
    assert resolved["trainer"]["max_epochs"] == small_corpus["trainer"]["max_epochs"]
    assert resolved["data"]["corpus"]["init_args"]["train"] == "train.jsonl"


@pytest.mark.slow
@pytest.mark.timeout(1200)
@each_notebook
def test_a_notebook_runs_without_warnings(path: Path, tmp_path: Path, runner: ModuleType) -> None:
    """Its cells assert what its text says about results."""
    notebook = read(path)
    runner.run(notebook, tmp_path)
    assert any("image/png" in output.get("data", {}) for output in outputs_of(notebook))
    assert [output.text for output in outputs_of(notebook) if output.get("name") == "stderr"] == []
    assert list(tmp_path.iterdir()) == []
