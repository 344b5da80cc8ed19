import itertools
import json
from dataclasses import replace

import pytest
from transformers import pipeline

from ner_lightning.bundle_settings import BundleSettings
from ner_lightning.schemes import BIO, BIOES, IO, TagSet
from ner_lightning.sentence_splitting import LanguageSentences, WholeTexts
from ner_lightning.word_splitting import CharacterSplitter
from support.small_bundles import TAGS, small_bert


@pytest.mark.parametrize("subwords", ["first", "all"])
@pytest.mark.parametrize("scheme", [IO(), BIO(), BIOES()])
def test_settings_are_the_same_after_a_round_trip_through_json(scheme, subwords):
    settings = BundleSettings(TagSet(scheme, ("A", "B-C")), 128, subwords=subwords, scores={"test/f1": 0.25})
    plain = json.loads(json.dumps(settings.to_plain()))
    assert BundleSettings.from_plain(plain) == settings
    assert plain["pipeline_strategy"] == ("first" if subwords == "first" else "simple")
    assert set(plain["versions"]) == {"python", "ner-lightning", "torch", "transformers", "tokenizers"}


@pytest.mark.parametrize("scheme", [IO(), BIO(), BIOES()])
def test_pipeline_reads_entities_is_true_if_the_stock_pipeline_finds_the_same_entities(scheme):
    tags = TagSet(scheme, ("LOC", "PER"))
    network, tokenizer = small_bert(tags)
    stock = pipeline("token-classification", model=network, tokenizer=tokenizer)
    differing = 0
    for ids in itertools.product(range(len(tags.tags)), repeat=4):
        words = [
            {"entity": tags.tags[i], "score": 1.0, "word": "a", "start": position, "end": position + 1}
            for position, i in enumerate(ids)
        ]
        groups = [group for group in stock.group_entities(words) if group["entity_group"] != "O"]
        ours = [(entity.start, entity.end, entity.entity_type) for entity in tags.read(ids)]
        differing += ours != [(group["start"], group["end"], group["entity_group"]) for group in groups]
    assert BundleSettings(tags, 40).pipeline_reads_entities == (differing == 0)


def test_invalid_settings_are_refused_at_construction():
    for wrong in ({"subwords": "none"}, {"overlap": -1}, {"max_subwords": 1.5}, {"unit": "x"}, {"context": -1}):
        with pytest.raises(ValueError, match="must be"):
            replace(BundleSettings(TAGS, 40), **wrong)


def test_a_bundle_of_the_first_format_reads_texts_whole():
    plain = BundleSettings(TAGS, 40).to_plain()
    del plain["sentence_splitter"], plain["window"]["trained_subwords"]
    settings = BundleSettings.from_plain(plain | {"format_version": 1})
    assert settings.sentence_splitter == WholeTexts()
    assert settings.window_subwords == 40
    with pytest.raises(ValueError, match="incomplete: sentence_splitter, trained_subwords missing"):
        BundleSettings.from_plain(plain)


def test_the_splitters_and_the_length_of_windows_are_kept():
    settings = BundleSettings(
        TAGS,
        512,
        word_splitter=CharacterSplitter(),
        sentence_splitter=LanguageSentences("zh"),
        trained_subwords=128,
    )
    assert BundleSettings.from_plain(settings.to_plain()) == settings
    assert settings.window_subwords == 128


@pytest.mark.parametrize("read", [{"unit": "document"}, {"context": 64}])
def test_a_bundle_records_how_sentences_are_read_with_their_neighbors(read):
    settings = replace(BundleSettings(TAGS, 40), **read)
    assert BundleSettings.from_plain(json.loads(json.dumps(settings.to_plain()))) == settings


def test_older_bundles_read_sentences_alone():
    plain = BundleSettings(TAGS, 40).to_plain() | {"format_version": 2}
    window = {name: value for name, value in plain["window"].items() if name not in {"unit", "context"}}
    assert BundleSettings.from_plain(plain | {"window": window}) == BundleSettings(TAGS, 40)
