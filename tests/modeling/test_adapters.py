"""Tests of LoRA: the trained parameters, exact packing, and merging."""

import copy
import sys
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForTokenClassification, PreTrainedModel

from ner_lightning.modeling.adapters import LoRA
from ner_lightning.modeling.token_classifier import TokenClassifier
from support.architectures import CONFIGS, PACKING, network_of, random_batch

ATTENTION = ["query", "value", "q_lin", "v_lin", "query_proj", "value_proj"]  # by the names of all architectures
architectures = pytest.mark.parametrize("name", [*PACKING, "deberta-v2"])


def adapted(name: str, lora: LoRA = LoRA(rank=3, alpha=6.0, dropout=0.0), *, trained: bool = True) -> PreTrainedModel:
    """Return a network with LoRA, in which training has moved ``B`` away from zero."""
    network = network_of(CONFIGS[name])
    lora.insert(network)
    if trained:
        for key, parameter in network.double().named_parameters():
            if "lora_B" in key:
                torch.nn.init.normal_(parameter, std=0.3)
    return network


def logits_of(network: PreTrainedModel) -> torch.Tensor:
    input_ids, mask = random_batch(network.config.pad_token_id)
    with torch.inference_mode():
        return network.eval()(input_ids=input_ids, attention_mask=mask.long()).logits[mask]


@architectures
def test_an_untrained_adapter_does_not_change_the_logits(name: str) -> None:
    assert torch.equal(logits_of(adapted(name, trained=False)), logits_of(network_of(CONFIGS[name])))


@architectures
def test_only_the_updates_and_the_head_are_trained(name: str) -> None:
    network = adapted(name)
    trained = {key for key, parameter in network.named_parameters() if parameter.requires_grad}
    head = {
        key
        for key, _ in network_of(CONFIGS[name]).named_parameters()
        if not key.startswith(f"{network.base_model_prefix}.")
    }
    updates = {key for key, _ in network.named_parameters() if "lora_" in key}
    assert head
    assert trained == head | updates
    assert not any("lora_" in key for key in head)


@pytest.mark.parametrize("target_modules", ["all-linear", ATTENTION], ids=["all", "attention"])
@pytest.mark.parametrize("name", PACKING)
def test_packed_logits_and_gradients_equal_padded_ones(name: str, target_modules: list[str]) -> None:
    network = adapted(name, LoRA(rank=3, dropout=0.0, target_modules=target_modules))
    padded = copy.deepcopy(network)
    classifier = TokenClassifier(network)
    assert classifier.packs
    input_ids, mask = random_batch(network.config.pad_token_id)
    logits = classifier(input_ids, mask)
    expected = padded(input_ids=input_ids, attention_mask=mask.long()).logits[mask]
    torch.testing.assert_close(logits, expected, atol=1e-10, rtol=0)
    weights = torch.randn(logits.shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    (logits * weights).sum().backward()
    (expected * weights).sum().backward()
    num_updates = 0
    for key, parameter in padded.named_parameters():
        own = network.get_parameter(key).grad
        assert (own is None) == (parameter.grad is None) == (not parameter.requires_grad), key
        if own is not None:
            torch.testing.assert_close(own, parameter.grad, atol=1e-10, rtol=1e-10)
            num_updates += "lora_A" in key and bool(own.any())
    assert num_updates >= 2  # ALBERT has one layer, which it runs twice


@architectures
def test_a_merged_network_is_a_stock_network_with_the_same_logits(name: str, tmp_path: Path) -> None:
    network = adapted(name).float()
    expected = logits_of(network)
    before = {key: tensor.clone() for key, tensor in network.state_dict().items()}
    merged = LoRA().merged(TokenClassifier(network).network)
    assert merged.state_dict().keys() == network_of(CONFIGS[name]).state_dict().keys()
    merged.save_pretrained(tmp_path)
    stock = AutoModelForTokenClassification.from_pretrained(tmp_path)
    torch.testing.assert_close(logits_of(stock), expected, atol=1e-5, rtol=1e-5)
    assert (expected - logits_of(network_of(CONFIGS[name]).float())).abs().max() > 0.1  # LoRA did something
    assert all(torch.equal(tensor, before[key]) for key, tensor in network.state_dict().items())


def test_an_update_is_the_scaled_product_of_its_factors() -> None:
    network = adapted("bert").float()
    query = network.get_submodule("bert.encoder.layer.1.attention.self.query")
    update = query.lora_B["default"].weight @ query.lora_A["default"].weight
    expected = network_of(CONFIGS["bert"]).float().bert.encoder.layer[1].attention.self.query.weight + 6.0 / 3 * update
    merged = LoRA().merged(network).get_submodule("bert.encoder.layer.1.attention.self.query")
    torch.testing.assert_close(merged.weight, expected, atol=1e-6, rtol=1e-6)


def test_only_the_named_layers_are_updated() -> None:
    network = adapted("bert", LoRA(rank=2, target_modules=["query", "value"]))
    updated = {key.split(".lora_")[0].split(".")[-1] for key, _ in network.named_parameters() if ".lora_" in key}
    assert updated == {"query", "value"}
    everywhere = adapted("bert", LoRA(rank=2))
    num_updated = sum("lora_A" in key for key, _ in everywhere.named_parameters())
    assert num_updated == 2 * 6  # query, key, value, and three dense ones in each of two layers


def test_unknown_target_modules_are_named_in_the_error() -> None:
    with pytest.raises(ValueError, match="no_such_layer"):
        LoRA(target_modules=["no_such_layer"]).insert(network_of(CONFIGS["bert"]))


@pytest.mark.parametrize("settings", [{"rank": 0}, {"alpha": 0.0}, {"dropout": 1.0}, {"dropout": -0.1}])
def test_numbers_out_of_range_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="LoRA needs a rank of at least 1"):
        LoRA(**settings)


def test_without_peft_the_error_names_the_extra_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(ValueError, match=r"ner-lightning\[lora\]"):
        LoRA()
