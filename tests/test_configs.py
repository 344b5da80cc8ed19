"""Tests that every shipped config parses and takes effect, and that `base.yaml` lists the defaults."""

import io
import json
import pkgutil
import re
import subprocess
import sys
from contextlib import redirect_stdout
from importlib import import_module
from inspect import isabstract
from pathlib import Path

import datasets
import huggingface_hub
import pytest
import yaml

import ner_lightning
from ner_lightning.commands.fit.command import main
from ner_lightning.corpora.reader import CorpusReader
from ner_lightning.encoding.augmentation import Augmentation
from ner_lightning.modeling.adapters import Adapter
from ner_lightning.modeling.class_weights import ClassWeights
from ner_lightning.modeling.decoders import Decoder
from ner_lightning.modeling.encoders import Encoder
from ner_lightning.modeling.losses import Loss
from ner_lightning.schemes import LabelScheme

ROOT = Path(__file__).parents[1]
CONFIGS = sorted(path.relative_to(ROOT / "configs") for path in (ROOT / "configs").rglob("*.yaml"))
PARTS = ["--data.corpus=ExampleCorpus", "--model.encoder=SmallBert"]
BELOW = {
    "class_weights": ["--config", str(ROOT / "configs" / "loss" / "weighted.yaml")]
}  # configs that an overlay needs
BASES = (CorpusReader, Augmentation, Adapter, ClassWeights, Decoder, Encoder, Loss, LabelScheme)


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


def short(value: object) -> object:
    """Return a value with classes named as in configs, without their modules."""
    if isinstance(value, list):
        return [short(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {k: v.rpartition(".")[2] if k == "class_path" and v else short(v) for k, v in value.items()}


def test_there_are_configs_for_every_axis() -> None:
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
        "context",
        "class_weights",
    }


@pytest.mark.parametrize("path", CONFIGS, ids=str)
def test_every_config_parses_and_all_its_keys_take_effect(path: Path) -> None:
    parts = [] if path.parts[0] == "experiment" else PARTS
    parts = [*parts, *BELOW.get(path.parts[0], [])]
    config = flat(short(resolved(*parts, "--config", str(ROOT / "configs" / path))))
    for key, value in flat(yaml.safe_load((ROOT / "configs" / path).read_text())).items():
        if key == "trainer.callbacks":
            assert [c["class_path"] for c in value] == [c["class_path"] for c in config[key]]
        else:
            assert config[key.removesuffix("+")] == value, key  # a plus appends to a list


def test_shipped_files_refer_to_classes_without_their_modules() -> None:
    """Modules may then move without breaking any config; only custom classes need their modules."""
    shipped = [
        *(ROOT / "configs" / path for path in CONFIGS),
        *ROOT.glob("sweeps/*.yaml"),
        *ROOT.glob("notebooks/*.ipynb"),
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/**/*.md"),
    ]
    named = [name for path in shipped for name in re.findall(r"class_path: *([\w.]+)", path.read_text("utf-8"))]
    assert len(named) > 30
    assert [name for name in named if "." in name and not name.startswith("my_")] == []


def test_every_part_is_found_by_its_short_name() -> None:
    """The command line finds all readers and the classes that it imports; other tests may have imported more here."""
    listing = """
import json, sys
from ner_lightning.commands.fit.parts_cli import import_readers
import_readers()
print(json.dumps(sorted(sys.modules)))"""
    listed = subprocess.run([sys.executable, "-c", listing], cwd=ROOT, capture_output=True, text=True, check=True)
    for module in pkgutil.walk_packages(ner_lightning.__path__, "ner_lightning."):
        if not module.name.endswith("__main__"):
            import_module(module.name)
    named = [part for base in BASES for part in concrete(base) if not part.__name__.startswith("_")]
    parts = [part for part in named if part.__module__.startswith("ner_lightning.")]
    assert {"ColumnFiles", "MentionReplacement", "LoRA", "ViterbiDecoder", "CRFLoss", "BIO"} <= {
        p.__name__ for p in parts
    }
    assert len({part.__name__ for part in parts}) == len(parts)
    assert [part for part in parts if part.__module__ not in json.loads(listed.stdout)] == []


def concrete(base: type) -> set[type]:
    below = {part for cls in base.__subclasses__() for part in concrete(cls)}
    return below if isabstract(base) else below | {base}


def test_several_augmentation_overlays_can_be_combined() -> None:
    overlays = [f"--config={ROOT / 'configs/augmentation' / name}.yaml" for name in ("typing", "mentions")]
    parts = resolved(*PARTS, *overlays)["data"]["augmentation"]
    assert [part["class_path"].rpartition(".")[2] for part in parts] == ["TypingNoise", "MentionReplacement"]


def test_base_yaml_lists_the_defaults() -> None:
    without = flat(resolved(*PARTS))
    assert flat(resolved(*PARTS, "--config", str(ROOT / "configs" / "base.yaml"))) == without


def test_a_scheme_overlay_changes_nothing_but_the_scheme() -> None:
    experiment = ["--config", str(ROOT / "configs/experiment/wnut17.yaml")]
    bio = flat(resolved(*experiment))
    bioes = flat(resolved(*experiment, "--config", str(ROOT / "configs/scheme/bioes.yaml")))
    differing = {key for key in bio.keys() | bioes.keys() if bio.get(key) != bioes.get(key)}
    assert differing == {"data.scheme.class_path"}


@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "configs" / "experiment").glob("*.yaml")))
def test_the_overlay_for_small_corpora_works_with_every_experiment(name: str) -> None:
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
def test_the_error_for_a_missing_corpus_names_its_source_and_files(
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
