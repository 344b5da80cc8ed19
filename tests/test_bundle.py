import json
import os
import shutil
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForTokenClassification

from ner_lightning.bundle import (
    SETTINGS_FILE,
    TRANSITIONS_FILE,
    BundleError,
    load_bundle,
    save_bundle,
)
from ner_lightning.bundle_settings import BundleSettings
from ner_lightning.modeling.decoders import ArgmaxDecoder
from ner_lightning.modeling.linear_chain import Transitions
from ner_lightning.modeling.packed_attention import PACKED_ATTENTION
from ner_lightning.modeling.token_classifier import TokenClassifier
from ner_lightning.schemes import BIO, BIOES, IO, TagSet
from support.small_bundles import MAX_SUBWORDS, TAGS, TEXT, random_bundle, small_bert, small_roberta

STOCK_TOOLS = """
import json, sys
from transformers import AutoModelForTokenClassification, AutoTokenizer
answers = []
for folder in sys.argv[1:]:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    network = AutoModelForTokenClassification.from_pretrained(folder)
    inputs = tokenizer("Bill Gates was in Seattle .", return_tensors="pt")
    words = tokenizer("Bill Gates was in Seattle .".split(), is_split_into_words=True)
    answers.append({
        "logits": network(**inputs).logits[0].tolist(),
        "ids": inputs["input_ids"][0].tolist(),
        "ids_of_words": words["input_ids"],
        "labels": network.config.id2label,
        "dtype": str(network.dtype),
    })
assert not any(name.startswith("ner_lightning") for name in sys.modules)
import ner_lightning.recognizer
assert "lightning" not in sys.modules
print(json.dumps(answers))
"""


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    return random_bundle(tmp_path_factory.mktemp("bundle") / "model")


@pytest.fixture
def bundle(saved, tmp_path):
    return Path(shutil.copytree(saved, tmp_path / "model"))


def rewrite(path, **changes):
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_stock_transformers_loads_a_bundle_without_conversion(tmp_path):
    folders = [str(tmp_path / "bert"), str(tmp_path / "roberta")]
    expected = []
    for folder, (network, tokenizer) in zip(folders, [small_bert(), small_roberta(tmp_path)], strict=True):
        classifier = TokenClassifier(network)
        assert network.config._attn_implementation == PACKED_ATTENTION
        save_bundle(folder, network, tokenizer, BundleSettings(TAGS, MAX_SUBWORDS))
        ids = torch.tensor([tokenizer("Bill Gates was in Seattle .").input_ids])
        with torch.inference_mode():
            expected.append((ids[0].tolist(), classifier(ids, torch.ones_like(ids, dtype=torch.bool))))
    done = subprocess.run([sys.executable, "-c", STOCK_TOOLS, *folders], capture_output=True, text=True, check=True)
    answers = json.loads(done.stdout)
    assert len(answers) == 2
    for answer, (ids, logits) in zip(answers, expected, strict=True):
        assert answer["ids"] == answer["ids_of_words"] == ids
        torch.testing.assert_close(torch.tensor(answer["logits"]), logits, atol=1e-5, rtol=1e-5)
        assert list(answer["labels"].values()) == list(TAGS.tags)
        assert answer["dtype"] == "torch.float32"


@pytest.mark.parametrize("name", ["bert", "roberta"])
def test_a_loaded_bundle_computes_the_same_logits_as_the_saved_network(tmp_path, monkeypatch, name):
    network, tokenizer = small_bert() if name == "bert" else small_roberta(tmp_path)
    settings = BundleSettings(TAGS, 20, overlap=5, scores={"test/f1": 0.5}, corpus_checksum="abc")
    save_bundle(tmp_path / "runs" / "model", network, tokenizer, settings)

    def refuse(*_):
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket, "socket", refuse)
    bundle = load_bundle(tmp_path / "runs" / "model")
    assert bundle.settings == settings
    assert bundle.window_encoder.tokenizer.max_subwords == 20
    assert (bundle.window_encoder.overlap, bundle.window_encoder.tags) == (5, TAGS)
    assert not bundle.classifier.training
    assert bundle.classifier.packs
    ids = torch.tensor([tokenizer(TEXT).input_ids])[:, :MAX_SUBWORDS]
    with torch.inference_mode():
        computed = bundle.classifier(ids, torch.ones_like(ids, dtype=torch.bool))
        torch.testing.assert_close(computed, network(ids).logits[0], atol=1e-5, rtol=1e-5)
    assert sorted(path.name for path in tmp_path.joinpath("runs").iterdir()) == ["model"]


@pytest.mark.parametrize(("umask", "of_files", "of_folder"), [(0o022, 0o644, 0o755), (0o077, 0o600, 0o700)])
def test_the_umask_decides_who_can_read_a_bundle(tmp_path, umask, of_files, of_folder):
    transitions = Transitions(torch.zeros(7), torch.zeros(7, 7), torch.zeros(7))
    former = os.umask(umask)
    try:
        save_bundle(tmp_path / "model", *small_bert(), BundleSettings(TAGS, MAX_SUBWORDS), transitions)
    finally:
        os.umask(former)
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "model").iterdir()}
    assert {"model.safetensors", TRANSITIONS_FILE, SETTINGS_FILE} <= modes.keys()
    assert set(modes.values()) == {of_files}
    assert (tmp_path / "model").stat().st_mode & 0o777 == of_folder


def test_the_config_of_a_bundle_does_not_mention_packed_attention(saved):
    assert "attn" not in (saved / "config.json").read_text()


def test_the_transitions_of_a_crf_are_saved_and_required_for_loading(tmp_path):
    network, tokenizer = small_bert()
    transitions = Transitions(torch.randn(7), torch.randn(7, 7), torch.randn(7)).restricted_to(TAGS)
    settings = BundleSettings(TAGS, MAX_SUBWORDS, decoder=ArgmaxDecoder())
    save_bundle(tmp_path / "crf", network, tokenizer, settings, transitions)
    loaded = load_bundle(tmp_path / "crf")
    assert loaded.settings == replace(settings, has_transitions=True)
    for name in ("start", "inner", "end"):
        assert torch.equal(getattr(loaded.transitions, name), getattr(transitions, name))
    AutoModelForTokenClassification.from_pretrained(tmp_path / "crf")  # ignores the additional file
    save_file(
        {"start": torch.zeros(2), "inner": torch.zeros(2, 2), "end": torch.zeros(2)},
        tmp_path / "crf" / TRANSITIONS_FILE,
    )
    with pytest.raises(BundleError, match=r"decoder.safetensors: transitions must be for 7 tags, got the shapes"):
        load_bundle(tmp_path / "crf")
    (tmp_path / "crf" / TRANSITIONS_FILE).unlink()
    with pytest.raises(BundleError, match=r"decoder.safetensors must hold the transitions of a CRF"):
        load_bundle(tmp_path / "crf")


def test_a_network_of_any_precision_is_saved_in_float32(tmp_path):
    network, tokenizer = small_bert()
    save_bundle(tmp_path / "model", network.double(), tokenizer, BundleSettings(TAGS, MAX_SUBWORDS))
    assert network.dtype == torch.float64
    assert json.loads((tmp_path / "model" / "config.json").read_text())["dtype"] == "float32"
    assert load_bundle(tmp_path / "model").classifier.network.dtype == torch.float32


def test_a_failed_save_leaves_the_previous_bundle_unchanged(bundle):
    network, tokenizer = small_bert()
    unwritable = BundleSettings(TAGS, MAX_SUBWORDS, scores={"test/f1": float("nan")})
    before = {path.name: path.read_bytes() for path in bundle.iterdir()}
    for folder in (bundle, bundle.parent / "new"):
        with pytest.raises(ValueError, match="JSON compliant"):
            save_bundle(folder, network, tokenizer, unwritable)
    assert {path.name: path.read_bytes() for path in bundle.iterdir()} == before
    assert list(bundle.parent.iterdir()) == [bundle]


def test_saving_replaces_a_previous_bundle_but_no_other_folder(bundle):
    network, tokenizer = small_bert()
    settings = BundleSettings(TAGS, MAX_SUBWORDS, scores={"test/f1": 0.75})
    (bundle / "old_file").touch()
    save_bundle(bundle, network, tokenizer, settings)
    assert load_bundle(bundle).settings == settings
    assert not (bundle / "old_file").exists()
    assert list(bundle.parent.iterdir()) == [bundle]
    (bundle / SETTINGS_FILE).unlink()
    with pytest.raises(BundleError, match="must be a new or empty folder or an existing bundle"):
        save_bundle(bundle, network, tokenizer, settings)
    assert (bundle / "model.safetensors").exists()


def test_tags_that_differ_from_those_of_the_head_are_refused(tmp_path):
    network, tokenizer = small_bert()
    for tags in (TagSet(BIO(), ("LOC", "PER", "ORG")), TagSet(BIO(), ("LOC",)), TagSet(IO(), ("LOC",))):
        with pytest.raises(BundleError, match="tags must be"):
            save_bundle(tmp_path / "model", network, tokenizer, BundleSettings(tags, MAX_SUBWORDS))
    assert list(tmp_path.iterdir()) == []


def other_head(folder):
    settings = BundleSettings(TagSet(BIOES(), ("LOC",)), MAX_SUBWORDS)
    (folder / SETTINGS_FILE).write_text(json.dumps(settings.to_plain()))


def cut_weights(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def without_head(folder):
    network, _ = small_bert()
    network.base_model.save_pretrained(folder / "encoder")
    (folder / "encoder" / "model.safetensors").replace(folder / "model.safetensors")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (shutil.rmtree, "a bundle must be a folder, found nothing"),
        (lambda f: (shutil.rmtree(f), f.touch()), "a bundle must be a folder, found a file"),
        (lambda f: (f / "ner_lightning.json").unlink(), "is not a bundle: ner_lightning.json is missing"),
        (lambda f: (f / "config.json").unlink(), "is not a bundle: config.json is missing"),
        (lambda f: (f / "tokenizer.json").unlink(), "is not a bundle: tokenizer.json is missing"),
        (lambda f: (f / "model.safetensors").unlink(), "is not a bundle: model.safetensors is missing"),
        (lambda f: (f / SETTINGS_FILE).write_text("{"), "ner_lightning.json: must be JSON, got"),
        (lambda f: (f / SETTINGS_FILE).write_bytes(b"\xff"), "ner_lightning.json: must be JSON, got"),
        (lambda f: (f / SETTINGS_FILE).write_text("[1]"), "the content must be an object, got \\[1\\]"),
        (lambda f: (f / SETTINGS_FILE).write_text('{"a": 1}'), "must have a \"format_version\", got the keys \\['a'"),
        (lambda f: rewrite(f / SETTINGS_FILE, format_version=4), "up to format 3, got format 4"),
        (lambda f: (f / SETTINGS_FILE).write_text('{"format_version": 1}'), "ner_lightning.json: window is missing"),
        (lambda f: rewrite(f / SETTINGS_FILE, tags=[]), "tags must be an object, got \\[\\]"),
        (lambda f: rewrite(f / SETTINGS_FILE, tags={"scheme": "X"}), "tags.scheme: LabelScheme must be one of.*'X'"),
        (lambda f: rewrite(f / SETTINGS_FILE, subwords="last"), "subwords must be one of"),
        (
            lambda f: rewrite(f / SETTINGS_FILE, format_version=1, window={"max_subwords": "9", "overlap": 1}),
            "max_subwords",
        ),
        (
            lambda f: rewrite(f / SETTINGS_FILE, format_version=1, window={"max_subwords": 2, "overlap": 1}),
            "must have room for a subword",
        ),
        (lambda f: rewrite(f / SETTINGS_FILE, word_splitter="X"), "word_splitter: WordSplitter must be one of"),
        (lambda f: rewrite(f / SETTINGS_FILE, decoder={"name": "X", "init_args": {}}), "Decoder must be one of.*'X'"),
        (
            lambda f: rewrite(f / SETTINGS_FILE, decoder={"name": "ArgmaxDecoder", "init_args": {"x": 1}}),
            "ArgmaxDecoder accepts no arguments, got x",
        ),
        (other_head, "tags must be \\['O', 'B-LOC', 'I-LOC', 'E-LOC', 'S-LOC'\\], got \\['O', 'B-LOC', 'I"),
        (lambda f: rewrite(f / "config.json", id2label={0: "O"}, label2id={"O": 0}), "the bundle must be"),
        (lambda f: rewrite(f / "config.json", model_type="x"), "the bundle must be loadable"),
        (lambda f: rewrite(f / "config.json", hidden_size="abc"), "got Strict.*hidden_size.* expected int, got str"),
        (lambda f: rewrite(f / "config.json", num_attention_heads=0), "the config must describe a network"),
        (lambda f: rewrite(f / "config.json", hidden_act="nope"), "the config must describe a network.*'nope'"),
        (lambda f: rewrite(f / "config.json", id2label=["O"]), "the bundle must be loadable"),
        (lambda f: (f / "tokenizer.json").write_text('{"a": 1}'), "the bundle must be loadable"),
        (lambda f: rewrite(f / "tokenizer.json", model={"type": "X"}), "the bundle must be loadable"),
        (
            lambda f: rewrite(f / SETTINGS_FILE, decoder={"name": "ArgmaxDecoder", "init_args": None}),
            "decoder: init_args must be an object, got None",
        ),
        (cut_weights, "the bundle must be loadable"),
        (without_head, "all weights of the network, but these are missing: classifier.bias, classifier.weight"),
    ],
)
def test_a_damaged_bundle_is_refused_in_one_line(bundle, damage, message):
    damage(bundle)
    with pytest.raises(BundleError, match=message) as raised:
        load_bundle(bundle)
    assert str(raised.value).startswith(str(bundle))
    assert "\n" not in str(raised.value)


def test_names_of_weights_reach_the_terminal_only_in_our_error(bundle):
    """The table that transformers prints about them has several lines, and control characters unescaped."""
    weights = load_file(bundle / "model.safetensors")
    save_file(weights | {"\x1b[2Jevil": torch.zeros(1)}, bundle / "model.safetensors", {"format": "pt"})
    (bundle.parent / "in.txt").touch()
    files = ["--input", str(bundle.parent / "in.txt"), "--output", str(bundle.parent / "out.jsonl")]
    command = [sys.executable, "-m", "ner_lightning", "predict", "--model", str(bundle), *files]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "but 1 are unused" in done.stderr
    assert done.stderr.count("\n") == 1
    assert "\x1b" not in done.stderr
