"""Tests of `compare`: input that it rejects before training, and comparisons that are killed, fail and are resumed."""

import json
import re
import shutil
import sys
import time
from pathlib import Path

import psutil
import pytest

from ner_lightning.__main__ import main
from ner_lightning.commands.compare import runs as comparison_runs
from ner_lightning.commands.compare.options import CompareOptions, PageOptions, parse
from ner_lightning.commands.compare.plan import Arm
from ner_lightning.commands.compare.steps import threads_of
from ner_lightning.evaluation.comparison.scope import Scope
from support import forked_runs
from support.command_line import ROOT, TINY_RUN
from support.integration_runs import assert_same_run

PARTS = [option for option in TINY_RUN if option.startswith(("--data", "--model.encoder"))]
BIO = f"bio={ROOT / 'configs/scheme/bio.yaml'}"
BIOES = f"bioes={ROOT / 'configs/scheme/bioes.yaml'}"
OPTIONS = [*TINY_RUN, "--trainer.accelerator=cpu", "--save_every_n_steps=2"]


def errors(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "--output"),
        (["--output=o"], "nothing to compare: give arms with --arm or --grid, or finished runs with --runs"),
        (["--output=o", "--arm", BIO, "--workers=0"], "--workers must be at least 1, got 0"),
        (["--output=o", "--arm", BIO, "--workers=two"], "invalid int value: 'two'"),
        (["--output=o", "--arm", BIO, "--run_dir=x"], "compare sets --run_dir itself"),
        (["--output=o", "--arm", BIO, "--seed_everything", "3"], "--seeds chooses the seeds"),
        (["--output=o", "--runs", "r", "--arm", BIO], "--runs compares finished runs"),
        (
            ["--output=o", "--runs", "r", "--seeds=3"],
            "the only other options it accepts are --output, --split, --decoder and --types",
        ),
        (["--output=o", "--runs", "r", "--workers=3"], "--runs compares finished runs"),
        (["--output=o", "--runs", "r", "--retry"], "--runs compares finished runs"),
        (["--output=o", "--runs", "r", "--trainer.max_epochs=3"], "--runs compares finished runs"),
        (
            ["--page", "c.json", "--runs", "r"],
            "--page draws an earlier comparison; the only other option it accepts is",
        ),
        (["--page", "c.json", "--seeds=3"], "the only other option it accepts is --output"),
        (["--page", "c.json", "--decoder=argmax"], "the only other option it accepts is --output"),
        (["--page", "c.json"], "c.json"),
        (["--output=o", "--arm", BIO, "--seeds="], "--seeds must be a number"),
        (["--output=o", "--runs", "r", "--seeds="], "--runs compares finished runs"),
        (["--output=o", "--arm", "plan.json="], "must not end like a file name"),
        (["--output=o", "--arm", BIO, "--seeds=00"], "--seeds must be"),
        (["--output=o", "--runs", "missing"], "missing is not a folder"),
        (["--output=o", "--arm", "bio"], "an arm must be NAME=OVERLAY"),
        (["--output=o", "--arm", BIO, "--arm", BIO], "different names, got bio more than once"),
        (["--output=o", "--arm", BIO, "--seeds=none"], "--seeds must be"),
        (["--output=o", "--arm", "a=none.yaml"], "none.yaml: a config must be a file, found nothing"),
        (
            ["--output=o", "--grid", "a.yaml", "b.yaml", "--grid", "a.yaml", "--model.warmup_ratio", "0"],
            "a.yaml",
        ),
        (["--output=o", "--grid", "x/a.yaml", "y/a.yaml"], "different names, got a more than once"),
        (["--output=o", "--arm", f"a={ROOT / 'LICENSE'}"], "LICENSE:"),
        (["--output=o", "--arm", f"a={ROOT / 'pyproject.toml'}"], r"pyproject.toml:\d+: not valid YAML"),
        (["--output=o", "--arm", BIO, "--config=none.yaml", *PARTS], "none.yaml"),
        (["--output=o", "--arm", BIO, "--model.loss.gama=2", *PARTS], "gama"),
        (["--output=o", "--arm", BIO, "--arm", "same=", *PARTS], "must differ, but bio and same resolve to the same"),
        (["--output=o", "--arm", BIO, "--arm", BIOES, *PARTS, "--data.scheme=IO"], "bio and bioes resolve to the same"),
        (["--output=o", "--arm", BIO, *PARTS, "--data.corpus=ColumnFiles", "--data.corpus.train=no.conll"], "no.conll"),
        (
            [
                *("--output=o", "--arm", BIO, *PARTS, "--data.corpus=ColumnFiles"),
                *(f"--data.corpus.{split}={ROOT / 'tests/data/conll2003.conll'}" for split in ("train", "validation")),
            ],
            "compares on test, but the corpus has no test",
        ),
    ],
)
def test_wrong_input_is_reported_in_one_line_before_anything_is_trained(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["compare", *arguments]) == 2
    (error,) = errors(capsys)
    assert re.search(message, error)
    assert list(tmp_path.iterdir()) == []


def test_options_are_parsed_into_plain_values() -> None:
    trained = parse(
        ["--output=o", "--arm", "a=x.yaml,y.yaml", "--grid", "b.yaml", "--seeds=3,7", "--trainer.max_epochs=3"]
    )
    assert trained == CompareOptions(
        Path("o"),
        Scope("test"),
        arms=(Arm("a", ("x.yaml", "y.yaml")), Arm("b", ("b.yaml",))),
        seeds=(3, 7),
        fit_options=("--trainer.max_epochs=3",),
    )
    found = parse(["--output=o", "--runs", "r", "s", "--split=validation", "--decoder=argmax", "--types", "PER"])
    assert found == CompareOptions(Path("o"), Scope("validation", "argmax", ("PER",)), (Path("r"), Path("s")))
    assert parse(["--page", "r/comparison.json"]) == PageOptions(Path("r/comparison.json"), Path("r/comparison.html"))
    assert parse(["--page", "r/c.json", "--output", "o.html"]) == PageOptions(Path("r/c.json"), Path("o.html"))


CORPUS = "{{class_path: ExampleCorpus, init_args: {{num_train: {}, num_validation: 8, num_test: {}}}}}"


@pytest.mark.parametrize(
    ("overlay", "message"),
    [
        ("data: {entity_types: [PER, LOC]}", r"all and other differ in \d+ sentences of test, first in test-"),
        (f"data: {{corpus: {CORPUS.format(48, 9)}}}", r"all and other differ in \d+ sentences of test, first in test-"),
        (f"data: {{corpus: {CORPUS.format(40, 8)}}}", "no luck"),  # arms may differ in their training sentences
    ],
)
def test_arms_with_different_test_sets_are_rejected_before_anything_is_trained(
    overlay: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(comparison_runs, "FIT", (sys.executable, "-c", "raise SystemExit('error: no' + ' luck')"))
    (tmp_path / "all.yaml").write_text(f"data: {{corpus: {CORPUS.format(48, 8)}}}\nmodel: {{encoder: SmallBert}}")
    (tmp_path / "other.yaml").write_text(overlay)
    arms = [f"--config={tmp_path / 'all.yaml'}", "--arm", "all=", "--arm", f"other={tmp_path / 'other.yaml'}"]
    main(["compare", *arms, "--seeds=1", f"--output={tmp_path / 'output'}"])
    printed = capsys.readouterr().err
    assert re.search(message, printed), printed
    assert (tmp_path / "output").exists() == ("no luck" in printed)


@pytest.mark.parametrize(("split", "message"), [("test", "no luck"), ("validation", "every seed draws separately")])
def test_arms_may_hold_out_validation_sentences_but_are_not_compared_on_them(
    split: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(comparison_runs, "FIT", (sys.executable, "-c", "raise SystemExit('error: no' + ' luck')"))
    for name in ("train", "test"):
        rows = [{"words": ["a", "b"], "entities": [[0, 1, "PER"]]}] * 4
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    files = {name: str(tmp_path / f"{name}.jsonl") for name in ("train", "test")}
    data = {"corpus": {"class_path": "JsonLines", "init_args": files}, "validation_share": 0.5}
    (tmp_path / "held.yaml").write_text(json.dumps({"data": data, "model": {"encoder": "SmallBert"}}))
    (tmp_path / "other.yaml").write_text("model: {loss: FocalLoss}")
    arms = [f"--config={tmp_path / 'held.yaml'}", "--arm", "all=", "--arm", f"other={tmp_path / 'other.yaml'}"]
    main(["compare", *arms, "--seeds=1", f"--split={split}", f"--output={tmp_path / 'output'}"])
    printed = capsys.readouterr().err
    assert message in printed, printed


def test_an_output_folder_with_other_files_is_rejected(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "notes.txt").touch()
    assert main(["compare", "--arm", BIO, *PARTS, "--output", str(tmp_path)]) == 2
    (error,) = errors(capsys)
    assert "must be new, empty or the folder of a comparison" in error


def test_an_arm_may_have_any_name_when_its_comparison_is_resumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(comparison_runs, "FIT", (sys.executable, "-c", "raise SystemExit('error: no' + ' luck')"))
    for name in ("new", "no-run"):
        (tmp_path / name / "seed-0").mkdir(parents=True)
        (tmp_path / name / "seed-0.log").touch()
    (tmp_path / "plan.json").write_text('{"OMP_NUM_THREADS": "1"}')
    arms = ["--arm", f"new={ROOT / 'configs/scheme/bio.yaml'}", "--arm", f"no-run={ROOT / 'configs/scheme/bioes.yaml'}"]
    assert main(["compare", *PARTS, *arms, "--seeds=1", f"--output={tmp_path}"]) == 1
    printed = capsys.readouterr().err
    assert "must be empty or new" not in printed
    assert "no luck" in printed


def test_wandb_groups_runs_by_the_folder_even_if_it_is_the_current_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WANDB_RUN_GROUP", raising=False)
    show = "import os; raise SystemExit('error: ' + os.environ['WANDB_RUN_GROUP'])"
    monkeypatch.setattr(comparison_runs, "FIT", (sys.executable, "-c", show))
    output = tmp_path / "bio-vs-bioes"
    output.mkdir()
    monkeypatch.chdir(output)
    assert main(["compare", *PARTS, "--arm", BIO, "--seeds=1", "--output=."]) == 1
    assert json.loads((output / "bio" / "seed-0.failed").read_text())["failure"] == "bio-vs-bioes"


def test_a_comparison_keeps_its_number_of_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS")
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(4, 12)))  # as a scheduler assigns them
    assert threads_of(tmp_path / "shared", workers=1) == "8"
    assert threads_of(tmp_path / "shared", workers=3) == "2"  # no run has begun with the others
    (tmp_path / "shared" / "bio").mkdir()
    (tmp_path / "shared" / "bio" / "seed-0.log").touch()
    assert threads_of(tmp_path / "shared", workers=1) == "2"
    assert threads_of(tmp_path / "busy", workers=20) == "1"
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    assert threads_of(tmp_path / "given", workers=3) == "5"
    with pytest.raises(
        ValueError, match="shared was started with OMP_NUM_THREADS=2, which must be the same for all runs, got 5"
    ):
        threads_of(tmp_path / "shared", workers=3)
    monkeypatch.setenv("OMP_NUM_THREADS", "many")
    with pytest.raises(ValueError, match="OMP_NUM_THREADS must be a number of threads, got 'many'"):
        threads_of(tmp_path / "shared", workers=3)


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "2", "null", "{}", '{"OMP_NUM_THREADS": 2}', '{"OMP_NUM_THREADS": "-2"}', "[" * 100_000, "\xff"],
    ids=lambda content: content[:24],
)
def test_a_damaged_plan_is_reported_in_one_line(content: str, tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text(content, encoding="latin-1")
    with pytest.raises(
        ValueError, match=r'plan.json must be JSON of the form {"OMP_NUM_THREADS": "N"}, got .*'
    ) as info:
        threads_of(tmp_path, workers=1)
    assert "\n" not in str(info.value)


COMPARISON = ["compare", *OPTIONS, "--arm", BIO, "--arm", BIOES, "--workers=2"]


@pytest.fixture(scope="module")
def killed_comparison(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Kill a comparison together with one of its two runs, and complete it by a second start."""
    output = tmp_path_factory.mktemp("compare") / "output"
    command = [*COMPARISON, "--seeds=1", f"--output={output}"]
    first = forked_runs.start_command(output.with_name("first.output"), *command)
    deadline = time.monotonic() + 200
    while not (output / "bioes" / "seed-0" / "checkpoints" / "last.ckpt").exists():
        assert first.process.is_alive(), first.output.read_text()
        assert time.monotonic() < deadline
        time.sleep(0.005)
    children = psutil.Process(first.process.pid).children()
    first.process.kill()
    for child in children:
        if "bioes" in " ".join(child.cmdline()):
            child.kill()
    first.wait()
    assert not (output / "bioes" / "seed-0" / "training_entities.json").exists()
    status, printed = forked_runs.start_command(output.with_name("second.output"), *command).wait()
    assert status == 0, printed
    return output


def assert_equals_an_ordinary_run(comparison: Path, arm: str, seed: int, folder: Path) -> None:
    options = [*OPTIONS, f"--data.scheme={arm.upper()}", f"--seed_everything={seed}"]
    status, printed = forked_runs.run("fit", *options, "--run_dir", folder / f"{arm}-{seed}")
    assert status == 0, printed
    assert_same_run(comparison / arm / f"seed-{seed}", folder / f"{arm}-{seed}")


def test_a_killed_comparison_is_resumed_and_equals_ordinary_runs(killed_comparison: Path, tmp_path: Path) -> None:
    """The run that was killed with it is resumed from its checkpoint; the process of the other one is waited for."""
    for arm in ("bio", "bioes"):
        assert (killed_comparison / arm / "seed-0.log").read_text().count("run folder:") == 1  # completed only once
    assert_equals_an_ordinary_run(killed_comparison, "bioes", 0, tmp_path)


def test_runs_keep_the_names_of_their_arms_and_both_decoders_are_compared(
    killed_comparison: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for options in ([], ["--decoder=viterbi"]):
        assert main(["compare", "--runs", str(killed_comparison), *options, "--output", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert printed.count("bioes − bio = ") == 4
    assert printed.count("too few seeds for a verdict") == 4
    assert printed.count("Decoder viterbi") == 2
    assert {path.name for path in tmp_path.glob("*.json")} == {"comparison.json", "comparison.viterbi.json"}
    comparison = json.loads((tmp_path / "comparison.viterbi.json").read_text())
    assert {name: arm["decoder"] for name, arm in comparison["arms"].items()} == {"bio": "viterbi", "bioes": "viterbi"}


@pytest.mark.slow
def test_more_seeds_are_added_to_a_comparison(killed_comparison: Path, tmp_path: Path) -> None:
    kept = (killed_comparison / "bio" / "seed-0" / "run.json").read_bytes()
    assert main([*COMPARISON, "--seeds=2", f"--output={killed_comparison}"]) == 0
    assert (killed_comparison / "bio" / "seed-0" / "run.json").read_bytes() == kept
    for arm in ("bio", "bioes"):
        for seed in (0, 1):
            assert_equals_an_ordinary_run(killed_comparison, arm, seed, tmp_path)


def test_a_finished_comparison_is_reported_again_without_training(
    killed_comparison: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [*COMPARISON, "--seeds=1", f"--output={killed_comparison}"]
    assert main(command) == 0
    assert "2 runs: 2 finished, 0 to train" in capsys.readouterr().err
    assert main([*command, "--trainer.max_epochs=3"]) == 2
    (error,) = errors(capsys)
    assert "bio/seed-0 was trained with other settings than its arm has now: trainer.max_epochs (2, 3)" in error


def test_finished_runs_are_found_and_unfinished_ones_are_left_out(
    killed_comparison: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    unfinished = tmp_path / "started"
    unfinished.mkdir()
    for name in ("config.yaml", "metrics.csv"):
        shutil.copy(killed_comparison / "bio" / "seed-0" / name, unfinished)
    assert (
        main(["compare", "--runs", str(killed_comparison), str(tmp_path), "--output", str(tmp_path / "compared")]) == 0
    )
    assert f"left out, since it is not finished: {unfinished}" in capsys.readouterr().err
    assert main(["compare", "--runs", str(unfinished), "--output", str(tmp_path / "compared")]) == 2


def test_a_run_that_fails_is_reported_and_not_counted(
    killed_comparison: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    overlay = tmp_path / "broken.yaml"
    overlay.write_text("model: {fine_tuning: {frozen_layers: 99}}")
    arms = ["--arm", BIO, "--arm", f"broken={overlay}"]
    assert main(["compare", *OPTIONS, *arms, "--seeds=1", f"--output={killed_comparison}"]) == 1
    printed = capsys.readouterr()
    log = killed_comparison / "broken" / "seed-0.log"
    assert re.search(
        rf"not finished: broken seed 0: .*frozen_layers.* got 99 \(log: {re.escape(str(log))}\)", printed.err
    )
    assert "bio" in printed.out
    assert "broken" not in printed.out


def test_a_run_that_failed_at_its_start_is_tried_again_once_it_is_corrected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(comparison_runs, "FIT", (sys.executable, "-c", "raise SystemExit('error: no' + ' luck')"))
    command = ["compare", *PARTS, "--arm", BIO, "--seeds=1", f"--output={tmp_path / 'output'}"]
    assert main(command) == 1
    log = tmp_path / "output" / "bio" / "seed-0.log"
    corrected = [*command, "--model.optimizer.lr=0.5"]
    for _ in range(2):  # the second time, nothing is corrected any more
        assert main(corrected) == 1
        assert log.read_text().count("no luck") == 2
    checkpoint = tmp_path / "output" / "bio" / "seed-0" / "checkpoints" / "last.ckpt"
    checkpoint.parent.mkdir(parents=True)
    checkpoint.touch()
    capsys.readouterr()
    assert main(command) == 1  # results of training are thrown away only on request
    assert "use --retry to try again" in capsys.readouterr().err
    assert checkpoint.exists()


def test_a_failed_run_is_tried_again_only_on_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(comparison_runs, "FIT", (sys.executable, "-c", "raise SystemExit('error: no' + ' luck')"))
    command = ["compare", *PARTS, "--arm", BIO, "--seeds=2", f"--output={tmp_path}"]
    for options, num_tried in (([], 1), ([], 1), (["--retry"], 2)):
        assert main([*command, *options]) == 1
        printed = capsys.readouterr().err
        assert printed.count("not finished: bio seed") == 2
        assert printed.count("use --retry to try again") == 2 * (num_tried == 1 and "0 to train" in printed)
        logs = [(tmp_path / "bio" / f"seed-{seed}.log").read_text() for seed in (0, 1)]
        assert [log.count("no luck") for log in logs] == [num_tried, num_tried]
