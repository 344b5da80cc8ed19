"""Files from strangers run no code: run folders, configs, bundles, checkpoints and encoders."""

import json
import random
import re
import shutil
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from damage import damaged
from integration.command_line import ROOT, TINY_RUN
from safetensors.torch import load_file, save_file
from small_bundles import TAGS, random_bundle
from small_taggers import ENCODER, data_module, trained, trainer
from torch import Tensor
from written_runs import GOLD, tagged, write_run

from ner_lightning.__main__ import main
from ner_lightning.bundle import load_bundle
from ner_lightning.modeling.class_weights import InverseSqrt
from ner_lightning.modeling.encoders import PretrainedEncoder
from ner_lightning.modeling.linear_chain import Transitions
from ner_lightning.modeling.losses import FocalLoss
from ner_lightning.recognizer import EntityRecognizer
from ner_lightning.tagger import NERTagger

LOSS = FocalLoss(1.5, InverseSqrt())
MODULE = "stranger"
TRAP = """
from pathlib import Path

Path({folder!r}, "sprung").touch()

class Loss:
    pass

def make(*arguments, **named):
    Path({folder!r}, "called").touch()
"""
PARTS = [option for option in TINY_RUN if option.startswith(("--data", "--model.encoder"))]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder with a module that leaves a file when it is imported; `python -m` can import from there."""
    (tmp_path / f"{MODULE}.py").write_text(TRAP.format(folder=str(tmp_path)))
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, MODULE, raising=False)
    return tmp_path


def poisoned_run(path: Path, seed: int = 0) -> Path:
    """A finished run whose config names the module wherever a class can be named."""
    write_run(path, seed, [tagged(number, GOLD, GOLD) for number in range(4)], loss_class=f"{MODULE}.Loss")
    config = yaml.safe_load((path / "config.yaml").read_text())
    config["model"]["optimizer"] = f"{MODULE}.make"
    config["model"]["decoder"] = {"class_path": f"{MODULE}.Loss"}
    config["trainer"]["callbacks"] = [{"class_path": f"{MODULE}.Loss"}, f"{MODULE}.Loss"]
    (path / "config.yaml").write_text(yaml.safe_dump(config))
    (path / "checkpoints").mkdir()
    (path / "checkpoints" / "last.ckpt").touch()
    path.with_name(f"{path.name}.log").touch()
    return path


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["compare", "--runs", "arm", "--output", "compared"], 0),
        (["evaluate", "arm/seed-0/predictions/test.jsonl", "--report", "errors.html"], 0),
        (["fit", *TINY_RUN, "--run_dir", "arm/seed-0", "--ckpt_path", "last"], 2),
        (["validate", *TINY_RUN, "--run_dir", "arm/seed-0", "--ckpt_path", "last"], 2),
        (["compare", *PARTS, "--arm", f"arm={ROOT / 'configs/scheme/bio.yaml'}", "--seeds=1", "--output=."], 2),
    ],
    ids=lambda value: str(value[0]) if isinstance(value, list) else "",
)
def test_no_command_imports_what_a_run_folder_names(folder: Path, arguments: list[str], status: int) -> None:
    for seed in (0, 1):
        poisoned_run(folder / "arm" / f"seed-{seed}", seed)
    assert main(arguments) == status
    assert MODULE not in sys.modules
    assert not (folder / "sprung").exists()


@pytest.mark.parametrize("place", ["model.optimizer", "model.loss", "trainer.callbacks", "data.corpus"])
@pytest.mark.parametrize("form", ["{class_path: os.system, init_args: {command: touch called}}", "os.system"])
def test_a_config_cannot_call_a_function_of_the_system(
    folder: Path, capsys: pytest.CaptureFixture[str], place: str, form: str
) -> None:
    section, name = place.split(".")
    value = f"[{form}]" if name == "callbacks" else form
    (folder / "config.yaml").write_text(f"{section}: {{{name}: {value}}}")
    assert main(["fit", *TINY_RUN, "--config", "config.yaml", "--run_dir", "run"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: {place} must be ")
    assert "got os.system (see" in line
    assert not (folder / "called").exists()
    assert not (folder / "run").exists()


@pytest.mark.parametrize(
    "setting",
    [
        "model.optimizer={class_path: stranger.make}",
        "trainer.callbacks+={class_path: LambdaCallback, init_args: {setup: {class_path: stranger.make}}}",
    ],
)
def test_a_class_path_of_a_function_is_refused_and_not_called(
    folder: Path, capsys: pytest.CaptureFixture[str], setting: str
) -> None:
    assert main(["fit", *TINY_RUN, f"--{setting}", "--run_dir", "run"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "class_path must name a class, got stranger.make" in line
    assert not (folder / "called").exists()


def test_nothing_is_built_for_a_parameter_that_takes_anything(folder: Path) -> None:
    logger = {"class_path": "WandbLogger", "init_args": {"experiment": {"class_path": f"{MODULE}.make"}}}
    assert main(["fit", *TINY_RUN, f"--trainer.logger={json.dumps(logger)}", "--run_dir", "run"]) == 2
    assert not (folder / "called").exists()


ASKS_FOR_CODE = {
    "config.json": {"model_type": MODULE, "auto_map": {"AutoConfig": f"{MODULE}.Loss"}},
    "tokenizer_config.json": {"tokenizer_class": "Stranger", "auto_map": {"AutoTokenizer": [f"{MODULE}.Loss", None]}},
}
KERNELS = ("_attn_implementation", "attn_implementation", "_attn_implementation_internal")


@pytest.fixture
def yes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Somebody answers "y" to the question whether to run code."""
    monkeypatch.setattr("builtins.input", lambda _="": "y")
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "cache"))


def rewrite(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def rewritten_checkpoint(path: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    checkpoint = torch.load(path, weights_only=True)
    change(checkpoint)
    changed = path.with_name("changed.ckpt")
    torch.save(checkpoint, changed)
    return changed


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("checkpoint") / "tagger.ckpt"
    _, fitting = trained(data_module(16), loss=LOSS)
    fitting.save_checkpoint(path)
    return path


@pytest.fixture
def bundle(folder: Path) -> Path:
    random_bundle(folder / "model")
    shutil.copy(folder / f"{MODULE}.py", folder / "model")
    return folder / "model"


def assert_refused(load: Callable[[], object], message: str | None = None) -> None:
    with pytest.raises(ValueError, match=message) as refused:
        load()
    assert "\n" not in str(refused.value)


@pytest.mark.usefixtures("yes")
@pytest.mark.parametrize("name", ASKS_FOR_CODE)
def test_the_code_of_a_bundle_and_of_an_encoder_is_not_run(bundle: Path, name: str) -> None:
    rewrite(bundle / name, **ASKS_FOR_CODE[name])
    encoder = PretrainedEncoder(str(bundle))
    for load in (lambda: load_bundle(bundle), lambda: encoder.network(TAGS, encoder.tokenizer([]))):
        with suppress(ValueError):  # what needs the code is refused
            load()
    assert not (bundle.parent / "sprung").exists()


@pytest.mark.usefixtures("yes")
@pytest.mark.parametrize("name", ASKS_FOR_CODE)
def test_the_code_of_a_checkpoint_is_not_run(folder: Path, checkpoint: Path, name: str) -> None:
    def ask(content: dict[str, Any]) -> None:
        record = content["ner_lightning"]
        files = record["tokenizer_files"]
        files[f"{MODULE}.py"] = (folder / f"{MODULE}.py").read_text()
        if name == "config.json":
            record["encoder_config"] |= ASKS_FOR_CODE[name]
        else:
            files[name] = json.dumps(json.loads(files[name]) | ASKS_FOR_CODE[name])

    path = rewritten_checkpoint(checkpoint, ask)
    with suppress(ValueError):
        NERTagger.load_from_checkpoint(path)
    assert not (folder / "sprung").exists()


@pytest.mark.parametrize("key", KERNELS)
@pytest.mark.parametrize("name", ["stranger/kernel", "kernels-community/flash-attn3", "flash_attention_2", {"": "a/b"}])
def test_no_kernel_is_loaded_from_the_hub(bundle: Path, checkpoint: Path, key: str, name: object) -> None:
    rewrite(bundle / "config.json", **{key: name})
    message = "the attention of a network must be one of eager, sdpa, .*, got"
    assert_refused(lambda: load_bundle(bundle), message)
    assert_refused(lambda: PretrainedEncoder(str(bundle)).tokenizer([]), message)
    path = rewritten_checkpoint(
        checkpoint, lambda content: content["ner_lightning"]["encoder_config"].update({key: name})
    )
    assert_refused(lambda: NERTagger.load_from_checkpoint(path), message)


def test_a_bundle_does_not_send_us_to_another_network(bundle: Path) -> None:
    (bundle / "adapter_config.json").write_text('{"base_model_name_or_path": "stranger/network"}')
    assert_refused(lambda: load_bundle(bundle), "must hold a whole network, got adapter_config.json")


def with_weights(folder: Path, change: Callable[[dict[str, Tensor]], object]) -> None:
    weights = load_file(folder / "model.safetensors")
    change(weights)
    save_file(weights, folder / "model.safetensors", {"format": "pt"})


QUERY = "bert.encoder.layer.0.attention.self.query.weight"
BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "NaN": (
        lambda f: with_weights(f, lambda w: w[QUERY].fill_(torch.nan)),
        f"finite, got NaN or infinity in 1: {QUERY}",
    ),
    "infinity": (lambda f: with_weights(f, lambda w: w[QUERY][0, :1].fill_(-torch.inf)), f"finite, .*{QUERY}"),
    "no layers": (lambda f: rewrite(f / "config.json", num_hidden_layers=0), "use all of its weights, got .* more"),
    "more layers": (lambda f: rewrite(f / "config.json", num_hidden_layers=2), "must hold all weights"),
    "many layers": (lambda f: rewrite(f / "config.json", num_hidden_layers=10**9), "num_hidden_layers 1000000000 for"),
    "a large network": (
        lambda f: rewrite(f / "config.json", vocab_size=10**9),
        "must fit the weights, got one of 16,0",
    ),
    "a missing weight": (lambda f: with_weights(f, lambda w: w.pop(QUERY)), f"all .*{QUERY}"),
    "subwords past the embedding": (
        lambda f: with_subwords(f, lambda subwords: subwords.update({"Bonn": 10**6})),
        "must embed all subwords, got 'Bonn' as number 1000000 of 97",
    ),
    "no vocabulary": (
        lambda f: with_subwords(f, lambda subwords: [subwords.pop(word) for word in list(subwords)[5:]]),
        "must know the 97 subwords of the network, got 5",
    ),
}


LARGER = {"many layers", "a large network"}  # an encoder is chosen, and not sent by a stranger


def with_subwords(folder: Path, change: Callable[[dict[str, int]], object]) -> None:
    content = json.loads((folder / "tokenizer.json").read_text())
    change(content["model"]["vocab"])
    (folder / "tokenizer.json").write_text(json.dumps(content))


@pytest.mark.parametrize("damage", BROKEN)
def test_broken_weights_are_refused_in_bundles_and_encoders(
    bundle: Path, capsys: pytest.CaptureFixture[str], damage: str
) -> None:
    """Their answer would be that a text holds no entity."""
    change, message = BROKEN[damage]
    change(bundle)
    (bundle.parent / "text.txt").write_text("Bill Gates left.\n")
    assert main(["predict", "--model", "model", "--input", "text.txt", "--output", "found.jsonl"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert re.match(f"error: model: .*{message}", line)
    assert not (bundle.parent / "found.jsonl").exists()
    if damage not in LARGER:
        encoder = PretrainedEncoder(str(bundle))
        assert_refused(lambda: encoder.network(TAGS, encoder.tokenizer([])))


def test_a_network_that_computes_nan_is_refused(bundle: Path) -> None:
    rewrite(bundle / "config.json", layer_norm_eps=-1.0)
    assert_refused(lambda: load_bundle(bundle), "must give finite logits, got NaN")


def test_a_recognizer_that_computes_nan_says_so(bundle: Path) -> None:
    recognizer = EntityRecognizer.from_pretrained(bundle)
    recognizer.classifier.network.classifier.bias.data.fill_(torch.nan)
    assert_refused(lambda: recognizer("Bill Gates left."), "must give finite logits, got NaN")


def test_windows_must_fit_the_network(bundle: Path) -> None:
    rewrite(bundle / "tokenizer_config.json", model_max_length=10**6)
    rewrite(bundle / "ner_lightning.json", window={"max_subwords": 1000, "overlap": 10})
    assert_refused(lambda: load_bundle(bundle), "windows must fit the network's 40 positions, got .* 1000")


def test_the_transitions_of_a_crf_must_be_used_and_finite(bundle: Path) -> None:
    num_tags = len(TAGS.tags)
    scores = Transitions(torch.zeros(num_tags), torch.zeros(num_tags, num_tags), torch.zeros(num_tags))
    save_file({name: getattr(scores, name) for name in ("start", "inner", "end")}, bundle / "decoder.safetensors")
    assert_refused(lambda: load_bundle(bundle), "must use all of its weights, got 1 more: decoder.safetensors")
    rewrite(bundle / "ner_lightning.json", has_transitions=True)
    assert_refused(lambda: load_bundle(bundle), "transitions must be finite where BIO allows them")


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_broken_weights_are_refused_in_checkpoints(checkpoint: Path, value: float) -> None:
    name = f"classifier.network.{QUERY}"
    path = rewritten_checkpoint(checkpoint, lambda content: content["state_dict"][name].fill_(value))
    assert_refused(lambda: NERTagger.load_from_checkpoint(path), f"must be finite, got NaN or infinity in 1: {name}")
    data = data_module(16)
    scoring = trainer()
    assert_refused(
        lambda: scoring.test(NERTagger(ENCODER, LOSS), data, ckpt_path=path, weights_only=True),
        "must be finite",
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: content["state_dict"].popitem(), "must be of the same encoder and loss, got one that lacks"),
        (lambda content: content["state_dict"].update(more=torch.zeros(1)), "got one that has more"),
        (lambda content: content["ner_lightning"]["encoder_config"].update(num_hidden_layers=0), "that has classifier"),
        (lambda content: content["ner_lightning"]["encoder_config"].update(hidden_size=2**20), "must fit the weights"),
        (lambda content: content["ner_lightning"]["encoder_config"].update(vocab_size=30), "must embed all subwords"),
    ],
)
def test_a_checkpoint_that_contradicts_itself_is_refused(
    checkpoint: Path, change: Callable[[dict[str, Any]], None], message: str
) -> None:
    path = rewritten_checkpoint(checkpoint, change)
    assert_refused(lambda: NERTagger.load_from_checkpoint(path), message)


BUNDLE_FILES = ("ner_lightning.json", "config.json", "tokenizer.json", "tokenizer_config.json")


def try_damages(damages: list[tuple[str, Any]], write: Callable[[Any], None], load: Callable[[], object]) -> None:
    """Each loads, or is refused in one line; enough are refused to see that something was damaged."""
    num_refused = 0
    for name, content in damages:
        write(content)
        try:
            load()
        except Exception as error:
            if not isinstance(error, ValueError) or "\n" in str(error):
                raise AssertionError(f"{name} ends in {error!r}") from error
            num_refused += 1
    assert num_refused > len(damages) / 4


def try_bundle(bundle: Path, name: str, num_damages: int | None) -> None:
    damages = list(damaged(json.loads((bundle / name).read_text())))
    chosen = random.Random(0).sample(damages, num_damages) if num_damages else damages
    try_damages(
        chosen,
        lambda content: (bundle / name).write_text(json.dumps(content)) and None,
        lambda: EntityRecognizer.from_pretrained(bundle)("Bill Gates was in Seattle \N{SNOWMAN}."),
    )


def try_record(checkpoint: Path, path: Path, num_damages: int | None) -> None:
    content = torch.load(checkpoint, weights_only=True)
    damages = list(damaged(content["ner_lightning"]))
    chosen = random.Random(0).sample(damages, num_damages) if num_damages else damages
    try_damages(
        chosen,
        lambda record: torch.save(content | {"ner_lightning": record}, path),
        lambda: NERTagger.load_from_checkpoint(path),
    )


@pytest.mark.parametrize("name", BUNDLE_FILES)
def test_a_bundle_that_was_edited_by_hand_loads_or_is_refused_in_one_line(bundle: Path, name: str) -> None:
    try_bundle(bundle, name, 25)


def test_a_checkpoint_that_was_edited_by_hand_loads_or_is_refused_in_one_line(checkpoint: Path, tmp_path: Path) -> None:
    try_record(checkpoint, tmp_path / "edited.ckpt", 40)


@pytest.mark.slow
@pytest.mark.parametrize("name", BUNDLE_FILES)
def test_every_edit_of_a_bundle_loads_or_is_refused_in_one_line(bundle: Path, name: str) -> None:
    try_bundle(bundle, name, None)


@pytest.mark.slow
def test_every_edit_of_a_checkpoint_loads_or_is_refused_in_one_line(checkpoint: Path, tmp_path: Path) -> None:
    try_record(checkpoint, tmp_path / "edited.ckpt", None)
