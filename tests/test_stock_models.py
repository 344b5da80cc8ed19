"""Tests of token classifiers of `transformers` that were not trained here."""

import json
import logging
import re
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForTokenClassification, PreTrainedTokenizerBase, pipeline

from ner_lightning import stock_models
from ner_lightning.bundle import BundleError
from ner_lightning.modeling.encoders import label_maps
from ner_lightning.modeling.lenient_decoder import lenient_decoder
from ner_lightning.recognizer import EntityRecognizer
from ner_lightning.schemes import BIO, BIOES, IO, LabelScheme, TagSet
from ner_lightning.stock_models import load_model, load_stock_model, standard_labels, tag_set_of
from support.small_bundles import LESSONS, MAX_SUBWORDS, lesson, random_bundle, small_bert, small_roberta

WORDS = [lesson(line).words for line in LESSONS]
BIO_LABELS = ["I-PER", "O", "B-LOC", "B-PER", "I-LOC"]
LABELS = {
    "shuffled BIO": (BIO_LABELS, "BIO"),
    "IOB1 without B-MISC": (["O", "I-PER", "B-PER", "I-MISC", "I-LOC", "B-LOC"], "BIO"),
    "IO": (["I-PER", "I-LOC", "O"], "IO"),
    "bare types": (["PER", "LOC", "ORG", "MISC", "DATE", "O"], "IO"),
    "bare prefixes": (["I", "O", "B"], "BIO"),
    "BILOU": (["U-PER", "L-PER", "I-PER", "B-PER", "O"], "BIOES"),
    "IOE2": (["E-PER", "I-PER", "O"], "BIOES"),
    "lower case": (["o", "b_per", "i_per"], "BIO"),
    "suffixes": (["O", "PER-B", "PER-I", "LOC-B"], "BIO"),
}


def stock(folder: Path, labels: list[str], **options: object) -> Path:
    """Save a tiny network with random weights and these labels, as `transformers` saves it."""
    network, tokenizer = small_bert(TagSet(IO(), tuple(f"T{i}" for i in range(len(labels) - 1))))
    network.config.update({"id2label": dict(enumerate(labels)), "label2id": {name: i for i, name in enumerate(labels)}})
    network.save_pretrained(folder, **options)
    tokenizer.save_pretrained(folder)
    return folder


def change_weights(folder: Path, changes: dict[str, torch.Tensor | None]) -> None:
    path = folder / "model.safetensors"
    weights = load_file(path) | changes
    save_file({name: weight for name, weight in weights.items() if weight is not None}, path, {"format": "pt"})


def first_subword_labels(folder: Path, words: list[str]) -> list[str]:
    """Return the label of each word by plain `transformers`."""
    network = AutoModelForTokenClassification.from_pretrained(folder)
    tokenizer: PreTrainedTokenizerBase = small_bert()[1]
    encoded = tokenizer(words, is_split_into_words=True, return_tensors="pt")
    with torch.inference_mode():
        best = network(**encoded).logits[0].argmax(dim=-1).tolist()
    owners = encoded.word_ids()
    return [network.config.id2label[best[owners.index(word)]] for word in range(len(words))]


@pytest.mark.parametrize("name", LABELS)
def test_every_word_gets_the_label_that_transformers_gives_it(name: str, tmp_path: Path) -> None:
    labels, scheme = LABELS[name]
    folder = stock(tmp_path / "stock", labels)
    recognizer = EntityRecognizer.from_pretrained(folder)
    assert recognizer.settings.tags.scheme.name == scheme
    standard = dict(zip(labels, standard_labels(labels), strict=True))
    sentences = [recognizer.split(" ".join(words)) for words in WORDS]
    predicted = recognizer.predict_annotated(sentences)
    expected = [tuple(standard[label] for label in first_subword_labels(folder, list(words))) for words in WORDS]
    assert [sentence.predicted_tags for sentence in predicted] == expected
    assert [s.predicted for s in predicted] == [
        tuple(spans) for spans in recognizer.recognize_words([s.words for s in sentences])
    ]
    assert len({tag for row in expected for tag in row}) > 1


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("labels", [BIO_LABELS, LABELS["IOB1 without B-MISC"][0]], ids=["BIO", "IOB1"])
def test_entities_equal_those_of_the_pipeline(labels: list[str], tmp_path: Path) -> None:
    folder = stock(tmp_path / "stock", labels)
    texts = [" ".join(words) for words in WORDS]
    theirs = pipeline("token-classification", str(folder), aggregation_strategy="first")(texts)
    ours = EntityRecognizer.from_pretrained(folder)(texts)
    assert sum(map(len, ours)) >= len(texts)
    for own, other in zip(ours, theirs, strict=True):
        assert [(e.start, e.end, e.type) for e in own] == [(e["start"], e["end"], e["entity_group"]) for e in other]


@pytest.mark.parametrize("scheme", [IO(), BIO(), BIOES()], ids=repr)
@pytest.mark.parametrize("num_words", [1, 2, 3])
def test_a_score_is_the_probability_that_the_span_is_read_leniently(scheme: LabelScheme, num_words: int) -> None:
    """Checked by brute force over all tag sequences."""
    tags = TagSet(scheme, ("PER", "LOC"))
    logits = 2 * torch.randn(1, num_words, len(tags.tags), generator=torch.Generator().manual_seed(0)).double()
    by_word = logits[0].softmax(dim=-1).numpy()
    probability_by_span: dict[object, float] = {}
    for sequence in product(range(len(tags.tags)), repeat=num_words):
        probability = float(np.prod([by_word[word, tag] for word, tag in enumerate(sequence)]))
        for span in tags.read(sequence):
            probability_by_span[span] = probability_by_span.get(span, 0.0) + probability
    mask = torch.ones(1, num_words, dtype=torch.bool)
    (scores,) = lenient_decoder().span_scores(logits, mask, [list(probability_by_span)], tags, None)
    assert scores == pytest.approx(list(probability_by_span.values()), abs=1e-12)
    assert len(scores) == 2 * num_words * (num_words + 1) // 2


def test_an_entity_of_a_network_that_learned_iob1_has_a_high_score(tmp_path: Path) -> None:
    folder = stock(tmp_path / "stock", ["O", "I-PER", "B-LOC"])
    change_weights(folder, {"classifier.weight": torch.zeros(3, 16), "classifier.bias": torch.tensor([0.0, 9.0, 0.0])})
    (entities,) = EntityRecognizer.from_pretrained(folder).recognize_words([("Bill", "Gates")])
    assert [(span.start, span.end, span.entity_type) for span in entities] == [(0, 2, "PER")]
    assert entities[0].score is not None
    assert entities[0].score > 0.99


def test_a_sharded_model_with_a_pooler_and_saved_positions_gives_the_same_entities(tmp_path: Path) -> None:
    plain = stock(tmp_path / "plain", BIO_LABELS)
    sharded = stock(tmp_path / "sharded", BIO_LABELS, max_shard_size="8KB")
    assert len([*sharded.glob("model-*.safetensors")]) > 1
    pooled = stock(tmp_path / "pooled", BIO_LABELS)
    extra = {"bert.pooler.dense.weight": torch.zeros(16, 16), "bert.embeddings.position_ids": torch.zeros(1, 42).long()}
    change_weights(pooled, extra)
    expected, *others = (EntityRecognizer.from_pretrained(folder)("Bill left") for folder in (plain, sharded, pooled))
    assert others == [expected, expected]


def test_a_tokenizer_without_a_prefix_space_is_loaded_as_for_training(tmp_path: Path) -> None:
    network, tokenizer = small_roberta(tmp_path)
    network.save_pretrained(tmp_path / "stock")
    tokenizer.save_pretrained(tmp_path / "stock")
    settings = tmp_path / "stock" / "tokenizer_config.json"
    settings.write_text(json.dumps(json.loads(settings.read_text()) | {"add_prefix_space": False}))
    encoder = load_model(tmp_path / "stock").window_encoder
    (encoded,) = encoder.tokenizer.encode([["Bill", "left"]])
    assert list(encoded.subword_ids) == tokenizer("Bill left", add_special_tokens=False)["input_ids"]


def test_what_was_recognized_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    bundle = load_model(stock(tmp_path / "stock", BIO_LABELS))
    (record,) = [record for record in caplog.records if record.name == stock_models.__name__]
    assert "labels are read as BIO, with the types LOC, PER, and each word gets its most probable tag" in record.message
    assert bundle.settings.max_subwords == MAX_SUBWORDS
    assert bundle.settings.tags == TagSet(BIO(), ("LOC", "PER"))


def without(*names: str) -> object:
    return lambda folder: [(folder / name).unlink() for name in names]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (without("model.safetensors"), "must have its weights in model.safetensors, which is missing"),
        (
            lambda folder: (folder / "model.safetensors").rename(folder / "pytorch_model.bin"),
            "pytorch_model.bin is not read, so save the model again with save_pretrained",
        ),
        (
            without("tokenizer.json", "tokenizer_config.json"),
            "must have its tokenizer in tokenizer.json, which is missing",
        ),
        (without("config.json"), "is not a bundle: ner_lightning.json is missing"),
        (lambda folder: (folder / "config.json").write_text("{"), "config.json"),
        (lambda folder: (folder / "config.json").write_text('{"model_type": "no such"}'), "the model must be loadable"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"x" * 99), "the model must be loadable"),
        (lambda folder: (folder / "adapter_config.json").write_text("{}"), "got an adapter"),
        (lambda folder: change_weights(folder, {"classifier.bias": None}), "these are missing: classifier.bias"),
        (lambda folder: change_weights(folder, {"bert.other": torch.zeros(1)}), "but 1 are unused: bert.other"),
        (lambda folder: change_weights(folder, {"classifier.bias": torch.full((5,), torch.nan)}), "must be finite"),
        (lambda folder: change_weights(folder, {"classifier.bias": torch.zeros(7)}), "the model must be loadable"),
        (lambda folder: (folder / "ner_lightning.json").write_text("{}"), "must have a .format_version."),
        (lambda folder: (folder / "decoder.safetensors").write_text(""), "ner_lightning.json is missing"),
    ],
)
def test_a_damaged_model_is_refused_in_one_line(damage, message: str, tmp_path: Path) -> None:
    folder = stock(tmp_path / "stock", BIO_LABELS)
    damage(folder)
    with pytest.raises(BundleError, match=message) as raised:
        load_model(folder)
    assert "\n" not in str(raised.value)
    assert str(folder) in str(raised.value)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["LABEL_0", "LABEL_1"], "got LABEL_0, LABEL_1 without O; correct id2label in its config.json"),
        (["B-PER", "I-PER"], "got B-PER, I-PER without O"),
        (["O", "B-PER", "I-PER", "X"], "got 'X' among O, B-PER, I-PER, X"),
        (["O", "X", "[CLS]", "[SEP]", "B-PER", "I-PER"], "got 'B-PER' beside labels that are not tags"),
        (["O", "B-PER", "b-PER"], "a different tag, got B-PER, b-PER for B-PER"),
        (["O", "L-PER", "E-PER"], "a different tag, got L-PER, E-PER for E-PER"),
        (["O", "B-ORG|B-LOC"], "got 'B-ORG|B-LOC' among"),
        (["NOUN", "VERB", "ADJ", "ADV", "X", "PUNCT"], "NOUN, VERB, ADJ, ADV, X, … without O"),
    ],
)
def test_labels_that_are_not_tags_are_refused(labels: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)) as raised:
        standard_labels(labels)
    assert "\n" not in str(raised.value)


def test_a_model_that_knows_only_the_tag_for_other_words_is_refused() -> None:
    with pytest.raises(ValueError, match="got only O"):
        tag_set_of(["O"])


def test_a_model_from_the_hub_is_fetched_without_code_and_named_by_its_id(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    folder = stock(tmp_path / "cache", BIO_LABELS)
    asked = []

    def fetch(name: str, **options: object) -> str:
        asked.append((name, options["allow_patterns"], options["local_files_only"]))
        return str(folder)

    monkeypatch.setattr(stock_models, "snapshot_download", fetch)
    monkeypatch.chdir(tmp_path)
    assert load_model("owner/name").settings.tags.entity_types == ("LOC", "PER")
    assert asked == [("owner/name", ["*.json", "*.safetensors", "*.txt", "*.model"], True)]
    assert "owner/name was not trained here" in caplog.text
    for path in ("cache/none/deeper", "name", "./owner/name", "/owner/name"):
        with pytest.raises(BundleError, match="a bundle must be a folder, found nothing"):
            load_model(path)
    random_bundle(tmp_path / "owner" / "name")  # a folder is never looked for on the hub
    assert load_model("owner/name").settings.tags.entity_types == ("LOC", "ORG", "PER")
    assert len(asked) == 1


def test_a_model_that_the_hub_cannot_give_is_refused_in_one_line() -> None:
    with pytest.raises(BundleError, match="owner/no-model: a model must be a folder, or the id of a model") as raised:
        load_model("owner/no-model")
    assert "\n" not in str(raised.value)


def test_label_maps_are_those_of_the_new_order(tmp_path: Path) -> None:
    bundle = load_stock_model(stock(tmp_path / "stock", BIO_LABELS))
    config = bundle.classifier.network.config
    assert config.id2label == label_maps(bundle.settings.tags)["id2label"]
    assert config.num_labels == 5


def test_windows_and_packing_are_those_of_training(tmp_path: Path) -> None:
    """Tags that a network lacks must not hide a difference between the ways in which it can run."""
    labels = LABELS["IOB1 without B-MISC"][0]
    bundle = load_model(stock(tmp_path / "stock", labels))
    assert bundle.classifier.packs
    recognizer = EntityRecognizer(bundle)
    long = [word for words in WORDS * 5 for word in words]
    alone = recognizer.recognize_words([long])
    assert recognizer.recognize_words([*WORDS, long])[-1:] == alone
