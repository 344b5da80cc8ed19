"""Tests of the benchmark of training options: it makes the right runs and the right tables."""

import json
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def recipe_options(benchmark, tmp_path: Path, *more: str):
    return benchmark("recipes").parse_arguments(["--encoder", "enc", "--runs", str(tmp_path / "runs"), *more])


def test_every_overlay_is_measured_separately(benchmark):
    recipes = benchmark("recipes")
    overlays = recipes.overlays_of(None)
    assert {"none", "adapter/lora", "schedule/cosine", "fine_tuning/moving_average"} <= set(overlays)
    assert len(overlays) == 1 + sum(len(list((ROOT / "configs" / axis).glob("*.yaml"))) for axis in recipes.AXES)


@pytest.mark.usefixtures("corpus_dir")
def test_the_settings_of_an_overlay_take_precedence_in_its_run(benchmark, tmp_path):
    recipes, column_data = benchmark("recipes"), benchmark("column_data")
    options = recipe_options(benchmark, tmp_path, "--learning_rate", "0.003", "--epochs", "2")
    files = column_data.corpus_files("wnut17")
    overlay = ROOT / "configs" / "adapter" / "lora.yaml"
    resolved = {}
    for name, path in (("plain", None), ("lora", overlay)):
        command = recipes.fit_command(options, files, path, 5, tmp_path / "run")
        done = subprocess.run([*command, "--print_config"], cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        resolved[name] = done.stdout
    for printed in resolved.values():
        for line in ("seed_everything: 5", "name_or_path: enc", "max_epochs: 2"):
            assert f"{line}\n" in printed
    assert "lr: 0.003\n" in resolved["plain"]
    assert "adapter: null\n" in resolved["plain"]
    assert "lr: 0.0005\n" in resolved["lora"]
    assert "rank: 16\n" in resolved["lora"]


@pytest.mark.usefixtures("corpus_dir")
def test_finished_runs_are_skipped_and_interrupted_ones_restarted(benchmark, tmp_path, monkeypatch):
    recipes = benchmark("recipes")
    begun: list[Path] = []

    def run_command(command: list[str], threads: int) -> str:  # noqa: ARG001
        run_dir = Path(command[command.index("--run_dir") + 1])
        assert not run_dir.exists()
        begun.append(run_dir)
        (run_dir / "predictions").mkdir(parents=True)
        row = {"id": "1", "document_id": None, "words": ["Ann"], "gold": [[0, 1, "PER"]], "predicted": []}
        for split in ("validation", "test"):
            row["predicted"] = [[0, 1, "PER", 0.5]] if split == "test" else []
            (run_dir / "predictions" / f"{split}.jsonl").write_text(json.dumps(row | {"predicted_tags": ["O"]}) + "\n")
        record = {"training_seconds": 2.0, "peak_memory_mib": 7, "parameters": {"trained": 3, "total": 5}}
        record |= dict.fromkeys(recipes.ORIGIN, "x")
        (run_dir / "run.json").write_text(json.dumps(record))
        by_decoder = {"argmax": {"f1": 1.0, "f1/PER": 1.0, "ill_formed": 0.0}}
        (run_dir / "predictions" / "test.decoders.json").write_text(json.dumps(by_decoder))
        (run_dir / recipes.LAST_FILE).write_text('{"Ann": {"PER": 1, "LOC": 2}}')
        return ""

    monkeypatch.setattr(recipes, "run_command", run_command)
    cosine = ROOT / "configs" / "schedule" / "cosine.yaml"
    few = ["--seeds", "3", "--limit", "1"]
    options = recipe_options(benchmark, tmp_path, *few)
    overlays = recipes.overlays_of([cosine])
    options.runs.mkdir()
    runs = recipes.measure_all(options, overlays)
    assert [(run.overlay, run.seed, run.validation_f1, run.test_f1) for run in runs] == [
        ("none", 3, 0.0, 1.0),
        ("schedule/cosine", 3, 0.0, 1.0),
    ]
    assert begun == [options.runs / name / "seed-3" for name in ("none", "schedule/cosine")]
    assert recipes.measure_all(options, overlays) == runs
    assert len(begun) == 2
    (begun[1] / recipes.LAST_FILE).unlink()
    assert recipes.measure_all(options, overlays) == runs
    assert begun[2:] == [options.runs / "schedule/cosine" / "seed-3"]

    monkeypatch.setattr(recipes, "require_encoder", lambda _: None)
    written = tmp_path / "runs.json"
    arguments = ["--encoder", "enc", "--runs", str(options.runs), *few, "--overlays", str(cosine)]
    assert recipes.main([*arguments, "--output", str(written)]) == 0
    content = json.loads(written.read_text())
    assert content["settings"]["limit"] == 1
    assert [recipes.Run(**run) for run in content["runs"]] == runs


def test_other_settings_and_missing_overlays_end_in_one_line(benchmark, tmp_path, capsys, monkeypatch):
    recipes = benchmark("recipes")
    monkeypatch.setattr(recipes, "require_encoder", lambda _: None)
    recipes.require_same_settings(recipe_options(benchmark, tmp_path))
    same = ["--encoder", "enc", "--runs", str(tmp_path / "runs")]
    assert recipes.main([*same, "--overlays", "missing.yaml"]) == 2
    assert recipes.main([*same, "--epochs", "9"]) == 2
    first, second = capsys.readouterr().err.splitlines()
    assert "missing.yaml is missing" in first
    assert "must be a new folder or have the same settings" in second


def test_the_tables_agree_with_a_calculation_by_hand(benchmark):
    recipes = benchmark("recipes")

    def decoders(f1: float) -> dict:
        return {"argmax": {"f1": f1, "f1/PER": f1 / 2, "ill_formed": 0.01}}

    runs = [
        recipes.Run("none", 0, 0.50, 0.40, "PER", 0.20, 10.0, 900, 2000, decoders(0.40), {}),
        recipes.Run("none", 1, 0.54, 0.44, "PER", 0.22, 30.0, 950, 2000, decoders(0.44), {}),
        recipes.Run("a/b", 1, 0.55, 0.43, "PER", 0.25, 10.0, 800, 30, decoders(0.43), {}),
    ]
    assert recipes.decoder_table(runs).splitlines() == [
        "| overlay | decoder | test F1 (%) | F1 of PER (%) | ill-formed (%) |",
        "| --- | --- | --- | --- | --- |",
        "| none | argmax | 42.00 ± 2.83 | 21.00 ± 1.41 | 1.00 ± 0.00 |",
        "| a/b | argmax | 43.00 | 21.50 | 1.00 |",
    ]
    assert recipes.f1_table(runs).splitlines() == [
        "| overlay | validation F1 (%) | change | test F1 (%) | change | F1 of PER (%) | change |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        "| none | 52.00 ± 2.83 | +0.00 | 42.00 ± 2.83 | +0.00 | 21.00 ± 1.41 | +0.00 |",
        "| a/b | 55.00 | +1.00 | 43.00 | -1.00 | 25.00 | +3.00 |",
    ]
    assert recipes.cost_table(runs).splitlines()[2:] == [
        "| none | 1.00 × | 950 | 2,000 |",
        "| a/b | 0.50 × | 800 | 30 |",
    ]
