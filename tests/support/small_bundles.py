"""Tiny networks, tokenizers and bundles shared by the tests."""

from pathlib import Path

import torch
from tokenizers import ByteLevelBPETokenizer
from transformers import (
    PreTrainedModel,
    PreTrainedTokenizerBase,
    RobertaConfig,
    RobertaForTokenClassification,
    RobertaTokenizer,
)

from ner_lightning.bundle import save_bundle
from ner_lightning.bundle_settings import BundleSettings
from ner_lightning.encoding.alignment import WordTokenizer
from ner_lightning.encoding.batches import WindowEncoder
from ner_lightning.entities import EntitySpan
from ner_lightning.modeling.encoders import SmallBert, label_maps
from ner_lightning.modeling.token_classifier import TokenClassifier
from ner_lightning.schemes import BIO, IGNORE_INDEX, TagSet
from ner_lightning.sentences import Sentence

TAGS = TagSet(BIO(), ("LOC", "ORG", "PER"))
MAX_SUBWORDS = 40
TEXT = "Bill Gates was the CEO of Microsoft in Seattle, Washington."

# words with their types; adjacent names are separated by a comma
LESSONS = [
    "Bill/PER Gates/PER was the CEO of Microsoft/ORG in Seattle/LOC , Washington/LOC .",
    "The CEO of Microsoft/ORG was Bill/PER Gates/PER .",
    "In Seattle/LOC , Bill/PER was in the rain .",
    "Washington/LOC was the CEO of the rain .",
    "The rain in Washington/LOC .",
    "Microsoft/ORG was in Seattle/LOC .",
    "Gates/PER was in Washington/LOC .",
    "The rain was in the CEO .",
]


def lesson(line: str) -> Sentence:
    """Return a sentence from words with types; consecutive words of the same type are one entity."""
    words, _, types = zip(*(item.partition("/") for item in line.split()), strict=True)
    entities: list[EntitySpan] = []
    for position, kind in enumerate(types):
        if kind and position and types[position - 1] == kind:
            entities[-1] = EntitySpan(entities[-1].start, position + 1, kind)
        elif kind:
            entities.append(EntitySpan(position, position + 1, kind))
    return Sentence(words, tuple(entities))


def with_large_head_weights(network: PreTrainedModel) -> PreTrainedModel:
    """Enlarge the weights of the head, because usual random weights give almost equal logits."""
    torch.nn.init.normal_(network.classifier.weight, std=1.0)
    return network.eval()


def small_bert(tags: TagSet = TAGS) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Return a BERT with random weights and a WordPiece tokenizer that splits words into letters."""
    torch.manual_seed(0)
    encoder = SmallBert(vocabulary_size=100, hidden_size=16, num_layers=1, num_heads=2, max_subwords=MAX_SUBWORDS)
    tokenizer = encoder.tokenizer([lesson(line).words for line in LESSONS])
    return with_large_head_weights(encoder.network(tags, tokenizer)), tokenizer


def small_roberta(folder: Path, tags: TagSet = TAGS) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Return a RoBERTa with random weights, whose tokenizer needs a space before every word."""
    torch.manual_seed(0)
    trained = ByteLevelBPETokenizer(add_prefix_space=True)
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    lines = [" ".join(lesson(line).words) for line in LESSONS]
    trained.train_from_iterator(lines, vocab_size=300, special_tokens=special, show_progress=False)
    trained.save_model(str(folder))
    tokenizer = RobertaTokenizer(
        vocab=str(folder / "vocab.json"),
        merges=str(folder / "merges.txt"),
        add_prefix_space=True,
        model_max_length=MAX_SUBWORDS,
    )
    config = RobertaConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=MAX_SUBWORDS + 2,
        pad_token_id=tokenizer.pad_token_id,
        **label_maps(tags),
    )
    return with_large_head_weights(RobertaForTokenClassification(config)), tokenizer


def random_bundle(folder: Path, tags: TagSet = TAGS) -> Path:
    """Save a bundle of a BERT with random weights."""
    network, tokenizer = small_bert(tags)
    save_bundle(folder, network, tokenizer, BundleSettings(tags, MAX_SUBWORDS, overlap=10))
    return folder


def trained_bundle(folder: Path) -> Path:
    """Save a bundle of a BERT that is trained to reproduce the lessons."""
    torch.manual_seed(0)
    encoder = SmallBert(
        vocabulary_size=200, hidden_size=32, num_layers=1, num_heads=2, max_subwords=MAX_SUBWORDS, dropout=0.0
    )
    sentences = [lesson(line) for line in LESSONS]
    tokenizer = encoder.tokenizer([sentence.words for sentence in sentences])
    network = encoder.network(TAGS, tokenizer)
    # small position embeddings, so that the lessons are recognized anywhere in a text
    torch.nn.init.normal_(network.bert.embeddings.position_embeddings.weight, std=0.02)
    windows = WindowEncoder(WordTokenizer(tokenizer), TAGS, overlap=10)
    batch = windows.collate([window for _, row in windows.encode(sentences) for window in row])
    labels = batch.labels[batch.attention_mask]
    classifier = TokenClassifier(network).train()
    optimizer = torch.optim.AdamW(classifier.parameters(), lr=5e-3)
    for _ in range(80):
        logits = classifier(batch.input_ids, batch.attention_mask)
        loss = torch.nn.functional.cross_entropy(logits, labels, ignore_index=IGNORE_INDEX)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    settings = BundleSettings(TAGS, MAX_SUBWORDS, overlap=10, scores={"test/f1": 1.0}, corpus_checksum="abc")
    save_bundle(folder, network, tokenizer, settings)
    return folder
