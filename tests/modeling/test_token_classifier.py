import copy
import resource
import string

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoModelForTokenClassification, BertConfig, DebertaV2Config, MistralConfig, RobertaConfig

from ner_lightning.encoding.alignment import WordTokenizer
from ner_lightning.encoding.batches import Batch, EvaluationBatch, WindowEncoder, split_into_passes, tag_rows
from ner_lightning.modeling import packed_attention
from ner_lightning.modeling.packed_attention import PACKED_ATTENTION, PackedLayout
from ner_lightning.modeling.token_classifier import TokenClassifier, depends_on_padding, find_first_position, max_window
from ner_lightning.sentences import Sentence
from support.architectures import (
    BERT,
    CONFIGS,
    GROUPED,
    PACKING,
    PADDING,
    ROTARY,
    ROTARY_PACKING,
    SHARED,
    TAGS,
    network_of,
    random_batch,
)
from support.strategies import word_piece_tokenizer

LETTERS = string.ascii_lowercase
WORDS = WordTokenizer(word_piece_tokenizer([*LETTERS[:-3], "##x", "##y"]), max_subwords=12)

packing = pytest.mark.parametrize("name", PACKING)


@pytest.mark.parametrize("longest_whole", [0, 32], ids=["by window", "whole"])
@pytest.mark.parametrize("name", [*PACKING, *ROTARY_PACKING])
def test_packed_logits_and_gradients_equal_padded_ones(name, longest_whole, monkeypatch):
    monkeypatch.setattr(packed_attention, "MAX_WHOLE", longest_whole)
    config = ROTARY_PACKING[name] if name in ROTARY_PACKING else PACKING[name][0]
    network = network_of(config)
    padded = copy.deepcopy(network)
    classifier = TokenClassifier(network)
    assert classifier.packs
    assert network.config._attn_implementation == PACKED_ATTENTION

    input_ids, mask = random_batch(config.pad_token_id)
    classifier.train()
    padded.train()
    logits = classifier(input_ids, mask)
    expected = padded(input_ids=input_ids, attention_mask=mask.long()).logits[mask]
    torch.testing.assert_close(logits, expected, atol=1e-10, rtol=0)

    weights = torch.randn(logits.shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    (logits * weights).sum().backward()
    (expected * weights).sum().backward()
    gradients = {name: parameter.grad for name, parameter in network.named_parameters()}
    for parameter_name, parameter in padded.named_parameters():
        if parameter.grad is None:
            assert gradients[parameter_name] is None
        else:
            torch.testing.assert_close(gradients[parameter_name], parameter.grad, atol=1e-10, rtol=1e-10)
    assert sum(gradient is not None for gradient in gradients.values()) > 10


@pytest.mark.parametrize("name", [*PACKING, *ROTARY_PACKING])
def test_packed_logits_without_gradients_equal_those_of_each_window_alone(name):
    config = ROTARY_PACKING[name] if name in ROTARY_PACKING else PACKING[name][0]
    network = network_of(config).eval()
    stock = copy.deepcopy(network)
    classifier = TokenClassifier(network)
    input_ids, mask = random_batch(config.pad_token_id)
    with torch.inference_mode():
        alone = [stock(input_ids=ids[keep][None]).logits[0] for ids, keep in zip(input_ids, mask, strict=True)]
        torch.testing.assert_close(classifier(input_ids, mask), torch.cat(alone), atol=1e-10, rtol=0)


@pytest.mark.parametrize("causal", [False, True])
def test_attention_in_parts_equals_attention_at_once(causal, monkeypatch):
    monkeypatch.setattr(packed_attention, "QUERIES_OF_PART", 4)
    rows = torch.randn(3, 1, 2, 10, 6, dtype=torch.float64, requires_grad=True)
    settings = packed_attention._Settings(scale=0.3, dropout=0.0, causal=causal)
    at_once, in_parts = (
        attend(*rows, settings) for attend in (packed_attention._attend_fused, packed_attention._attend_in_parts)
    )
    torch.testing.assert_close(in_parts, at_once, atol=1e-12, rtol=0)
    (expected,) = torch.autograd.grad(at_once.square().sum(), rows)
    (found,) = torch.autograd.grad(in_parts.square().sum(), rows)
    torch.testing.assert_close(found, expected, atol=1e-12, rtol=1e-10)


def test_attention_with_a_sliding_window_is_not_packed():
    config = MistralConfig(**SHARED | ROTARY, sliding_window=4096)  # wider than the windows that packing is tried on
    assert not TokenClassifier(network_of(config)).packs


def test_a_long_window_builds_no_attention_matrix_without_gradients():
    """A whole matrix would hold 4,000 times 4,000 numbers for each head, that is 128 MB."""
    layout = packed_attention.PackedLayout.of(torch.ones(1, 4000, dtype=torch.bool))
    row = torch.randn(1, 2, 4000, 4)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with torch.inference_mode():
        packed_attention.packed_attention(torch.nn.Identity(), row, row, row, None, packed_layout=layout)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 60_000


@packing
def test_the_position_number_of_the_first_subword_is_found(name):
    config, first_position = PACKING[name]
    assert find_first_position(network_of(config)) == first_position


@pytest.mark.parametrize("name", PADDING)
def test_a_network_that_cannot_be_packed_is_run_unchanged_with_padding(name):
    config = PADDING[name]
    network = network_of(config)
    attention = network.config._attn_implementation
    original = copy.deepcopy(network).eval()
    classifier = TokenClassifier(network).eval()
    assert not classifier.packs
    assert network.config._attn_implementation == attention
    input_ids, mask = random_batch(config.pad_token_id)
    expected = original(input_ids=input_ids, attention_mask=mask.long()).logits[mask]
    assert torch.equal(classifier(input_ids, mask), expected)


@pytest.mark.parametrize("name", GROUPED)
def test_a_network_that_padding_changes_runs_windows_of_equal_length_together(name):
    network = network_of(GROUPED[name]).float()
    original = copy.deepcopy(network).eval()
    classifier = TokenClassifier(network).eval()
    assert (classifier.packs, classifier.groups, classifier.computes_padding) == (False, True, False)
    input_ids, mask = random_batch(0, (9, 4, 12, 4))
    alone = [
        original(input_ids=ids[keep][None], attention_mask=torch.ones_like(ids[keep][None])).logits[0]
        for ids, keep in zip(input_ids, mask, strict=True)
    ]
    torch.testing.assert_close(classifier(input_ids, mask), torch.cat(alone), atol=1e-5, rtol=1e-5)
    classifier.train()(input_ids, mask).sum().backward()
    assert sum(parameter.grad is not None for parameter in network.parameters()) > 10


@pytest.mark.parametrize("name", [*PACKING, *PADDING])
def test_a_network_whose_logits_ignore_padding_is_not_run_by_length(name):
    assert not depends_on_padding(network_of(CONFIGS[name]).float())


@pytest.mark.parametrize(("name", "values"), [("deberta-v2", "value_proj"), ("mpnet", "attn.v.")])
def test_a_network_with_custom_attention_is_not_packed_even_if_its_logits_agree(name, values):
    """As long as attention adds nothing, the logits do not show the difference; after some training they would."""
    network = network_of(PADDING[name])
    zeroed = [parameter for key, parameter in network.named_parameters() if values in key]
    assert zeroed
    for parameter in zeroed:
        torch.nn.init.zeros_(parameter)
    assert find_first_position(network) is None


@pytest.mark.parametrize("training", [True, False])
def test_finding_the_first_position_changes_neither_mode_nor_random_state(training):
    network = network_of(BertConfig(**SHARED | BERT | {"hidden_dropout_prob": 0.5})).train(training)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    state = torch.get_rng_state()
    find_first_position(network)
    assert network.training == training
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


def test_attention_has_dropout_in_training_only():
    classifier = TokenClassifier(network_of(BertConfig(**SHARED | BERT | {"attention_probs_dropout_prob": 0.5})))
    input_ids, mask = random_batch(0)
    classifier.train()
    torch.manual_seed(1)
    first, second = classifier(input_ids, mask), classifier(input_ids, mask)
    assert not torch.allclose(first, second)
    torch.manual_seed(1)
    assert torch.equal(classifier(input_ids, mask), first)
    classifier.eval()
    assert torch.equal(classifier(input_ids, mask), classifier(input_ids, mask))


def test_calling_a_packed_network_directly_gives_a_clear_error():
    classifier = TokenClassifier(network_of(PACKING["bert"][0]))
    input_ids, _ = random_batch(0)
    with pytest.raises(ValueError, match="use TokenClassifier"):
        classifier.network(input_ids=input_ids)


def test_a_saved_packed_network_loads_with_the_usual_attention(tmp_path):
    config = PACKING["bert"][0]
    classifier = TokenClassifier(network_of(config)).eval()
    classifier.network.save_pretrained(tmp_path)
    stock = AutoModelForTokenClassification.from_pretrained(tmp_path, dtype=torch.float64)
    assert stock.config._attn_implementation != PACKED_ATTENTION
    input_ids, mask = random_batch(0)
    expected = stock(input_ids=input_ids, attention_mask=mask.long()).logits[mask]
    torch.testing.assert_close(classifier(input_ids, mask), expected, atol=1e-10, rtol=0)


def test_the_layout_contains_places_and_positions_of_all_subwords():
    layout = PackedLayout.of(torch.tensor([[True, True, False], [True, True, True], [True, False, False]]))
    assert layout.places.tolist() == [0, 1, 3, 4, 5, 6]
    assert layout.positions.tolist() == [0, 1, 0, 1, 2, 0]


@pytest.mark.parametrize(
    ("config", "longest"),
    [
        (BertConfig(max_position_embeddings=512), 510),
        (RobertaConfig(max_position_embeddings=514), 512),
        (DebertaV2Config(max_position_embeddings=0), 512),
    ],
)
def test_the_maximum_window_follows_from_the_config(config, longest):
    assert max_window(config) == longest


@packing
def test_a_network_accepts_a_window_of_maximum_length(name):
    """Windows of up to ``max_window`` subwords work in every network; longer ones may fail."""
    config, _ = PACKING[name]
    classifier = TokenClassifier(network_of(config)).eval()
    input_ids, mask = random_batch(config.pad_token_id, (max_window(config), 3))
    assert len(classifier(input_ids, mask)) == max_window(config) + 3


# logits of whole sentences


def sentence_of(num_words: int, first: int = 0) -> Sentence:
    """Return a sentence of different words with one, two or three subwords each."""
    words = (LETTERS[(first + 5 * i) % 23] + "xy"[: (first + i) % 3] for i in range(num_words))
    return Sentence(tuple(words), id=str(num_words))


def evaluation_batch(sentences: list[Sentence], max_subwords: int = 1000) -> EvaluationBatch:
    encoder = WindowEncoder(WORDS, TAGS, overlap=4)
    windows = [window for _, run in encoder.encode(sentences) for window in run]
    passes = tuple(encoder.collate(run) for run in split_into_passes(windows, max_subwords))
    rows = tag_rows(sentences, TAGS)
    return EvaluationBatch(passes, tuple(sentences), rows, rows)


CLASSIFIER = TokenClassifier(network_of(PACKING["bert"][0])).eval()


def logits_of(sentences: list[Sentence], max_subwords: int = 1000) -> torch.Tensor:
    with torch.inference_mode():
        return CLASSIFIER.sentence_logits(evaluation_batch(sentences, max_subwords))


def test_the_logits_of_a_long_sentence_come_from_the_windows_that_own_its_words():
    sentence = sentence_of(20)
    ((_, windows),) = WindowEncoder(WORDS, TAGS, overlap=4).encode([sentence])
    assert len(windows) > 3
    stock = network_of(PACKING["bert"][0]).eval()
    rows = []
    for window in windows:
        logits = stock(input_ids=torch.tensor([window.input_ids])).logits[0]
        rows += [logits[start] for start in window.word_starts]
    assert len(rows) == 20
    torch.testing.assert_close(logits_of([sentence])[0], torch.stack(rows), atol=1e-10, rtol=0)


@settings(deadline=None, max_examples=15)
@given(st.lists(st.integers(0, 15), min_size=1, max_size=5), st.integers(12, 60))
def test_the_logits_of_a_sentence_depend_neither_on_other_sentences_nor_on_passes(lengths, max_subwords):
    sentences = [sentence_of(length, first=i) for i, length in enumerate(lengths)]
    together = logits_of(sentences, max_subwords)
    assert together.shape == (len(lengths), max(lengths), len(TAGS.tags))
    for row, sentence in zip(together, sentences, strict=True):
        alone = logits_of([sentence])[0]
        torch.testing.assert_close(row[: len(sentence)], alone, atol=1e-10, rtol=0)
        assert not row[len(sentence) :].any()


def test_word_logits_are_those_of_the_first_subwords_of_owned_words():
    batch: Batch = evaluation_batch([sentence_of(9), sentence_of(3)]).passes[0]
    with torch.inference_mode():
        subword_logits = CLASSIFIER(batch.input_ids, batch.attention_mask)
        word_logits = CLASSIFIER.word_logits(batch)
    in_place = torch.zeros(*batch.input_ids.shape, len(TAGS.tags), dtype=torch.float64)
    in_place[batch.attention_mask] = subword_logits
    assert torch.equal(word_logits, in_place[batch.word_starts])
    assert len(word_logits) == 12


def test_sentence_logits_are_at_least_float32():
    class HalfPrecision(TokenClassifier):
        def word_logits(self, batch: Batch) -> torch.Tensor:
            return super().word_logits(batch).bfloat16()

    classifier = HalfPrecision(network_of(PACKING["bert"][0])).eval()
    assert classifier.sentence_logits(evaluation_batch([sentence_of(4)])).dtype == torch.float32
    assert logits_of([sentence_of(4)]).dtype == torch.float64
