"""Families of encoders, from configurations and tokenizers built like theirs: the table of ``docs/encoders.md``."""

import re
from functools import cache
from pathlib import Path

import pytest
import torch
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForTokenClassification,
    AutoTokenizer,
    BertConfig,
    BertJapaneseTokenizer,
)

from ner_lightning.bundle import BundleError, load_bundle, save_bundle
from ner_lightning.bundle_settings import BundleSettings
from ner_lightning.encoding.alignment import WordTokenizer
from ner_lightning.encoding.batches import EvaluationBatch, WindowEncoder, tag_rows
from ner_lightning.entities import EntitySpan
from ner_lightning.modeling.encoders import PretrainedEncoder, SavedEncoder
from ner_lightning.modeling.token_classifier import TokenClassifier
from ner_lightning.schemes import BIO, TagSet
from ner_lightning.sentences import Sentence
from support.family_tokenizers import BUILDERS, saved_tokenizer

PAGE = Path(__file__).parents[2] / "docs/encoders.md"
TAGS = TagSet(BIO(), ("PER", "LOC"))
SENTENCES = [
    Sentence(
        ("John", "lives", "in", "New", "York", "City", "."),
        (EntitySpan(0, 1, "PER"), EntitySpan(3, 6, "LOC")),
        "0",
    ),
    Sentence(("Mira",), (EntitySpan(0, 1, "PER"),), "1"),
    Sentence(("The", "lake", "in", "Varhaven", ",", "said", "Ana", "."), (EntitySpan(3, 4, "LOC"),), "2"),
    Sentence(("(", "12", "a", ",", "345", "b", ")"), (), "3"),
]
COMMON = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 80,
}
XLNET = {"d_model": 16, "n_layer": 2, "n_head": 2, "d_inner": 32}
BLOCKS = {
    "block_sizes": [1, 1],
    "d_model": 16,
    "n_head": 2,
    "d_head": 8,
    "d_inner": 32,
    "architectures": ["FunnelModel"],
}
T5 = {"d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 2, "num_heads": 2}
DISENTANGLED = {"relative_attention": True, "pos_att_type": ["p2c", "c2p"], "position_biased_input": False}
V3 = {"position_buckets": 16, "share_att_key": True, "norm_rel_ebd": "layer_norm", "type_vocab_size": 0}
DISTILLED = {"dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 32, "max_position_embeddings": 80}
FAMILIES: dict[str, tuple[str, str, dict[str, object], str]] = {  # model type, tokenizer, settings, how it runs
    "BERT": ("bert", "bert", COMMON, "packed"),
    "DistilBERT": ("distilbert", "bert", DISTILLED, "packed"),
    "RoBERTa": ("roberta", "roberta", COMMON, "packed"),
    "XLM-R": ("xlm-roberta", "xlm-roberta", COMMON, "packed"),
    "CamemBERT": ("camembert", "xlm-roberta", COMMON, "packed"),
    "ELECTRA": ("electra", "bert", {**COMMON, "embedding_size": 8}, "packed"),
    "ALBERT": ("albert", "xlm-roberta", {**COMMON, "embedding_size": 8}, "packed"),
    "DeBERTa-v2": ("deberta-v2", "deberta-v3", {**COMMON, **DISENTANGLED}, "padded"),
    "DeBERTa-v3": ("deberta-v2", "deberta-v3", {**COMMON, **DISENTANGLED, **V3}, "padded"),
    "MPNet": ("mpnet", "bert", COMMON, "padded"),
    "ModernBERT": ("modernbert", "modernbert", {**COMMON, "local_attention": 8}, "padded"),
    "mmBERT": ("modernbert", "gemma", {**COMMON, "local_attention": 8}, "padded"),
    "EuroBERT": ("eurobert", "eurobert", {**COMMON, "num_key_value_heads": 1}, "packed"),
    "Longformer": ("longformer", "roberta", {**COMMON, "attention_window": 8}, "padded"),
    "BigBird": ("big_bird", "deberta-v3", COMMON, "padded"),
    "XLNet": ("xlnet", "xlnet", XLNET, "padded"),
    "T5 encoder": ("t5", "t5", T5, "padded"),
    "FNet": ("fnet", "deberta-v3", {**COMMON, "type_vocab_size": 4}, "by length"),
    "Funnel": ("funnel", "bert", BLOCKS, "by length"),
    "YOSO": ("yoso", "bert", COMMON, "by length"),
    "ConvBERT": ("convbert", "bert", {**COMMON, "embedding_size": 16}, "by length"),
    "GPT-2": ("gpt2", "llama", {"n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 80}, "packed"),
    "Llama": ("llama", "llama", {**COMMON, "num_key_value_heads": 1}, "packed"),
    "Mistral": ("mistral", "llama", {**COMMON, "num_key_value_heads": 1, "sliding_window": 8}, "padded"),
    "Qwen3": ("qwen3", "llama", {**COMMON, "num_key_value_heads": 1, "head_dim": 8, "max_window_layers": 2}, "packed"),
    "Gemma 2": ("gemma2", "gemma", {**COMMON, "num_key_value_heads": 1, "head_dim": 8}, "padded"),
    "Bloom": ("bloom", "bloom", {"hidden_size": 16, "n_layer": 2, "n_head": 2}, "padded"),
    "Falcon": ("falcon", "bloom", {key: COMMON[key] for key in list(COMMON)[:3]}, "padded"),
}
SLOW = ("DeBERTa-v2", "FNet", "YOSO", "ConvBERT", "GPT-2", "Mistral", "Bloom", "Falcon", "CamemBERT")
families = pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] if name in SLOW else []) for name in FAMILIES]
)


@cache
def encoder_of(name: str) -> PretrainedEncoder:
    """An encoder as on the hub: a folder with a base model of random weights and its tokenizer."""
    model_type, tokenizer_name, settings, _ = FAMILIES[name]
    folder = Path(saved_tokenizer(tokenizer_name)).with_name(f"{name.replace(' ', '-')}-{id(FAMILIES)}")
    tokenizer = AutoTokenizer.from_pretrained(saved_tokenizer(tokenizer_name))
    special = {f"{key}_token_id": tokenizer.convert_tokens_to_ids(token) for key, token in special_of(tokenizer_name)}
    torch.manual_seed(0)
    config = AutoConfig.for_model(model_type, vocab_size=len(tokenizer), **settings | special)
    AutoModel.from_config(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return PretrainedEncoder(str(folder))


def special_of(tokenizer_name: str) -> list[tuple[str, str]]:
    special = BUILDERS[tokenizer_name][2]
    twins = {"cls": special.get("cls", special.get("bos")), "sep": special.get("sep", special.get("eos"))}
    twins |= {"bos": twins["cls"], "eos": twins["sep"], "pad": special.get("pad", special.get("eos"))}
    return [(key, token) for key, token in twins.items() if token is not None]


def test_the_page_on_encoders_lists_the_families_that_are_tested():
    rows = re.findall(r"^\| ([^|]+?) \| yes[^|]*\| ([^|]+?) \|", PAGE.read_text("utf-8"), re.MULTILINE)
    runs = {"no": "padded", "yes": "packed", "yes, by length": "by length"}
    assert {name: runs[without] for name, without in rows} == {name: row[3] for name, row in FAMILIES.items()}


@families
def test_a_family_trains_and_its_bundle_gives_the_same_logits_in_any_batch_and_in_stock_transformers(name, tmp_path):
    encoder = encoder_of(name)
    tokenizer = encoder.tokenizer([])
    window_encoder = WindowEncoder(WordTokenizer(tokenizer), TAGS)
    network = encoder.network(TAGS, tokenizer)
    classifier = TokenClassifier(network)
    runs = "packed" if classifier.packs else "by length" if classifier.groups else "padded"
    assert runs == FAMILIES[name][3]

    windows = [window for _, row in window_encoder.encode(SENTENCES) for window in row]
    assert len(windows) == len(SENTENCES)
    batch = window_encoder.collate(windows)
    optimizer = torch.optim.AdamW(classifier.parameters(), lr=0.01)
    losses = []
    for _ in range(8):
        logits = classifier.train()(batch.input_ids, batch.attention_mask)
        loss = torch.nn.functional.cross_entropy(logits, batch.labels[batch.attention_mask])
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert losses[-1] < losses[0]

    classifier.eval()
    with torch.inference_mode():
        together = classifier.sentence_logits(evaluation_batch(window_encoder, SENTENCES))
        for row, sentence in zip(together, SENTENCES, strict=True):
            alone = classifier.sentence_logits(evaluation_batch(window_encoder, [sentence]))[0]
            torch.testing.assert_close(row[: len(sentence)], alone, atol=1e-5, rtol=1e-5)

    save_bundle(tmp_path / "model", network, tokenizer, BundleSettings(tags=TAGS, max_subwords=64))
    bundle = load_bundle(tmp_path / "model")
    stock = AutoModelForTokenClassification.from_pretrained(tmp_path / "model", dtype=torch.float32).eval()
    inputs = AutoTokenizer.from_pretrained(tmp_path / "model")(" ".join(SENTENCES[0].words), return_tensors="pt")
    assert inputs["input_ids"][0].tolist() == list(windows[0].input_ids)
    with torch.inference_mode():
        expected = stock(**inputs).logits[0][list(windows[0].word_starts)]
        torch.testing.assert_close(together[0, : len(expected)], expected, atol=1e-5, rtol=1e-5)
        loaded = bundle.classifier.sentence_logits(evaluation_batch(bundle.window_encoder, SENTENCES))
        torch.testing.assert_close(loaded, together, atol=1e-5, rtol=1e-5)


def test_a_bundle_with_a_slow_tokenizer_is_complete(tmp_path):
    (tmp_path / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b"]))
    tokenizer = BertJapaneseTokenizer(
        str(tmp_path / "vocab.txt"), word_tokenizer_type="basic", subword_tokenizer_type="character"
    )
    tokenizer.save_pretrained(tmp_path / "encoder")
    AutoModel.from_config(BertConfig(**COMMON, vocab_size=7)).save_pretrained(tmp_path / "encoder")
    encoder = PretrainedEncoder(str(tmp_path / "encoder"))
    tokenizer = encoder.tokenizer([])
    network = encoder.network(TAGS, tokenizer).eval()
    assert SavedEncoder.of(network, tokenizer).tokenizer([]).get_vocab() == tokenizer.get_vocab()
    save_bundle(tmp_path / "model", network, tokenizer, BundleSettings(tags=TAGS, max_subwords=32))
    bundle = load_bundle(tmp_path / "model")
    sentences = [Sentence(("ab", "", "a", "c"))]
    expected = (
        TokenClassifier(network)
        .eval()
        .sentence_logits(evaluation_batch(WindowEncoder(WordTokenizer(tokenizer, 32), TAGS), sentences))
    )
    found = bundle.classifier.sentence_logits(evaluation_batch(bundle.window_encoder, sentences))
    torch.testing.assert_close(found, expected)
    (tmp_path / "model/vocab.txt").unlink()
    with pytest.raises(BundleError, match=r"tokenizer\.json is missing"):
        load_bundle(tmp_path / "model")


def evaluation_batch(encoder: WindowEncoder, sentences: list[Sentence]) -> EvaluationBatch:
    windows = [window for _, row in encoder.encode(sentences) for window in row]
    rows = tag_rows(sentences, TAGS)
    return EvaluationBatch((encoder.collate(windows),), tuple(sentences), rows, rows)
