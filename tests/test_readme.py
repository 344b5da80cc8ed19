"""What the README and the other pages promise is there, and its Python runs."""

import json
import re
import shlex
from itertools import chain
from pathlib import Path

import pytest
import yaml

from ner_lightning.__main__ import COMMANDS, main
from ner_lightning.commands import compare
from ner_lightning.commands.comparison_plan import parse_arm

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def test_the_two_commands_stand_first_and_are_make_targets() -> None:
    first = [line.split("#")[0].strip() for line in blocks("sh")[0].splitlines()]
    assert first == ["make demo", "make test"]
    makefile = (ROOT / "Makefile").read_text()
    assert all(
        re.search(rf"^{target}:", makefile, flags=re.MULTILINE) for target in ("demo", "test", "install", "check")
    )


def test_every_command_is_in_the_table_and_the_other_way_round() -> None:
    table = README.split("## Commands")[1].split("| run folder |")[0]
    assert set(COMMANDS) == {
        word for row in re.findall(r"^\| (`.*?)\|", table, re.M)[1:] for word in re.findall(r"`(\w+)[ `]", row)
    }


def test_every_file_that_is_named_exists() -> None:
    files = re.findall(r"(?:configs|sweeps)/[\w/]+\.(?:yaml|txt)", README)
    named = {*files, *re.findall(r"\]\(([\w/.]+)\)", README)}
    assert len(named) >= 5
    for path in named:
        assert (ROOT / path).exists() or (ROOT / f"{path}.md").exists(), path


def test_the_notebook_lines_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    code = blocks("python")[0]
    shown: list[object] = []
    exec(compile(code, "README.md", "exec"), {"print": shown.append})
    assert 0 <= float(shown[0]) <= 1  # type: ignore[arg-type]


def test_the_corpus_to_imitate_is_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    command = next(line for block in blocks("sh") for line in block.splitlines() if " convert " in line)
    assert main(shlex.split(command)[3:]) == 0
    assert sorted(path.name for path in (tmp_path / "example").iterdir()) == [
        "test.conll",
        "train.conll",
        "validation.conll",
    ]


def test_the_commands_for_own_data_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With the built-in corpus as one's own data, and a small encoder in place of the pretrained one."""
    monkeypatch.chdir(tmp_path)
    sizes = {"--from.num_train": "60", "--from.num_validation": "20", "--from.num_test": "20"}
    own = ["convert", "--from", "ExampleCorpus", *chain(*sizes.items()), "--to", "ColumnFiles", "--output", "my"]
    assert main(own) == 0
    config = yaml.safe_load(blocks("yaml")[0])
    config["model"]["encoder"] = {
        "class_path": "ner_lightning.modeling.encoders.SmallBert",
        "init_args": {"hidden_size": 32, "vocabulary_size": 300},
    }
    config["trainer"] = {"max_epochs": 1}
    Path("mine.yaml").write_text(yaml.safe_dump(config))
    Path("texts.txt").write_text("Marund Velski left Lake Tarnhaven.\n")
    section = README.split("## Your own data")[1].split("\n## ")[0]
    commands = re.findall(r"^python -m ner_lightning (.*)$", section, re.MULTILINE)[:-1]  # the last one is tested above
    assert [command.split()[0] for command in commands] == ["check", "fit", "evaluate", "predict"]
    for command in commands:
        assert main(shlex.split(command, comments=True)) == 0
    assert json.loads(Path("entities.jsonl").read_text())["text"] == "Marund Velski left Lake Tarnhaven."
    assert Path("review.jsonl").is_file()


def comparisons() -> list[list[str]]:
    """The arguments of every command that compares, wherever a user reads of it."""
    notebooks = (json.loads(path.read_text(encoding="utf-8"))["cells"] for path in ROOT.glob("notebooks/*.ipynb"))
    texts = [
        *blocks("text"),
        *(path.read_text(encoding="utf-8") for path in ROOT.glob("docs/**/*.md")),
        *("".join(cell["source"]) for cells in notebooks for cell in cells),
        compare.DESCRIPTION,
    ]
    lines = "\n".join(texts).replace("\\\n", "").splitlines()
    commands = [
        shlex.split(line, comments=True) for line in lines if re.match(r"\s*python -m ner_lightning compare ", line)
    ]
    return [command[4:] for command in commands]


def test_every_comparison_is_understood() -> None:
    found = [compare.parse(arguments) for arguments in comparisons()]
    assert len(found) >= 6
    for options in found:
        arms = [parse_arm(arm) for arm in options.arm]
        files = (*options.config, *chain(*options.grid), *(path for arm in arms for path in arm.overlays))
        assert all((ROOT / path).is_file() for path in files if path != "mine.yaml")  # the user's own
    assert [parse_arm(arm).name for arm in found[0].arm] == ["bio", "bioes"]


@pytest.mark.parametrize("command", COMMANDS)
def test_help_teaches(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_info:
        main([command, "--help"])
    assert exit_info.value.code == 0
    assert len(capsys.readouterr().out.splitlines()) > 10


def test_wrong_commands_end_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
