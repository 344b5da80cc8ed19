"""Tests of errors about wrong settings: each says what must hold, what was given and what is allowed."""

from pathlib import Path

import pytest

from ner_lightning.__main__ import main
from support.command_line import TINY_RUN

PARTS = [argument for argument in TINY_RUN if argument.startswith(("--data", "--model.encoder"))]
CONFIGS = Path(__file__).parents[3] / "configs"
LOSSES = "CrossEntropyLoss, WeightedCrossEntropyLoss, FocalLoss, DiceLoss, CRFLoss"
WEIGHTS = f"--config={CONFIGS / 'class_weights' / 'balanced.yaml'}"


def error_of(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["check", *PARTS, *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line.removeprefix("error: ").removesuffix(" (see python -m ner_lightning check --help)")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ("--model.loss=FocalLos", f"model.loss must be one of {LOSSES} or null, got FocalLos; did you mean FocalLoss?"),
        ("--model.loss=torch.nn.Linear", f"model.loss must be one of {LOSSES} or null, got torch.nn.Linear"),
        ("--data.scheme=BILOU", "data.scheme must be one of IO, BIO, BIOES or null, got BILOU"),
        ("--model.schedule=lin", "model.schedule must be one of linear, cosine, constant, got lin"),
        ("--trainer.max_epochs=x", "trainer.max_epochs must be an integer or null, got x"),
        (
            "--data.entity_types=PER",
            "data.entity_types must be a list or a mapping or null, got PER; write a list as [PER]",
        ),
        (
            "--data.augmentation=MentionReplacement",
            "data.augmentation must be a list or null, got MentionReplacement; write a list as [MentionReplacement]",
        ),
        ("--trainer.callbacks+=EarlyStopping", "trainer.callbacks: EarlyStopping needs monitor"),
        ("--model.loss=WeightedCrossEntropyLoss", "model.loss: WeightedCrossEntropyLoss needs weights"),
        (
            "--model.loss=FocalLoss --model.loss.gama=1",
            "model.loss: FocalLoss accepts gamma, weights, got gama; did you mean gamma?",
        ),
        ("--model.loss=FocalLoss --model.loss.gamma=x", "model.loss.gamma must be a number, got x"),
        ("--model.loss=FocalLoss --model.loss.gamma=-1", "gamma must be a finite number of at least 0, got -1.0"),
        (
            "--model.loss=FocalLoss --model.loss.weights=Balancd",
            "model.loss.weights must be one of Balanced, InverseSqrt, EffectiveNumber, GivenWeights or null, "
            "got Balancd; did you mean Balanced?",
        ),
        (
            WEIGHTS,
            "model.loss: CrossEntropyLoss accepts label_smoothing, got weights; choose "
            "WeightedCrossEntropyLoss or FocalLoss first to set weights",
        ),
    ],
    ids=lambda value: value.rpartition("/")[2][:40],
)
def test_a_wrong_setting_is_named(arguments: str, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert error_of(capsys, *arguments.split()) == line


@pytest.mark.parametrize(
    ("argument", "end"),
    [
        ("--trainer.logger=wandb", "got wandb; did you mean WandbLogger?"),
        ("--model.optimizer.lr=x", "got x"),
        (
            "--data.entity_types=[PER, NO]",
            "got false; YAML reads NO, OFF and FALSE as false; put such names in quotes, for example 'NO'",
        ),
        ("--data.entity_types={PER: 1}", "got 1; YAML reads 1 as a number; put such names in quotes, for example '1'"),
        ("--model.encoder=[1]", "got [1]; for a pretrained model, set name_or_path of PretrainedEncoder"),
        ("--model.encoder=bert-base", "got bert-base; for a pretrained model, set name_or_path of PretrainedEncoder"),
    ],
)
def test_an_error_about_a_setting_mentions_no_python_types(
    argument: str, end: str, capsys: pytest.CaptureFixture[str]
) -> None:
    line = error_of(capsys, argument)
    assert line.startswith(f"{argument[2:].partition('=')[0]} must be ")
    assert line.endswith(end)
    assert not {"Namespace", "typing", "<class"} & set(line.replace("(", " ").split())


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("", "must contain settings, got an empty file"),
        ("- a", "must contain settings, got ['a']"),
        ("trainr: {}", "got trainr; did you mean trainer?"),
        ("training:\n  a: 1", "got training"),
        ("model:\n\tloss: 1", "mine.yaml:2: not valid YAML: found character"),
        ("model:\n  loss: 1\n bad: 2", "mine.yaml:3: not valid YAML:"),
    ],
)
def test_a_wrong_config_is_named(content: str, line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "mine.yaml"
    config.write_text(content)
    said = error_of(capsys, f"--config={config}")
    assert said.startswith(f"{config}")
    assert line in said
