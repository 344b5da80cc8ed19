"""Tests that an installed package has the configs, a version, and a script that can import your modules."""

import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import entry_points, version
from pathlib import Path

import pytest

import ner_lightning
from ner_lightning.__main__ import main, script
from ner_lightning.commands.config_files import SHIPPED, find_config

ROOT = Path(__file__).parents[1]
DEMO = "configs/experiment/demo.yaml"
BUILD = "from setuptools.build_meta import build_wheel; build_wheel('built')"


def test_a_wheel_contains_every_config(tmp_path: Path) -> None:
    pytest.importorskip("setuptools", "77")  # older versions do not support license files
    source = tmp_path / "source"
    shutil.copytree(ROOT / "ner_lightning", source / "ner_lightning", symlinks=True)
    shutil.copytree(ROOT / "configs", source / "configs")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    subprocess.run([sys.executable, "-c", BUILD], cwd=source, check=True, capture_output=True)
    (wheel,) = (source / "built").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        (scripts,) = (name for name in names if name.endswith("entry_points.txt"))
        assert "ner-lightning = ner_lightning.__main__:script" in archive.read(scripts).decode()
    configs = {f"ner_lightning/{path.relative_to(ROOT)}" for path in (ROOT / "configs").rglob("*.yaml")}
    assert len(configs) > 30
    assert names >= configs


def test_the_first_command_of_the_help_runs_in_any_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["--help"])
    assert f"python -m ner_lightning fit --config {DEMO}\n" in capsys.readouterr().out
    monkeypatch.chdir(tmp_path)
    for options in (["--config", DEMO], [f"--config={DEMO}"], ["-c", DEMO]):
        with pytest.raises(SystemExit) as end:
            main(["fit", *options, "--print_config"])
        assert end.value.code == 0
        assert "hidden_size: 192" in capsys.readouterr().out
    assert main(["compare", f"--config={DEMO}", "--arm=a=configs/none.yaml", "--output=o"]) == 2
    assert "configs/none.yaml: a config must be a file, found nothing" in capsys.readouterr().err


def test_a_config_in_the_current_folder_takes_precedence_over_the_shipped_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_config(DEMO) == str(SHIPPED / "experiment" / "demo.yaml")
    assert find_config("configs/experiment/mine.yaml") == "configs/experiment/mine.yaml"
    assert find_config("experiment/demo.yaml") == "experiment/demo.yaml"
    Path(DEMO).parent.mkdir(parents=True)
    Path(DEMO).touch()
    assert find_config(DEMO) == DEMO


def test_the_script_can_import_modules_from_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_part.py").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "argv", ["ner-lightning", "--help"])
    assert script() == 0
    assert sys.path[0] == str(tmp_path)
    assert entry_points(group="console_scripts", name="ner-lightning")


def test_the_package_reports_its_installed_version() -> None:
    assert ner_lightning.__version__ == version("ner-lightning")
