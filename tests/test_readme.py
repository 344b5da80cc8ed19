"""What the README and the other pages promise is there, and its Python runs."""

import json
import re
import shlex
import shutil
from itertools import chain
from pathlib import Path

import pytest
import yaml
from rich.console import Console

from ner_lightning.__main__ import COMMANDS, main
from ner_lightning.commands.compare import options as compare
from ner_lightning.commands.compare.options import CompareOptions, PageOptions
from ner_lightning.corpora.json_lines import JsonLines
from ner_lightning.evaluation.pages.score_tables import decoders_table, scores_table
from ner_lightning.evaluation.pages.tables import Table, print_table
from ner_lightning.evaluation.scores import Scores
from ner_lightning.metrics.span_counts import SpanCounts
from support.small_bundles import trained_bundle

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md")), ROOT / "benchmarks" / "README.md"]


def blocks(language: str, page: str = "README.md") -> list[str]:
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


def drawn(table: Table, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The lines of a table in a terminal of 80 columns."""
    capsys.readouterr()
    print_table(Console(width=80), table)
    return [line.rstrip() for line in capsys.readouterr().out.splitlines()]


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


def test_the_tables_of_the_demo_are_those_that_it_prints(capsys: pytest.CaptureFixture[str]) -> None:
    shown = blocks("text")[0].splitlines()
    cells = [line.strip("│").replace("│", " ").split() for line in shown if line.startswith("│")]
    counts = {
        name: SpanCounts(round(float(precision) / 100 * int(predicted)), int(predicted), int(gold))
        for name, precision, _, _, gold, predicted in cells[:4]
    }
    measures = ("f1", "f1_strict", "ill_formed")
    decoders = {
        name: dict(zip(measures, (float(value) / 100 for value in values), strict=True)) for name, *values in cells[5:]
    }
    for table in (scores_table(Scores(counts), shown[0]), decoders_table(decoders)):
        lines = drawn(table, capsys)
        first = shown.index(lines[0])
        assert shown[first : first + len(lines)] == lines


def test_every_file_that_is_named_exists() -> None:
    axes = "|".join(path.name for path in ROOT.glob("configs/*/"))
    named: set[Path] = set()
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        named |= {ROOT / name for name in re.findall(r"(?:configs|sweeps)/[\w/]+\.(?:yaml|txt)", text)}
        named |= {ROOT / "configs" / name for name in re.findall(rf"`((?:{axes})/\w+\.yaml)`", text)}
        named |= {page.parent / name for name in re.findall(r"\]\(([\w/.]+)(?:#[\w-]+)?\)", text)}
    assert len(named) >= 30
    for path in named:
        assert path.exists(), path


def test_the_notebook_lines_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    code = blocks("python")[0]
    shown: list[object] = []
    exec(compile(code, "README.md", "exec"), {"print": shown.append})
    assert 0 <= float(shown[0]) <= 1  # type: ignore[arg-type]


def test_a_model_is_used_as_the_page_shows(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    trained_bundle(tmp_path / "runs" / "mine" / "seed-0" / "model")
    capsys.readouterr()
    names: dict[str, object] = {}
    printed = []
    for code in blocks("python", "docs/using_a_model.md"):
        exec(compile(code, "using_a_model.md", "exec"), names)
        printed.append(capsys.readouterr().out)
    found, redacted, stock = printed
    assert [line.split()[:3] for line in found.splitlines()] == [
        ["0", "10", "Bill"],
        ["26", "35", "Microsoft"],
        ["39", "46", "Seattle"],
        ["48", "58", "Washington"],
    ]
    assert f"# {redacted}" in blocks("python", "docs/using_a_model.md")[1]
    assert "'PER'" in stock
    assert "'ORG'" in stock


def test_the_forms_of_json_lines_are_read(tmp_path: Path) -> None:
    for page in ("README.md", "docs/your_own_data.md"):
        (forms,) = blocks("json", page)
        assert len(forms.splitlines()) == 3
        for number, form in enumerate(forms.splitlines()):
            path = tmp_path / f"{number}.jsonl"
            path.write_text(form)
            (sentence,) = JsonLines(train=str(path)).read().splits["train"]
            assert sentence.words == ("Bill", "left")
            assert [(entity.start, entity.end, entity.entity_type) for entity in sentence.entities] == [(0, 1, "PER")]


@pytest.mark.parametrize("exported", ['"label": [[0, 4, "PER"]]', '"spans": [{"start": 0, "end": 4, "label": "PER"}]'])
def test_keys_are_renamed(exported: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert exported in (ROOT / "docs" / "your_own_data.md").read_text(encoding="utf-8")
    Path("exported.jsonl").write_text(f'{{"text": "Bill left", {exported}}}\n')
    (code,) = blocks("python", "docs/your_own_data.md")
    exec(compile(code, "your_own_data.md", "exec"), {})
    assert Path("train.jsonl").read_text() == blocks("json")[0].splitlines()[0] + "\n"


def test_the_corpus_to_imitate_is_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    command = next(line for block in blocks("sh") for line in block.splitlines() if " convert " in line)
    assert main(shlex.split(command)[3:]) == 0
    assert sorted(path.name for path in (tmp_path / "my").iterdir()) == [
        "test.conll",
        "train.conll",
        "validation.conll",
    ]


def test_the_commands_for_own_data_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
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
    printed = capsys.readouterr().out
    assert all(
        title in printed for title in blocks("text")[0].splitlines() if title.endswith(("seqeval", "by decoder"))
    )
    score_another_file()


def score_another_file() -> None:
    """As docs/using_a_model.md does, after a run."""
    shutil.copy("my/validation.conll", "other.conll")
    shown = next(block for block in blocks("text", "docs/using_a_model.md") if " test " in block)
    assert main(shlex.split(shown.replace("\\\n", ""))[3:]) == 0
    assert Path("runs/mine-on-other/predictions/test.jsonl").is_file()


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
    trained = [options for options in found if isinstance(options, CompareOptions)]
    for options in trained:
        files = (*options.configs, *(path for arm in options.arms for path in arm.overlays))
        assert all((ROOT / path).is_file() for path in files if path != "mine.yaml")  # the user writes this one
    assert [arm.name for arm in trained[0].arms] == ["bio", "bioes"]
    pages = [options for options in found if isinstance(options, PageOptions)]
    assert pages
    assert all((ROOT / options.comparison).is_file() for options in pages)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_teaches(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_info:
        main([command, "--help"])
    assert exit_info.value.code == 0
    assert len(capsys.readouterr().out.splitlines()) > 10


def test_wrong_commands_end_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
