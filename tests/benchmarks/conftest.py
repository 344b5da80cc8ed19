"""Import the benchmarks as scripts, and write a tiny corpus for them."""

import importlib
import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
BENCHMARKS = ROOT / "benchmarks"
COLUMNS = "Ann\tB-PER\nSmith-Jones\tI-PER\nsings\tO\n\t\nParis\tB-LOC\n\n\nBob\tB-PER\nhums\tO\n"


@pytest.fixture
def benchmark(monkeypatch):
    """Import a benchmark as if it were run as a script."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module


@pytest.fixture(scope="module")
def recipe() -> ModuleType:
    """Import the peer by path because it is not part of the package."""
    spec = importlib.util.spec_from_file_location("hf_recipe", BENCHMARKS / "peers" / "hf_recipe.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def corpus_dir(tmp_path, monkeypatch) -> Path:
    """Write a tiny WNUT-17 into a data folder."""
    folder = tmp_path / "data" / "wnut17"
    folder.mkdir(parents=True)
    for split in ("train", "validation", "test"):
        (folder / f"{split}.conll").write_text(COLUMNS, encoding="utf-8")
    monkeypatch.setenv("NER_LIGHTNING_DATA", str(folder.parent))
    return folder
