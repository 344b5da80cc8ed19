"""Tests that the commands, Python code and links in the README and the docs work."""

import json
import re
import shlex
import shutil
import tomllib
from itertools import chain
from pathlib import Path

import pytest
import yaml
from rich.console import Console

from ner_lightning.__main__ import COMMANDS, main
from ner_lightning.commands.check import CheckCLI
from ner_lightning.commands.compare.options import DESCRIPTION as COMPARE_HELP
from ner_lightning.commands.compare.options import CompareOptions, PageOptions
from ner_lightning.commands.compare.options import parse as parse_compare
from ner_lightning.commands.compare.resolved_arms import ConfigOnly
from ner_lightning.commands.fit.command import run_training
from ner_lightning.commands.fit.help import COMMANDS as TRAINING_COMMANDS
from ner_lightning.commands.fit.model_scores import take_model
from ner_lightning.corpora.formats import READERS
from ner_lightning.corpora.json_lines import JsonLines
from ner_lightning.evaluation.pages.score_tables import scores_table
from ner_lightning.evaluation.pages.tables import Table, print_table
from ner_lightning.evaluation.scores import Scores
from ner_lightning.metrics.span_counts import SpanCounts
from ner_lightning.quiet_libraries import silence_libraries
from support.command_line import TINY_RUN
from support.small_bundles import trained_bundle

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
OTHER_PAGES = ("CONTRIBUTING.md", "CHANGELOG.md", "benchmarks/README.md")
PAGES = [ROOT / "README.md", *(ROOT / name for name in OTHER_PAGES), *sorted(ROOT.glob("docs/**/*.md"))]
MAX_WORDS = 800  # of the README, outside code
MAX_IMAGE_BYTES = 200_000


def blocks(language: str, page: str = "README.md") -> list[str]:
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


def section(title: str) -> str:
    return README.split(f"## {title}\n")[1].split("\n## ")[0]


def commands_in(text: str) -> list[list[str]]:
    """Return the arguments of every command of this package in a text, however it is started."""
    lines = text.replace("\\\n", " ").splitlines()
    found = [re.search(rf"-m ner_lightning ((?:{'|'.join(COMMANDS)})\b.*)", line) for line in lines]
    return [shlex.split(match[1], comments=True) for match in found if match]


def page_commands() -> list[list[str]]:
    texts = [block for page in PAGES for block in blocks(r"(?:text|sh|bash)", str(page.relative_to(ROOT)))]
    return [command for text in texts for command in commands_in(text)]


def drawn(table: Table, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Return the lines of a table in a terminal of 80 columns."""
    capsys.readouterr()
    print_table(Console(width=80), table)
    return [line.rstrip() for line in capsys.readouterr().out.replace("\xa0", " ").splitlines()]


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the shipped configs and the README's `mine.yaml`, in which commands are run."""
    monkeypatch.chdir(tmp_path)
    for name in ("configs", "docs"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "mine.yaml").write_text(blocks("yaml")[0])
    return tmp_path


def test_the_readme_is_short() -> None:
    prose = re.sub(r"```.*?```|\]\([^)]*\)", "", README, flags=re.DOTALL)
    assert 500 < len(re.findall(r"[\w'.-]{2,}", prose)) <= MAX_WORDS
    assert len(re.findall(r"^\| .* \|$", README.split("## ")[0], re.MULTILINE)) - 1 == 6  # rows below the header


def test_the_two_make_commands_come_first_and_exist_in_the_makefile() -> None:
    first = [line.split("#")[0].strip() for line in blocks("sh")[0].splitlines()]
    assert first == ["make demo", "make test"]
    makefile = (ROOT / "Makefile").read_text()
    named = {target for page in PAGES for target in re.findall(r"\bmake ([a-z-]+)[ `\n]", page.read_text("utf-8"))}
    assert named >= {"demo", "test", "install", "check", "test-slow"}
    assert [target for target in named if not re.search(rf"^{target}:", makefile, re.MULTILINE)] == []


def test_every_extra_in_the_docs_exists() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    text = "\n".join(page.read_text("utf-8") for page in PAGES)
    named = {*re.findall(r"extra `(\w+)`", text), *",".join(re.findall(r"\.\[([\w,]+)\]", text)).split(",")}
    assert {"lora", "tensorboard"} <= named <= set(extras)
    assert all(extras.values())


def test_the_table_of_commands_lists_exactly_the_commands_that_exist() -> None:
    table = (ROOT / "docs/commands.md").read_text("utf-8").split("\n\n")[0]
    rows = re.findall(r"^\| (`.*?)\|", table, re.MULTILINE)[1:]
    assert set(COMMANDS) == {word for row in rows for word in re.findall(r"`(\w+)[ `]", row)}


def test_the_table_in_the_readme_is_drawn_as_the_demo_draws_it(capsys: pytest.CaptureFixture[str]) -> None:
    shown = blocks("text")[0].splitlines()
    cells = [line.strip("│").replace("│", " ").split() for line in shown if line.startswith("│")]
    counts = {
        name: SpanCounts(round(float(precision) / 100 * int(predicted)), int(predicted), int(gold))
        for name, precision, _, _, gold, predicted in cells[:4]
    }
    lines = drawn(scores_table(Scores(counts), shown[0]), capsys)
    assert shown[: len(lines)] == lines


def test_every_file_in_the_docs_exists() -> None:
    axes = "|".join(path.name for path in ROOT.glob("configs/*/"))
    named: set[Path] = set()
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        named |= {ROOT / name for name in re.findall(r"(?:configs|sweeps)/[\w/]+\.(?:yaml|txt)", text)}
        named |= {ROOT / "configs" / name for name in re.findall(rf"`((?:{axes})/\w+\.yaml)`", text)}
        for axis, options in re.findall(rf"`((?:{axes})/)\{{([\w,]+)\}}\.yaml`", text):
            named |= {ROOT / "configs" / axis / f"{option}.yaml" for option in options.split(",")}
        named |= {page.parent / name for name in re.findall(r"\]\(([\w/.]+)(?:#[\w-]+)?\)", text)}
    assert len(named) >= 60
    assert [path for path in named if not path.exists()] == []


def test_every_link_to_a_section_points_to_a_heading() -> None:
    found = 0
    for page in PAGES:
        for name, anchor in re.findall(r"\]\(([\w/.]*)#([\w-]+)\)", page.read_text("utf-8")):
            text = ((page.parent / name) if name else page).read_text("utf-8")
            headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
            found += 1
    assert found >= 4


def test_the_index_lists_every_page() -> None:
    index = (ROOT / "docs/index.md").read_text("utf-8")
    listed = {(ROOT / "docs" / name).resolve() for name in re.findall(r"\]\(([\w/.]+)(?:#[\w-]+)?\)", index)}
    assert {page for page in PAGES if page.name != "index.md"} <= listed
    assert set(ROOT.glob("notebooks/*.ipynb")) <= listed


def test_every_overlay_is_listed_among_the_options() -> None:
    options = (ROOT / "docs/options.md").read_text("utf-8")
    listed = set()
    for axis, names in re.findall(r"\| `([\w/]+?)(\w+|\{[\w,]+\})\.yaml`", options):
        listed |= {f"{axis}{name}.yaml" for name in names.strip("{}").split(",")}
    configs = {str(path.relative_to(ROOT / "configs")) for path in ROOT.glob("configs/*/*.yaml")}
    assert listed == {path for path in configs if not path.startswith(("experiment/", "corpus/", "logger/wandb_sweep"))}


def test_images_are_small() -> None:
    images = [ROOT / name for name in re.findall(r"!\[[^]]+\]\(([\w/.]+)\)", README)]
    assert [path.name for path in images] == ["comparison.png"]
    assert all(path.stat().st_size < MAX_IMAGE_BYTES for path in images)


def test_the_verdict_in_the_readme_is_in_the_results() -> None:
    (verdict,) = re.findall(r"^> (.*)$", README, re.MULTILINE)
    comparison = json.loads((ROOT / "docs/results/bc5cdr_schemes/comparison.viterbi.json").read_text("utf-8"))
    assert json.dumps(verdict) in json.dumps(comparison)


def test_the_python_code_in_the_readme_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    (code,) = blocks("python")
    assert len([line for line in code.splitlines() if line]) <= 12
    shown: list[object] = []
    exec(compile(code, "README.md", "exec"), {"print": shown.append})
    assert isinstance(shown[0], list)
    assert (tmp_path / "model" / "model.safetensors").is_file()


def test_the_commands_for_using_a_model_work_as_shown(
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


def test_every_form_of_json_lines_in_the_docs_is_read(tmp_path: Path) -> None:
    (forms,) = blocks("json", "docs/your_own_data.md")
    assert len(forms.splitlines()) == 3
    for number, form in enumerate(forms.splitlines()):
        path = tmp_path / f"{number}.jsonl"
        path.write_text(form)
        (sentence,) = JsonLines(train=str(path)).read().splits["train"]
        assert sentence.words == ("Bill", "left")
        assert [(entity.start, entity.end, entity.entity_type) for entity in sentence.entities] == [(0, 1, "PER")]


def test_the_docs_list_exactly_the_readers_of_exports_in_the_package() -> None:
    page = (ROOT / "docs" / "your_own_data.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `(\w+)` \|", page, flags=re.MULTILINE)
    assert set(listed) == {name for name, path in READERS.items() if ".tools." in path}


def test_the_generated_corpus_is_written_to_the_files_that_mine_yaml_names(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    (command,) = commands_in(blocks("sh")[1])
    assert main(command) == 0
    named = yaml.safe_load(blocks("yaml")[0])["data"]["corpus"]["init_args"]
    assert sorted(named.values()) == sorted(str(path) for path in Path("my").iterdir())


@pytest.mark.usefixtures("workplace")
def test_the_commands_for_your_data_run(capsys: pytest.CaptureFixture[str]) -> None:
    """Uses the built-in corpus as your data, and the encoder that the README suggests for use without a network."""
    sizes = {"--from.num_train": "60", "--from.num_validation": "20", "--from.num_test": "20"}
    own = ["convert", "--from", "ExampleCorpus", *chain(*sizes.items()), "--to", "ColumnFiles", "--output", "my"]
    assert main(own) == 0
    assert "{class_path: SmallBert}" in README
    config = yaml.safe_load(blocks("yaml")[0])
    config["model"]["encoder"] = {
        "class_path": "SmallBert",
        "init_args": {"hidden_size": 32, "vocabulary_size": 300},
    }
    config["trainer"] = {"max_epochs": 1}
    Path("mine.yaml").write_text(yaml.safe_dump(config))
    Path("texts.txt").write_text("Marund Velski left Lake Tarnhaven.\n")
    commands = [*commands_in(section("Train on your own data"))[:3], *commands_in(COMMANDS_PAGE)[:1]]
    assert [command[0] for command in commands] == ["check", "fit", "predict", "evaluate"]
    for command in commands:
        assert main(command) == 0
    assert json.loads(Path("entities.jsonl").read_text())["text"] == "Marund Velski left Lake Tarnhaven."
    assert Path("review.jsonl").is_file()
    assert blocks("text")[0].splitlines()[0] in capsys.readouterr().out
    score_another_file()


COMMANDS_PAGE = "\n".join(blocks("text", "docs/commands.md"))


def score_another_file() -> None:
    """Run the command from docs/using_a_model.md that scores another file."""
    shutil.copy("my/validation.conll", "other.conll")
    on_page = [command for text in blocks("text", "docs/using_a_model.md") for command in commands_in(text)]
    (command,) = [command for command in on_page if "runs/mine-on-other" in command]
    assert main(command) == 0
    assert Path("runs/mine-on-other/predictions/test.jsonl").is_file()


@pytest.mark.usefixtures("workplace")
def test_the_parser_accepts_every_training_command() -> None:
    """Not run, as most need an encoder or a corpus from the network, or several devices."""
    silence_libraries()
    parser = run_training(["fit", *TINY_RUN, "--run_dir=none"], ConfigOnly).parser
    commands = [c for c in page_commands() if c[0] in (*TRAINING_COMMANDS, "check") and "$RUN" not in c]
    commands = [c for c in commands if not any(part.startswith("my_package") or "runs/" in part for part in c)]
    assert len(commands) >= 12
    check_parser = CheckCLI(parser_kwargs={}, run=False, args=TINY_RUN).parser
    for command, *given in commands:
        model, options = take_model(given)
        encoder = [] if model is None else ["--model.encoder=SmallBert"]  # a saved model needs none
        arguments = [*options, *encoder]
        is_check = command == "check"
        parsed = check_parser.parse_args(arguments) if is_check else parser.parse_args(["fit", *arguments]).fit
        assert parsed.data.corpus is not None


def test_the_parser_accepts_every_comparison() -> None:
    notebooks = (json.loads(path.read_text(encoding="utf-8"))["cells"] for path in ROOT.glob("notebooks/*.ipynb"))
    cells = "\n".join("".join(cell["source"]) for cells in notebooks for cell in cells)
    commands = [*page_commands(), *commands_in(cells), *commands_in(COMPARE_HELP)]
    found = [parse_compare(command[1:]) for command in commands if command[0] == "compare"]
    assert len(found) >= 8
    for options in found:
        if isinstance(options, PageOptions):
            assert (ROOT / options.comparison).is_file()
        if isinstance(options, CompareOptions):
            files = (*options.configs, *(path for arm in options.arms for path in arm.overlays))
            assert all((ROOT / path).is_file() for path in files if path != "mine.yaml")  # a file of the user


def test_every_command_in_the_docs_is_tested_in_this_file() -> None:
    tested = {*TRAINING_COMMANDS, "check", "compare", "predict", "evaluate", "convert"}
    assert {command[0] for command in page_commands()} == tested - {"validate"}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_info:
        main([command, "--help"])
    assert exit_info.value.code == 0
    assert len(capsys.readouterr().out.splitlines()) > 10


def test_an_unknown_command_gives_an_error_of_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
