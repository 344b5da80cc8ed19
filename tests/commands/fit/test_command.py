"""Tests of the commands `fit`, `test` and `check`: the files they write, and their errors about wrong input."""

import csv
import json
import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from transformers import AutoModelForTokenClassification, AutoTokenizer

from ner_lightning.__main__ import main
from ner_lightning.evaluation.scores import score
from ner_lightning.predictions import read_predictions
from ner_lightning.recognizer import EntityRecognizer
from ner_lightning.runs.folders import read_run
from ner_lightning.training.tagger import NERTagger
from support.command_line import TINY_RUN

CONFIGS = Path(__file__).parents[3] / "configs"
PARTS = [argument for argument in TINY_RUN if argument.startswith(("--data", "--model.encoder"))]
SIZES = [argument.replace("data.corpus", "from") for argument in PARTS if "num_" in argument and "corpus" in argument]


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "tiny"
    assert main(["fit", *TINY_RUN, "--run_dir", str(folder)]) == 0
    return folder


def test_the_run_folder_is_complete(run_dir: Path) -> None:
    found = {str(path.relative_to(run_dir)) for path in run_dir.rglob("*") if path.is_file()}
    assert found >= {
        "config.yaml",
        "run.json",
        "metrics.csv",
        "checkpoints/best.ckpt",
        "checkpoints/last.ckpt",
        "predictions/validation.jsonl",
        "predictions/test.jsonl",
        "training_entities.json",
        "report.html",
        "model/config.json",
        "model/ner_lightning.json",
    }
    record = json.loads((run_dir / "run.json").read_text())
    assert record["seed"] == 0
    assert record["padding"] == 1.0
    assert len(record["corpus_checksum"]) == 64
    assert record["coverage"]["test"]["words"] == sum(
        len(sentence.words) for sentence in read_predictions(run_dir / "predictions" / "test.jsonl")
    )


def test_metrics_contain_every_epoch_and_no_times(run_dir: Path) -> None:
    header, *rows = (run_dir / "metrics.csv").read_text().splitlines()
    columns = header.split(",")
    assert {"train/loss", "train/loss_epoch", "validation/f1", "validation/f1_strict", "test/f1"} <= set(columns)
    f1 = [row.split(",")[columns.index("validation/f1")] for row in rows]
    assert len([score for score in f1 if score]) == 3  # two epochs, and the best checkpoint at the end


def test_check_counts_the_optimizer_steps_that_fit_takes(run_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", *TINY_RUN, "--format", "json"]) == 0
    report = report_of(capsys)
    assert report["optimizer_steps"] == json.loads((run_dir / "run.json").read_text())["steps"] == 12
    (warning,) = (line for line in report["warnings"] if "optimizer steps" in line)
    assert "--config configs/trainer/small_corpus.yaml" in warning
    assert main(["check", *TINY_RUN, "--trainer.max_epochs=50", "--trainer.accumulate_grad_batches=5"]) == 0
    printed = capsys.readouterr().out
    assert "A run with this configuration takes 100 optimizer steps.\n" in printed
    assert main(["check", *TINY_RUN, "--trainer.max_epochs=50", "--format", "json"]) == 0
    assert not any("optimizer steps" in line for line in report_of(capsys)["warnings"])


def test_stock_tools_load_the_bundle(run_dir: Path) -> None:
    network = AutoModelForTokenClassification.from_pretrained(run_dir / "model")
    tokenizer = AutoTokenizer.from_pretrained(run_dir / "model")
    assert network.config.id2label[1] == "B-LOC"
    with torch.inference_mode():
        logits = network(**tokenizer("Anna left .", return_tensors="pt")).logits
    assert logits.shape[-1] == 9
    assert isinstance(EntityRecognizer.from_pretrained(run_dir / "model")("Anna Berg left Oslo."), list)


def test_the_saved_config_of_a_moved_run_tests_the_best_checkpoint_to_the_same_predictions(
    run_dir: Path, tmp_path: Path
) -> None:
    names = ("predictions/test.jsonl", "predictions/test.argmax.jsonl", "report.html")
    moved = shutil.copytree(run_dir, tmp_path / "moved")
    for name in names:
        (moved / name).unlink()
    checkpoint = moved / "checkpoints" / "best.ckpt"
    assert main(["test", "--config", str(moved / "config.yaml"), "--ckpt_path", str(checkpoint)]) == 0
    assert [(moved / name).read_bytes() for name in names] == [(run_dir / name).read_bytes() for name in names]


@pytest.mark.parametrize(
    ("overlays", "precision"),
    [
        (["loss/weighted.yaml"], "bf16-mixed"),
        (["loss/focal.yaml"], "32-true"),
        (["loss/dice.yaml", "decoder/argmax.yaml"], "bf16-mixed"),
        (["loss/crf.yaml"], "bf16-mixed"),
    ],
    ids=lambda value: value if isinstance(value, str) else value[0],
)
def test_every_loss_trains_and_its_bundle_predicts_the_same_as_the_run(
    overlays: list[str], precision: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    configs = [part for overlay in overlays for part in ("--config", str(CONFIGS / overlay))]
    small = ["--data.corpus.num_train=48", "--trainer.max_epochs=1", "--data.scheme=BIOES"]
    small.append(f"--trainer.precision={precision}")
    assert main(["fit", *configs, *TINY_RUN, *small, "--run_dir", str(tmp_path)]) == 0
    printed = capsys.readouterr()
    record = json.loads((tmp_path / "run.json").read_text())
    assert (record["class_weights"] is not None) == (overlays == ["loss/weighted.yaml"])
    if record["class_weights"]:
        assert f"O {record['class_weights']['O']:.3g}" in printed.err
    by_decoder = json.loads((tmp_path / "predictions" / "test.decoders.json").read_text())
    assert "viterbi" in printed.out
    assert by_decoder["viterbi"]["ill_formed"] == 0.0
    report = (tmp_path / "report.html").read_text()
    (table,) = re.findall(r"<figcaption>The same model by decoder.*?</table>", report, re.DOTALL)
    assert all(f">{100 * scores['f1']:.2f}<" in table for scores in by_decoder.values())
    chosen, other = ("argmax", "viterbi") if "decoder/argmax.yaml" in overlays else ("viterbi", "argmax")
    assert (tmp_path / "predictions" / f"test.{other}.jsonl").is_file()
    assert not (tmp_path / "predictions" / f"test.{chosen}.jsonl").exists()
    tagger = NERTagger.load_from_checkpoint(tmp_path / "checkpoints" / "best.ckpt")
    recognizer = EntityRecognizer.from_pretrained(tmp_path / "model")
    assert type(tagger.decoder) is type(recognizer.settings.decoder)
    assert by_decoder[chosen]["f1"] == recognizer.settings.scores["test/f1"]
    run = read_run(tmp_path)
    for split in ("validation", "test"):
        for decoder, scores in json.loads((tmp_path / "predictions" / f"{split}.decoders.json").read_text()).items():
            assert score(run.predictions(split, decoder)).overall.f1 == pytest.approx(scores["f1"], abs=1e-12)
    written = list(read_predictions(tmp_path / "predictions" / "test.jsonl"))
    found = recognizer.recognize_words([sentence.words for sentence in written])
    assert any(found)
    assert [sentence.predicted for sentence in written] == found
    if overlays == ["loss/crf.yaml"]:
        transitions = tagger.objective.transitions
        assert transitions is not None
        assert recognizer.transitions is not None
        assert torch.equal(transitions.inner, recognizer.transitions.inner)
        assert transitions.inner.nan_to_num(neginf=0).abs().max() > 0.01  # learned from the corpus


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data.corpus=ColumnFiles", "--data.corpus.train=missing.conll"], "missing.conll"),
        (["--model.encoder=PretrainedEncoder", "--model.encoder.name_or_path=no/such"], "no/such"),
        (["--model.warmup_ratio=2"], "between 0 and 1"),
        (["--model.warmup=2"], "warmup"),
        (["--data.batches.max_windows=four"], "four"),
        (["--trainer.limit_val_batches=2"], "limit_val_batches must be 1.0, or 0 to skip the split, got 2:"),
        (["--trainer.limit_val_batches=1"], "limit_val_batches must be 1.0, or 0 to skip the split, got 1:"),
        (["--trainer.limit_test_batches=0.5"], "limit_test_batches must be 1.0, or 0 to skip the split, got 0.5:"),
        (["--trainer.overfit_batches=2"], "overfit_batches must be 0, got 2: scores are computed on whole splits"),
        (
            ["--trainer.val_check_interval=2"],
            "val_check_interval must be 1.0, got 2: the best checkpoint is chosen at the end of an epoch",
        ),
        (["--trainer.val_check_interval=00:01:00:00"], "val_check_interval must be 1.0, got '00:01:00:00':"),
    ],
)
def test_wrong_input_ends_in_one_line(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert main(["fit", *TINY_RUN, *arguments, "--run_dir", str(tmp_path / "run")]) == 2
    error = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error:")]
    assert len(error) == 1
    assert message in error[0]


def test_a_run_that_ends_within_an_epoch_is_validated_and_scored(tmp_path: Path) -> None:
    """This also holds if the user has another checkpoint callback, with a different best checkpoint."""
    run_dir = tmp_path / "run"
    others = ["--trainer.callbacks+=ModelCheckpoint", "--trainer.callbacks.monitor=validation/loss"]
    options = ["--trainer.max_steps=2", *others, f"--trainer.callbacks.dirpath={tmp_path / 'others'}"]
    assert main(["fit", *TINY_RUN, *options, "--run_dir", str(run_dir)]) == 0
    with (run_dir / "metrics.csv").open(newline="") as file:
        scores = [float(row["validation/f1"]) for row in csv.DictReader(file) if row["validation/f1"]]
    assert len(scores) == 2  # at the end of training, and of the best checkpoint
    record = json.loads((run_dir / "run.json").read_text())
    assert (record["steps"], [record["best_checkpoint_score"]] * 2) == (2, scores)
    assert read_run(run_dir).predictions("test")
    assert list((tmp_path / "others").iterdir())
    assert main(["fit", *TINY_RUN, *options, "--run_dir", str(run_dir), "--ckpt_path", "last"]) == 0
    assert json.loads((run_dir / "run.json").read_text())["best_checkpoint_score"] == scores[0]


def test_training_on_a_small_corpus_ends_when_validation_f1_no_longer_rises(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The learning rate is so low that F1 does not change after the first epoch."""
    overlay = CONFIGS / "trainer" / "small_corpus.yaml"
    options = [f"--config={overlay}", "--model.optimizer.lr=1e-9", "--data.corpus.num_train=24"]
    assert main(["fit", *TINY_RUN, *options, f"--run_dir={tmp_path}"]) == 0
    settings = yaml.safe_load(overlay.read_text())
    steps_per_epoch = 24 // settings["data"]["batches"]["max_windows"]
    patience = settings["trainer"]["callbacks"][0]["init_args"]["patience"]
    record = json.loads((tmp_path / "run.json").read_text())
    assert record["steps"] == steps_per_epoch * (1 + patience)
    assert f"optimizer steps: {steps_per_epoch * settings['trainer']['max_epochs']}\n" in capsys.readouterr().err


def test_a_run_without_a_best_checkpoint_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--trainer.limit_val_batches=0", "--trainer.max_steps=1", "--run_dir", str(tmp_path / "run")]
    assert main(["fit", *TINY_RUN, *options]) == 2
    assert f"so {tmp_path / 'run'} has no best checkpoint" in capsys.readouterr().err


def test_a_refused_start_does_not_block_the_corrected_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["fit", *TINY_RUN, "--trainer.max_steps=1", "--run_dir", str(tmp_path / "run")]
    assert main([*options, "--trainer.limit_train_batches=0"]) == 2  # noticed after config.yaml is written
    assert "has no best checkpoint" in capsys.readouterr().err
    assert not list((tmp_path / "run").iterdir())
    assert main(options) == 0


def test_a_used_folder_without_a_checkpoint_is_kept_and_not_offered_for_resuming(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "notes.txt").touch()
    assert main(["fit", *TINY_RUN, "--run_dir", str(tmp_path)]) == 2
    assert f"got {tmp_path}; it has no run to resume, so choose another with --run_dir" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_trial_of_a_few_batches_leaves_no_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_dir = tmp_path / "run"
    assert main(["fit", *TINY_RUN, "--trainer.fast_dev_run=true", "--run_dir", str(run_dir)]) == 0
    assert "fast_dev_run only tries a few batches: nothing was saved\n" in capsys.readouterr().err
    assert not run_dir.exists()
    assert main(["test", *TINY_RUN, "--trainer.fast_dev_run=true", "--run_dir", str(run_dir)]) == 2
    assert "fast_dev_run works only with fit, not with test" in capsys.readouterr().err


def test_a_run_without_a_test_split_ends_with_the_commands_to_continue_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The config names only the training file, the validation file and the encoder."""
    monkeypatch.chdir(tmp_path)
    sizes = ["--from.num_train=40", "--from.num_validation=10", "--from.num_test=10"]
    assert main(["convert", "--from", "ExampleCorpus", *sizes, "--to", "ColumnFiles", "--output", "my files"]) == 0
    corpus = {"train": "my files/train.conll", "validation": "my files/validation.conll"}
    encoder = {"hidden_size": 16, "num_heads": 2, "num_layers": 1, "vocabulary_size": 200}
    config = {
        "data": {"corpus": {"class_path": "ColumnFiles", "init_args": corpus}},
        "model": {"encoder": {"class_path": "SmallBert", "init_args": encoder}},
    }
    Path("my own.yaml").write_text(yaml.safe_dump(config))
    assert main(["fit", "--config", "my own.yaml"]) == 0
    *_, folder, evaluate, predict, compare = capsys.readouterr().err.splitlines()
    assert folder == "run folder: runs/my own/seed-0"
    commands = [shlex.split(line.partition("python -m ner_lightning ")[2]) for line in (evaluate, predict, compare)]
    assert commands == [
        ["evaluate", "runs/my own/seed-0/predictions/validation.jsonl"],
        ["predict", "--model", "runs/my own/seed-0/model", "--input", "texts.txt", "--output", "entities.jsonl"],
        ["compare", "--runs", "runs/my own/seed-0", "OTHER_RUN", "--output", "runs/compared", "--split", "validation"],
    ]
    assert main(commands[0]) == 0
    Path("texts.txt").write_text("Anna Berg left Oslo.\n")
    assert main(commands[1]) == 0
    assert Path("entities.jsonl").is_file()
    assert main(["fit", "--config", "my own.yaml", "--run_dir", "OTHER_RUN", "--seed_everything=1"]) == 0
    assert main(commands[2]) == 0


def test_repeat_factors_are_printed_and_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--data.batches.repeat_threshold=1.0", "--trainer.max_steps=1", "--run_dir", str(tmp_path / "run")]
    assert main(["fit", *TINY_RUN, *options]) == 0
    factors = json.loads((tmp_path / "run" / "run.json").read_text())["repeat_factors"]
    assert set(factors) == {"LOC", "MISC", "ORG", "PER"}
    assert min(factors.values()) > 1
    line = ", ".join(f"{kind} {factor:.3g}" for kind, factor in factors.items())
    assert f"repeat factors: {line}\n" in capsys.readouterr().err


def test_a_training_share_is_printed_and_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_dir = tmp_path / "run [1] :100:"  # must not be printed as markup or emoji
    options = ["--data.train_share=0.25", "--trainer.max_epochs=1", "--run_dir", str(run_dir)]
    assert main(["fit", *TINY_RUN, *options]) == 0
    said = capsys.readouterr().err
    assert "learns from 24 of 96 training sentences\n" in said
    assert f"run folder: {run_dir}\n" in said
    assert json.loads((run_dir / "run.json").read_text())["training_sentences"] == 24
    assert yaml.safe_load((run_dir / "config.yaml").read_text())["data"]["train_share"] == 0.25
    annotated = json.loads((run_dir / "training_entities.json").read_text())
    assert main(["check", *PARTS, "--data.train_share=0.25", "--format", "json"]) == 0
    train = report_of(capsys)["splits"]["train"]
    assert train["num_sentences"] == 24
    assert sum(train["entities_by_type"].values()) == sum(sum(counts.values()) for counts in annotated.values())


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["test"], "test needs --ckpt_path: the path of a checkpoint, or best or last for a checkpoint in --run_dir"),
        (
            ["validate", "--ckpt_path=best"],
            "--ckpt_path best: {run_dir}/checkpoints/best.ckpt is missing; set --run_dir to the folder of a run",
        ),
        (["fit", "--ckpt_path=best"], "--ckpt_path of fit must be last or the path of a checkpoint, got best"),
        (["fit", "--trainer.max_epoch=1"], "unrecognized arguments: --trainer.max_epoch=1"),
        (["check", "--model.head_learn=2"], "unrecognized arguments: --model.head_learn=2"),
    ],
)
def test_options_must_be_complete_and_spelled_out(
    arguments: list[str], line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([arguments[0], *PARTS, f"--run_dir={tmp_path / 'none'}", *arguments[1:]]) == 2
    assert f"error: {line.format(run_dir=tmp_path / 'none')}" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["best", "last"])
def test_the_checkpoints_of_a_run_are_scored_by_name(
    name: str, run_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = shutil.copytree(run_dir, tmp_path / "copy")
    (copy / "predictions" / "test.jsonl").unlink()
    other = "last" if name == "best" else "best"
    (copy / "checkpoints" / f"{other}.ckpt").unlink()
    assert main(["test", *TINY_RUN, "--ckpt_path", name, "--run_dir", str(copy)]) == 0
    assert "DataLoader 0" not in capsys.readouterr().out  # Lightning's own table, in other units
    assert read_run(copy).predictions("test")


def test_a_run_folder_for_a_bundle_points_to_its_model(run_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--input", "-", "--output", "-"]
    assert main(["predict", "--model", str(run_dir), *options]) == 2
    expected = f"is not a bundle: model.safetensors is missing; did you mean {run_dir / 'model'}?"
    assert expected in capsys.readouterr().err


def test_words_are_not_accepted_as_text(run_dir: Path) -> None:
    recognizer = EntityRecognizer.from_pretrained(run_dir / "model")
    words: Any = [["Anna", "left"]]
    with pytest.raises(TypeError, match=r"must be a string, got .'Anna', 'left'.; use recognize_words"):
        recognizer(words)


@pytest.mark.parametrize("command", ["fit", "validate", "test", "check"])
def test_help_begins_with_the_command_and_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main([command, "--help"])
    assert end.value.code == 0
    said = capsys.readouterr().out
    assert said.startswith(f"usage: python -m ner_lightning {command} --config FILE")
    assert f"\n  python -m ner_lightning {command} --config configs/experiment/demo.yaml" in said[:600]


def test_the_number_of_epochs_must_exceed_that_of_the_checkpoint(
    run_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = shutil.copytree(run_dir, tmp_path / "copy")
    again = ["fit", *TINY_RUN, "--run_dir", str(copy), "--ckpt_path=last"]
    assert main([*again, "--trainer.max_epochs=1"]) == 2
    line = "error: trainer.max_epochs must be more than the 2 epochs that the checkpoint was trained for, got "
    assert f"{line}1\n" in capsys.readouterr().err
    assert (copy / "training_entities.json").exists()  # it is still finished
    other = ["--run_dir", str(tmp_path / "new"), "--ckpt_path", str(run_dir / "checkpoints" / "last.ckpt")]
    assert main(["fit", *TINY_RUN, *other]) == 2
    assert f"{line}2\n" in capsys.readouterr().err
    assert main(["fit", *TINY_RUN, "--trainer.max_epochs=0", "--run_dir", str(tmp_path / "none")]) == 2
    assert "trainer.max_epochs must be at least 1, or -1 for no limit, got 0" in capsys.readouterr().err


def report_of(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    printed = capsys.readouterr().out
    report: dict[str, Any] = json.loads(printed[printed.index("{") :])
    return report


def test_check_reports_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", *PARTS, "--format", "json"]) == 0
    assert set(report_of(capsys)["splits"]) == {"train", "validation", "test"}


def test_a_corpus_without_validation_is_refused_until_a_share_is_held_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sentences = [{"words": [f"w{number}", "x"], "entities": [[0, 1, "PER"]], "id": f"{number}"} for number in range(10)]
    (tmp_path / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in sentences))
    encoder = [
        *(part for part in PARTS if "encoder" in part),
        "--data.corpus=JsonLines",
        f"--data.corpus.train={tmp_path / 'train.jsonl'}",
    ]
    command = ["fit", *encoder, "--trainer.max_epochs=1", "--run_dir", str(tmp_path / "run")]
    assert main(command) == 2
    assert "data.validation_share: 0.1 holds out a share of train" in capsys.readouterr().err
    assert main([*command, "--data.validation_share=0.3"]) == 0
    predicted = read_predictions(tmp_path / "run" / "predictions" / "validation.jsonl")
    assert len(predicted) == 3
    assert json.loads((tmp_path / "run" / "run.json").read_text())["training_sentences"] == 7
    assert main(["check", *encoder, "--data.validation_share=0.3", "--format", "json"]) == 0
    assert report_of(capsys)["splits"]["validation"]["num_sentences"] == 3


def test_a_checkpoint_is_scored_without_training_data(tmp_path: Path, run_dir: Path) -> None:
    """The tags and the vocabulary come from the checkpoint, so the predictions are the same."""
    assert main(["convert", "--from", "ExampleCorpus", *SIZES, "--to", "ColumnFiles", "--output", str(tmp_path)]) == 0
    corpus = ["--data.corpus=ColumnFiles", f"--data.corpus.test={tmp_path / 'test.conll'}"]
    encoder = [part for part in PARTS if "encoder" in part]
    checkpoint = f"--ckpt_path={run_dir / 'checkpoints' / 'best.ckpt'}"
    assert main(["test", *corpus, *encoder, checkpoint, "--run_dir", str(tmp_path / "scored")]) == 0
    found, expected = (
        read_predictions(folder / "predictions" / "test.jsonl") for folder in (tmp_path / "scored", run_dir)
    )
    assert [s.predicted for s in found] == [s.predicted for s in expected]
    assert (tmp_path / "scored" / "report.html").is_file()
