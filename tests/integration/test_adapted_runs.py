"""Tests of runs that train a part of a pretrained encoder: saving and restoring the network."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForTokenClassification, BertModel

from ner_lightning.__main__ import main
from ner_lightning.corpora.example_corpus import ExampleCorpus
from ner_lightning.modeling.encoders import SmallBert
from ner_lightning.modeling.token_classifier import TokenClassifier
from ner_lightning.schemes import BIO, TagSet
from ner_lightning.training.tagger import NERTagger
from support.command_line import TINY_RUN

LORA = ["--model.fine_tuning.adapter=LoRA", "--model.fine_tuning.adapter.rank=2"]
OPTIONS = {
    "lora": [*LORA, "--model.fine_tuning.average_decay=0.9"],
    "frozen": ["--model.fine_tuning.frozen_layers=1", "--model.fine_tuning.gradient_checkpointing=true"],
}
NUM_TRAINED = {  # by hand: the head has 32 · 9 + 9
    "lora": 297 + 2 * (5 * 2 * (32 + 32) + 2 * (32 + 128)) - 2 * 2 * (32 + 32) + 2 * 2 * (32 + 128),
    "frozen": 297 + 4 * (32 * 32 + 32) + 32 * 128 + 128 + 128 * 32 + 32 + 4 * 32,
}


def encoder_dir(folder: Path, seed: int = 0) -> Path:
    """A "pretrained" encoder of random weights."""
    torch.manual_seed(seed)
    settings = SmallBert(vocabulary_size=300, hidden_size=32, num_heads=2)
    sentences = ExampleCorpus(num_train=96).read().splits["train"]
    tokenizer = settings.tokenizer([sentence.words for sentence in sentences])
    network = settings.network(TagSet(BIO(), ("PER",)), tokenizer)
    assert isinstance(network.base_model, BertModel)
    network.base_model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def options_of(kind: str, encoder: Path, run_dir: Path, *more: str) -> list[str]:
    base = [option for option in TINY_RUN if not option.startswith("--model.encoder")]
    constant = ["--model.schedule=constant", "--model.warmup_ratio=0"]  # equal steps whatever the number of epochs
    place = ["--model.encoder=PretrainedEncoder", f"--model.encoder.name_or_path={encoder}", f"--run_dir={run_dir}"]
    return ["fit", *base, *place, *constant, *OPTIONS[kind], *more]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return encoder_dir(tmp_path_factory.mktemp("encoder") / "small")


@pytest.fixture(scope="module", params=OPTIONS)
def run(request: pytest.FixtureRequest, encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    kind = request.param
    folder = tmp_path_factory.mktemp("runs") / kind
    assert main(options_of(kind, encoder, folder)) == 0
    return kind, folder


def checkpoint(run_dir: Path, name: str = "best") -> dict:
    return torch.load(run_dir / "checkpoints" / f"{name}.ckpt", weights_only=True)


def logits_of(classifier: TokenClassifier) -> torch.Tensor:
    ids = torch.arange(5, 25)[None]
    with torch.inference_mode():
        return classifier.eval()(ids, torch.ones_like(ids, dtype=torch.bool))


def stock_network(run_dir: Path) -> TokenClassifier:
    return TokenClassifier(AutoModelForTokenClassification.from_pretrained(run_dir / "model"))


def test_the_record_contains_the_number_of_trained_parameters(run: tuple[str, Path]) -> None:
    kind, folder = run
    counted = json.loads((folder / "run.json").read_text())["parameters"]
    assert counted["trained"] == NUM_TRAINED[kind]
    stock = stock_network(folder)
    added = NUM_TRAINED["lora"] - 297 if kind == "lora" else 0
    assert counted["total"] == sum(parameter.numel() for parameter in stock.parameters()) + added


def test_checkpoints_contain_the_trained_part_and_name_the_rest(run: tuple[str, Path], encoder: Path) -> None:
    kind, folder = run
    saved = checkpoint(folder)
    assert sum(weights.numel() for weights in saved["state_dict"].values()) == NUM_TRAINED[kind]
    base = saved["ner_lightning"]["trained_part"]["base"]
    assert (base["name_or_path"], base["revision"]) == (str(encoder), None)
    assert len(base["checksum"]) == 64


def test_the_bundle_is_the_best_checkpoint_as_a_stock_network(run: tuple[str, Path]) -> None:
    _, folder = run
    tagger = NERTagger.load_from_checkpoint(folder / "checkpoints" / "best.ckpt")
    logits = logits_of(tagger.classifier)
    torch.testing.assert_close(logits, logits_of(stock_network(folder)), atol=1e-5, rtol=1e-5)
    assert logits.std() > 0.1


def test_the_saved_config_tests_the_checkpoint_to_the_same_predictions(run: tuple[str, Path]) -> None:
    _, folder = run
    before = (folder / "predictions" / "test.jsonl").read_bytes()
    (folder / "predictions" / "test.jsonl").unlink()
    path = folder / "checkpoints" / "best.ckpt"
    assert main(["test", f"--config={folder / 'config.yaml'}", f"--ckpt_path={path}"]) == 0
    assert (folder / "predictions" / "test.jsonl").read_bytes() == before


def test_a_resumed_run_equals_an_uninterrupted_one(
    run: tuple[str, Path], encoder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The run also prints the number of trained parameters, as in the record."""
    kind, whole = run
    begun = options_of(kind, encoder, tmp_path / "run", "--trainer.max_epochs=1")
    capsys.readouterr()
    assert main(begun) == 0
    total = json.loads((whole / "run.json").read_text())["parameters"]["total"]
    assert f"trains {NUM_TRAINED[kind]:,} of {total:,} parameters" in capsys.readouterr().err
    assert main([*begun, "--trainer.max_epochs=2", "--ckpt_path=last"]) == 0
    resumed, expected = checkpoint(tmp_path / "run", "last"), checkpoint(whole, "last")
    parts = ["state_dict", *(["current_weights"] if kind == "lora" else [])]
    for part in parts:
        assert resumed[part].keys() == expected[part].keys()
        assert all(torch.equal(weights, expected[part][name]) for name, weights in resumed[part].items())
    for own, other in zip(
        resumed["optimizer_states"][0]["state"].values(),
        expected["optimizer_states"][0]["state"].values(),
        strict=True,
    ):
        assert all(torch.equal(own[name], other[name]) for name in own)
    assert (tmp_path / "run/predictions/test.jsonl").read_bytes() == (whole / "predictions/test.jsonl").read_bytes()


@pytest.mark.parametrize("run", ["lora"], indirect=True)
def test_the_encoder_may_move_but_not_change(
    run: tuple[str, Path], encoder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, folder = run
    path = folder / "checkpoints" / "best.ckpt"
    moved = Path(shutil.copytree(encoder, tmp_path / "moved"))
    tagger = NERTagger.load_from_checkpoint(path, base=moved)
    assert torch.equal(logits_of(tagger.classifier), logits_of(NERTagger.load_from_checkpoint(path).classifier))
    other = encoder_dir(tmp_path / "other", seed=1)
    with pytest.raises(ValueError, match="must have the weights with which the checkpoint was trained"):
        NERTagger.load_from_checkpoint(path, base=other)
    with pytest.raises(ValueError, match="the encoder must be a folder"):
        NERTagger.load_from_checkpoint(path, base=tmp_path / "gone")

    capsys.readouterr()
    command = ["test", f"--config={folder / 'config.yaml'}", f"--ckpt_path={path}", f"--run_dir={tmp_path / 'tested'}"]
    assert main([*command, f"--model.encoder.init_args.name_or_path={other}"]) == 2
    assert main([*command, "--model.fine_tuning={adapter: null, frozen_layers: 0}"]) == 2
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error:")]
    assert len(errors) == 2
    assert "must have the weights" in errors[0]
    assert "adapter must be the same as in the checkpoint" in errors[1]


def test_a_random_encoder_is_saved_whole(tmp_path: Path) -> None:
    assert main(["fit", *TINY_RUN, *LORA, "--trainer.max_epochs=1", f"--run_dir={tmp_path}"]) == 0
    saved = checkpoint(tmp_path)
    assert saved["ner_lightning"]["trained_part"]["base"] is None
    tagger = NERTagger.load_from_checkpoint(tmp_path / "checkpoints" / "best.ckpt")
    torch.testing.assert_close(logits_of(tagger.classifier), logits_of(stock_network(tmp_path)), atol=1e-5, rtol=1e-5)
    assert saved["state_dict"].keys() == tagger.state_dict().keys()
