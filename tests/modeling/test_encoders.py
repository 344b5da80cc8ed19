import json
import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    AutoModel,
    AutoModelForTokenClassification,
    BertConfig,
    BertForTokenClassification,
    BertModel,
    ModernBertConfig,
    NystromformerConfig,
    PreTrainedModel,
    Qwen3Config,
)

from ner_lightning.encoding.alignment import WordTokenizer, load_tokenizer
from ner_lightning.modeling.encoders import PretrainedEncoder, SavedEncoder, SmallBert, label_maps, train_word_pieces
from ner_lightning.modeling.token_classifier import TokenClassifier
from ner_lightning.schemes import BIO, BIOES, TagSet
from support.disks import largest_file
from support.strategies import word_piece_tokenizer

TAGS = TagSet(BIO(), ("LOC", "PER"))
SENTENCES = [  # many pairs of characters that are equally frequent
    [f"{first}{second}{first}", f"{second}{third}", "Élan", "x-1", "."]
    for first, second, third in zip("abcdefghijklmnop" * 4, "qrstuvwxyzABCD" * 5, "EFGHIJKLMNO" * 6, strict=False)
]
TINY = {
    "vocab_size": 30,
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 34,
}
SPECIAL_IDS = {"pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3, "cls_token_id": 2, "sep_token_id": 3}
SMALL_BERT = SmallBert(vocabulary_size=200, hidden_size=16, num_layers=1, num_heads=2, max_subwords=24)


def logits_of(network: torch.nn.Module) -> torch.Tensor:
    with torch.inference_mode():
        return network.eval()(input_ids=torch.tensor([[2, 7, 8, 9, 3]])).logits


def test_the_vocabulary_is_the_same_in_another_process():
    program = (
        "import json, sys; from ner_lightning.modeling.encoders import train_word_pieces; "
        "print(json.dumps(train_word_pieces(json.load(sys.stdin), 200).get_vocab()))"
    )
    finished = subprocess.run(
        [sys.executable, "-c", program],
        input=json.dumps(SENTENCES),
        env=os.environ | {"PYTHONHASHSEED": "7"},
        capture_output=True,
        text=True,
        check=True,
    )
    here = train_word_pieces(SENTENCES, 200).get_vocab()
    assert json.loads(finished.stdout) == here
    assert here == train_word_pieces(SENTENCES, 200).get_vocab()
    assert len(here) == 200


@pytest.mark.timeout(20)  # including the long word would take minutes
def test_words_that_are_too_long_to_be_encoded_do_not_affect_the_vocabulary() -> None:
    longest = 160_000 * SENTENCES[0][0][0]
    with_longest = train_word_pieces([*SENTENCES, [longest, ""]], 200)
    assert with_longest.get_vocab() == train_word_pieces(SENTENCES, 200).get_vocab()
    tokenizer = train_word_pieces([[f"(Tarnhaven){longest}", "Tarnhaven"]], 200)
    assert tokenizer.tokenize("Tarnhaven") == ["Tarnhaven"]
    assert tokenizer.tokenize(longest) == ["[UNK]"]


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"vocabulary_size": 0}, "vocabulary_size of SmallBert must be at least 1, got 0"),
        ({"hidden_size": -4}, "hidden_size of SmallBert must be at least 1, got -4"),
        ({"num_layers": 0}, "num_layers of SmallBert must be at least 1, got 0"),
        ({"num_heads": 0}, "num_heads of SmallBert must be at least 1, got 0"),
        ({"max_subwords": -1}, "max_subwords of SmallBert must be at least 1, got -1"),
        ({"hidden_size": 15, "num_heads": 3}, "hidden_size of SmallBert must be an even multiple of num_heads, got 15"),
        ({"dropout": float("nan")}, "dropout of SmallBert must be at least 0 and below 1, got nan"),
        ({"dropout": 1.0}, "dropout of SmallBert must be at least 0 and below 1, got 1.0"),
    ],
    ids=str,
)
def test_invalid_sizes_are_refused(settings: dict[str, float], line: str) -> None:
    with pytest.raises(ValueError, match=line):
        SmallBert(**settings)


def test_the_trained_tokenizer_is_cased_and_knows_every_character_of_its_words():
    tokenizer = SMALL_BERT.tokenizer(SENTENCES)
    words = WordTokenizer(tokenizer)
    for sentence, encoded in zip(SENTENCES, words.encode(SENTENCES), strict=True):
        assert words.unknown_id not in encoded.subword_ids
        assert tokenizer.decode(list(encoded.subword_ids)).replace(" ", "") == "".join(sentence)
    assert tokenizer.model_max_length == words.max_subwords == 24


def test_a_small_bert_has_the_configured_size_and_tags():
    network = SMALL_BERT.network(TAGS, SMALL_BERT.tokenizer(SENTENCES))
    config = network.config
    assert (config.hidden_size, config.num_hidden_layers, config.num_attention_heads) == (16, 1, 2)
    assert config.vocab_size == 200
    assert config.id2label == dict(enumerate(TAGS.tags))
    assert config.label2id == TAGS.tag_ids
    assert network.classifier.out_features == 5
    classifier = TokenClassifier(network)
    assert classifier.packs
    mask = torch.ones(1, 24, dtype=torch.bool)
    assert len(classifier(torch.full((1, 24), 7), mask)) == 24


@pytest.mark.parametrize("packed", [False, True])
def test_a_saved_encoder_is_rebuilt_from_plain_data_only(packed):
    tokenizer = SMALL_BERT.tokenizer(SENTENCES)
    network = SMALL_BERT.network(TAGS, tokenizer).eval()
    expected = logits_of(network)
    if packed:
        network = TokenClassifier(network).network
    saved = SavedEncoder.of(network, tokenizer)

    checkpoint = BytesIO()
    torch.save({"config": dict(saved.config), "files": dict(saved.tokenizer_files)}, checkpoint)
    checkpoint.seek(0)
    plain = torch.load(checkpoint, weights_only=True)
    rebuilt = SavedEncoder(plain["config"], plain["files"])

    rebuilt_tokenizer = rebuilt.tokenizer([])
    assert rebuilt_tokenizer.get_vocab() == tokenizer.get_vocab()
    assert rebuilt_tokenizer.model_max_length == 24
    words = [word for sentence in SENTENCES for word in sentence]
    assert next(WordTokenizer(rebuilt_tokenizer).encode([words])) == next(WordTokenizer(tokenizer).encode([words]))
    rebuilt_network = rebuilt.network(TAGS, rebuilt_tokenizer)
    assert type(rebuilt_network) is type(network)
    assert rebuilt_network.config.id2label == dict(enumerate(TAGS.tags))
    rebuilt_network.load_state_dict(network.state_dict())
    torch.testing.assert_close(logits_of(rebuilt_network), expected)


def test_a_saved_encoder_can_be_rebuilt_with_other_tags():
    saved = SavedEncoder.of(SMALL_BERT.network(TAGS, SMALL_BERT.tokenizer(SENTENCES)), SMALL_BERT.tokenizer(SENTENCES))
    other = TagSet(BIOES(), ("ORG",))
    network = saved.network(other, saved.tokenizer([]))
    assert network.config.id2label == dict(enumerate(other.tags))
    assert network.classifier.out_features == 5


def test_a_file_name_in_a_checkpoint_cannot_write_outside_its_folder(tmp_path, monkeypatch):
    tokenizer = SMALL_BERT.tokenizer(SENTENCES)
    saved = SavedEncoder.of(SMALL_BERT.network(TAGS, tokenizer), tokenizer)
    outside = tmp_path / "outside.txt"
    files: Mapping[str, str] = {**saved.tokenizer_files, str(outside): "x", "../../above.txt": "x"}
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    SavedEncoder(saved.config, files).tokenizer([])
    assert list(tmp_path.iterdir()) == []


def pretrained_dir(folder: Path, network: torch.nn.Module) -> str:
    word_piece_tokenizer(["a", "b", "c", "##a", "##b"]).save_pretrained(folder)
    network.save_pretrained(folder)
    return str(folder)


def test_an_encoder_saved_in_bfloat16_is_trained_in_float32(tmp_path):
    original = BertModel(BertConfig(**TINY)).to(torch.bfloat16)
    encoder = PretrainedEncoder(pretrained_dir(tmp_path, original))
    network = encoder.network(TAGS, encoder.tokenizer([]))
    assert {parameter.dtype for parameter in network.parameters()} == {torch.float32}
    loaded = network.bert.embeddings.word_embeddings.weight
    assert torch.equal(loaded, original.embeddings.word_embeddings.weight.float())


def test_a_pretrained_encoder_has_a_head_with_the_names_of_the_tags(tmp_path):
    encoder = PretrainedEncoder(pretrained_dir(tmp_path, BertModel(BertConfig(**TINY))))
    network = encoder.network(TAGS, encoder.tokenizer([]))
    assert isinstance(network, BertForTokenClassification)
    assert network.config.id2label == dict(enumerate(TAGS.tags))
    assert network.config.label2id == TAGS.tag_ids
    assert network.classifier.out_features == len(TAGS.tags)


def test_an_encoder_without_a_head_gets_the_random_head_of_transformers(tmp_path, caplog):
    folder = pretrained_dir(tmp_path, BertModel(BertConfig(**TINY)))
    torch.manual_seed(7)
    stock = AutoModelForTokenClassification.from_pretrained(folder, dtype=torch.float32, **label_maps(TAGS))
    drawn = torch.rand(3)
    torch.manual_seed(7)
    ours = network_of(folder)
    assert torch.equal(torch.rand(3), drawn)
    for name, weights in stock.state_dict().items():
        assert torch.equal(ours.state_dict()[name], weights)
    assert not of_ours(caplog)


def network_of(folder: str) -> PreTrainedModel:
    encoder = PretrainedEncoder(folder)
    return encoder.network(TAGS, encoder.tokenizer([]))


def of_ours(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name.startswith("ner_lightning")]


def fine_tuned(tags: TagSet) -> BertForTokenClassification:
    network = BertForTokenClassification(BertConfig(**TINY, **label_maps(tags)))
    torch.nn.init.ones_(network.classifier.weight)
    return network


def test_a_token_classifier_with_the_same_tags_keeps_its_head(tmp_path, caplog):
    folder = pretrained_dir(tmp_path, fine_tuned(TAGS))
    assert network_of(folder).classifier.weight.eq(1).all()
    assert not of_ours(caplog)


@pytest.mark.parametrize(
    "other", [TagSet(BIO(), ("LOC", "ORG", "PER")), TagSet(BIO(), ("ORG", "LOC"))], ids=["another number", "as many"]
)
def test_a_head_with_other_tags_is_replaced_and_reported_in_one_line(tmp_path, caplog, other):
    saved = fine_tuned(other)
    folder = pretrained_dir(tmp_path, saved)
    with caplog.at_level(logging.WARNING):
        network = network_of(folder)
    assert not network.training
    assert network.config.id2label == dict(enumerate(TAGS.tags))
    assert network.classifier.out_features == len(TAGS.tags)
    assert network.classifier.weight.std().item() == pytest.approx(network.config.initializer_range, rel=0.3)
    for name, weights in saved.bert.state_dict().items():
        assert torch.equal(network.bert.state_dict()[name], weights)
    (line,) = of_ours(caplog)
    assert f"the head of {folder} has the tags {', '.join(other.tags)}, which differ from the tags to learn" in line
    assert "\n" not in line


@pytest.mark.parametrize("config", [BertConfig, ModernBertConfig, Qwen3Config])
def test_a_head_over_the_same_tags_in_another_order_is_reordered_and_kept(tmp_path, caplog, config):
    other = ("I-PER", "B-LOC", "O", "B-PER", "I-LOC")
    size = {"hidden_size": 16, "num_key_value_heads": 2, "head_dim": 8, "classifier_bias": True} | SPECIAL_IDS
    names = {"id2label": dict(enumerate(other)), "label2id": {tag: i for i, tag in enumerate(other)}}
    saved = AutoModelForTokenClassification.from_config(config(**TINY | size | names)).eval()
    for name, parameter in saved.named_parameters():
        if not name.startswith(saved.base_model_prefix):
            torch.nn.init.normal_(parameter)
    network = network_of(pretrained_dir(tmp_path, saved))
    assert network.config.id2label == dict(enumerate(TAGS.tags))
    order = [other.index(tag) for tag in TAGS.tags]
    torch.testing.assert_close(logits_of(network), logits_of(saved)[..., order])
    line = of_ours(caplog)[-1]
    assert "has the tags to learn in another order (I-PER, B-LOC, O, B-PER, I-LOC), so it is reordered and kept" in line


def test_a_decoder_keeps_its_causal_mask_and_says_so(tmp_path, caplog):
    folder = pretrained_dir(
        tmp_path, AutoModel.from_config(Qwen3Config(**TINY | SPECIAL_IDS, head_dim=8, num_key_value_heads=2))
    )
    network_of(folder)
    (line,) = of_ours(caplog)
    assert line.startswith(f"{folder} is a decoder-only network and keeps its causal mask")


def test_an_encoder_for_windows_of_one_length_is_refused_in_one_line(tmp_path):
    config = NystromformerConfig(**TINY | {"max_position_embeddings": 130}, segment_means_seq_len=128, num_landmarks=64)
    folder = pretrained_dir(tmp_path, AutoModel.from_config(config))
    with pytest.raises(ValueError, match="the encoder must run on windows of any length") as raised:
        network_of(folder)
    assert "\n" not in str(raised.value)


def test_an_encoder_that_lacks_weights_is_refused(tmp_path):
    """A part of the encoder would be random without anyone noticing."""
    folder = pretrained_dir(tmp_path, BertModel(BertConfig(**TINY)))
    weights = load_file(tmp_path / "model.safetensors")
    del weights["encoder.layer.0.output.dense.weight"]
    save_file(weights, tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.raises(ValueError, match=r"must have all of its weights, .* lacks 1 of .*0\.output\.dense\.weight"):
        network_of(folder)


def test_an_encoder_whose_weights_do_not_fit_its_config_is_refused(tmp_path):
    folder = pretrained_dir(tmp_path, BertModel(BertConfig(**TINY)))
    BertConfig(**TINY | {"vocab_size": 31}).save_pretrained(folder)
    with pytest.raises(
        ValueError, match=r"must have the shapes given by its config, but these in .* differ: .*word_embeddings"
    ):
        network_of(folder)


def test_a_truncated_weights_file_is_reported_in_one_line(tmp_path):
    folder = pretrained_dir(tmp_path, BertModel(BertConfig(**TINY)))
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5000])
    with pytest.raises(ValueError, match="the encoder must be a folder") as raised:
        network_of(folder)
    assert "\n" not in str(raised.value)


def test_a_pretrained_tokenizer_is_limited_to_the_maximum_length_of_the_network(tmp_path):
    encoder = PretrainedEncoder(pretrained_dir(tmp_path, BertModel(BertConfig(**TINY))))
    assert load_tokenizer(encoder.name_or_path).model_max_length > 10**6
    assert encoder.tokenizer([]).model_max_length == 32


@pytest.mark.parametrize("name", ["no/such/folder", "./missing", "nobody/no-such-encoder", "no-such-encoder"])
def test_a_missing_encoder_is_reported_in_one_line(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="the encoder must be a folder, or the id of a model on a hub") as raised:
        PretrainedEncoder(name).tokenizer([])
    assert name in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_folder_without_an_encoder_is_reported_in_one_line(tmp_path):
    with pytest.raises(ValueError, match="the encoder must be a folder") as raised:
        PretrainedEncoder(str(tmp_path)).tokenizer([])
    assert "\n" not in str(raised.value)


def test_a_full_disk_for_temporary_files_is_reported() -> None:
    tokenizer = SMALL_BERT.tokenizer(SENTENCES)
    network = SMALL_BERT.network(TAGS, tokenizer)
    # only the file that the tokenizers library writes is larger than this
    with largest_file(3000), pytest.raises(OSError, match=f"File too large: '{tempfile.gettempdir()}/"):
        SavedEncoder.of(network, tokenizer)
