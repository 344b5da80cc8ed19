"""Every shipped config parses, and `base.yaml` says what the defaults are."""

import io
from contextlib import redirect_stdout
from pathlib import Path

import pytest
import yaml

from ner_lightning.commands.fit.command import main

ROOT = Path(__file__).parents[1]
CONFIGS = sorted(path.relative_to(ROOT / "configs") for path in (ROOT / "configs").rglob("*.yaml"))
PARTS = [
    "--data.corpus=ner_lightning.corpora.example_corpus.ExampleCorpus",
    "--model.encoder=ner_lightning.modeling.encoders.SmallBert",
]


UNDER = {"class_weights": ["--config", str(ROOT / "configs" / "loss" / "weighted.yaml")]}  # what an overlay lies on


def resolved(*arguments: str) -> dict:
    printed = io.StringIO()
    with redirect_stdout(printed), pytest.raises(SystemExit) as exit_info:
        main(["fit", *arguments, "--print_config"])
    assert exit_info.value.code == 0
    return yaml.safe_load(printed.getvalue())


def flat(config: dict, prefix: str = "") -> dict[str, object]:
    leaves: dict[str, object] = {}
    for key, value in config.items():
        leaves |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return leaves


def test_there_are_configs_of_every_axis() -> None:
    assert {path.parts[0] for path in CONFIGS} >= {
        "base.yaml",
        "experiment",
        "scheme",
        "encoder",
        "logger",
        "trainer",
        "adapter",
        "schedule",
        "fine_tuning",
        "train_share",
        "class_weights",
    }


@pytest.mark.parametrize("path", CONFIGS, ids=str)
def test_every_config_parses_and_is_taken_whole(path: Path) -> None:
    parts = [] if path.parts[0] == "experiment" else PARTS
    parts = [*parts, *UNDER.get(path.parts[0], [])]
    config = flat(resolved(*parts, "--config", str(ROOT / "configs" / path)))
    for key, value in flat(yaml.safe_load((ROOT / "configs" / path).read_text())).items():
        if key == "trainer.callbacks":
            assert [c["class_path"] for c in value] == [c["class_path"] for c in config[key]]
        else:
            assert config[key.removesuffix("+")] == value, key  # a plus appends to a list


def test_overlays_of_augmentation_add_up() -> None:
    overlays = [f"--config={ROOT / 'configs/augmentation' / name}.yaml" for name in ("typing", "mentions")]
    parts = resolved(*PARTS, *overlays)["data"]["augmentation"]
    assert [part["class_path"].rpartition(".")[2] for part in parts] == ["TypingNoise", "MentionReplacement"]


def test_base_holds_the_defaults() -> None:
    without = flat(resolved(*PARTS))
    assert flat(resolved(*PARTS, "--config", str(ROOT / "configs" / "base.yaml"))) == without


def test_a_scheme_overlay_changes_nothing_else() -> None:
    experiment = ["--config", str(ROOT / "configs/experiment/wnut17.yaml")]
    bio = flat(resolved(*experiment))
    bioes = flat(resolved(*experiment, "--config", str(ROOT / "configs/scheme/bioes.yaml")))
    differing = {key for key in bio.keys() | bioes.keys() if bio.get(key) != bioes.get(key)}
    assert differing == {"data.scheme.class_path"}
