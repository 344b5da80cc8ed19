"""Every shipped config parses, and `base.yaml` says what the defaults are."""

import io
from contextlib import redirect_stdout
from pathlib import Path

import datasets
import huggingface_hub
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


@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "configs" / "experiment").glob("*.yaml")))
def test_the_overlay_for_small_corpora_goes_with_every_experiment(name: str) -> None:
    experiment = [f"--config={ROOT / 'configs/experiment' / name}.yaml"]
    overlay = ROOT / "configs/trainer/small_corpus.yaml"
    plain, small = flat(resolved(*experiment)), flat(resolved(*experiment, f"--config={overlay}"))
    differing = {key for key in plain.keys() | small.keys() if plain.get(key) != small.get(key)}
    assert differing == flat(yaml.safe_load(overlay.read_text())).keys() & differing
    assert differing >= {"model.optimizer.init_args.lr", "trainer.callbacks", "trainer.max_epochs"}
    (stopping,) = small["trainer.callbacks"]
    assert stopping["class_path"] == "lightning.pytorch.callbacks.EarlyStopping"
    assert (stopping["init_args"]["monitor"], stopping["init_args"]["mode"]) == ("validation/f1", "max")


@pytest.mark.parametrize(
    ("configs", "missing", "advice"),
    [
        (
            ["experiment/wnut17"],
            "data/wnut17/train.conll: file not found",
            "get it from github.com/leondz/emerging_entities_17 "
            "(wnut17train.conll, emerging.dev.conll, emerging.test.annotated)",
        ),
        (
            ["experiment/bc5cdr"],
            "data/bc5cdr/train.bio.tsv: file not found",
            "get it from github.com/cambridgeltl/MTL-Bioinformatics-2016, folder data/BC5CDR-IOB "
            "(train.tsv, devel.tsv, test.tsv)",
        ),
        (
            ["experiment/conll2003", "corpus/conll2003_files"],
            "data/conll2003/eng.train: file not found",
            "get it from www.clips.uantwerpen.be/conll2003/ner (eng.train, eng.testa, eng.testb)",
        ),
        (
            ["experiment/conll2003"],
            "the hub cannot be reached",
            "put eng.train, eng.testa and eng.testb (www.clips.uantwerpen.be/conll2003/ner) into data/conll2003 "
            "and add --config configs/corpus/conll2003_files.yaml",
        ),
    ],
    ids=["wnut17", "bc5cdr", "conll2003_files", "conll2003"],
)
def test_a_missing_corpus_names_its_source_and_the_files_there(
    configs: list[str],
    missing: str,
    advice: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NER_LIGHTNING_DATA", raising=False)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    options = [f"--config={ROOT / 'configs' / name}.yaml" for name in configs]
    assert main(["fit", *options, "--trainer.accelerator=cpu"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert missing in error
    assert advice in error
