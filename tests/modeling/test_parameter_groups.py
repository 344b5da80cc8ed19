"""Tests of learning rates and weight decay by position in the network, for several architectures."""

import copy

import pytest
import torch
from transformers import AlbertConfig, BertConfig, PreTrainedModel

from ner_lightning.modeling.parameter_groups import encoder_layers, parameter_groups, scale_rates
from support.architectures import BERT, CONFIGS, SHARED, network_of

LAYERS = {  # prefixes of the names of the layers
    "bert": "bert.encoder.layer.",
    "roberta": "roberta.encoder.layer.",
    "distilbert": "distilbert.transformer.layer.",
    "electra": "electra.encoder.layer.",
    "deberta-v2": "deberta.encoder.layer.",
    "mpnet": "mpnet.encoder.layer.",
    "modernbert": "model.layers.",
}
architectures = pytest.mark.parametrize("name", LAYERS)


def deep_network(name: str, num_layers: int = 3) -> PreTrainedModel:
    config = copy.deepcopy(CONFIGS[name])
    config.num_hidden_layers = num_layers
    if name == "modernbert":
        config.layer_types = ["full_attention"] * num_layers
    return network_of(config)


def settings_by_name(network: PreTrainedModel, **options: float) -> dict[str, tuple[float, float]]:
    """Return the learning rate and weight decay of every parameter in the optimizer."""
    groups = parameter_groups(network, **options)
    optimizer = torch.optim.AdamW(groups, lr=0.1, weight_decay=0.01)
    scale_rates(optimizer)
    names = {id(parameter): name for name, parameter in network.named_parameters()}
    return {
        names[id(parameter)]: (group["lr"], group["weight_decay"])
        for group in optimizer.param_groups
        for parameter in group["params"]
    }


@architectures
def test_layers_are_found_in_every_architecture(name: str) -> None:
    network = deep_network(name)
    expected = {key for key in network.state_dict() if key.startswith(LAYERS[name])}
    layers = encoder_layers(network)
    assert len(layers) == 3
    assert {f"{LAYERS[name]}{key}" for key in layers.state_dict()} == expected


@architectures
def test_learning_rates_decrease_from_the_top_layer_down(name: str) -> None:
    network = deep_network(name)
    rates = {key: rate for key, (rate, _) in settings_by_name(network, layer_decay=0.5).items()}
    assert set(rates) == {key for key, _ in network.named_parameters()}
    for key, rate in rates.items():
        if key.startswith(LAYERS[name]):
            layer = int(key.removeprefix(LAYERS[name]).split(".")[0])
            assert rate == pytest.approx(0.1 * [0.25, 0.5, 1.0][layer]), key
        else:
            assert rate == pytest.approx(0.1 * 0.125 if key.startswith(network.base_model_prefix) else 0.1), key
    assert sum("embeddings" in key and rate == pytest.approx(0.0125) for key, rate in rates.items()) >= 2


def test_layer_decay_does_not_change_a_separate_rate_of_the_head() -> None:
    rates = settings_by_name(deep_network("bert"), layer_decay=0.5, head_learning_rate=0.7)
    assert rates["classifier.weight"] == (0.7, 0.01)
    assert rates["bert.encoder.layer.2.output.dense.weight"] == (0.1, 0.01)


def test_a_group_without_a_scale_keeps_its_rate() -> None:
    network = deep_network("bert")
    beside = torch.nn.Linear(2, 2)
    groups = [*parameter_groups(network, layer_decay=0.5), {"params": list(beside.parameters()), "lr": 0.7}]
    optimizer = torch.optim.SGD(groups, lr=0.1)
    scale_rates(optimizer)
    assert optimizer.param_groups[-1]["lr"] == 0.7
    assert sorted({group["lr"] for group in optimizer.param_groups}) == pytest.approx([0.0125, 0.025, 0.05, 0.1, 0.7])


def test_frozen_parameters_are_left_out_of_all_groups() -> None:
    network = deep_network("bert")
    network.base_model.requires_grad_(False)
    assert set(settings_by_name(network)) == {"classifier.weight", "classifier.bias"}


def test_layer_decay_is_refused_for_layers_that_share_their_weights() -> None:
    network = network_of(AlbertConfig(**SHARED | BERT, embedding_size=8))
    with pytest.raises(ValueError, match=r"must hold its 2 layers in one list.*got 0 such lists in AlbertModel"):
        parameter_groups(network, layer_decay=0.9)
    assert len(parameter_groups(network)) == 4


def test_a_second_list_as_long_as_the_layers_is_refused_unless_it_is_inside_a_layer() -> None:
    network = network_of(BertConfig(**SHARED | BERT))
    encoder_layers(network)[0].pair = torch.nn.ModuleList([torch.nn.Linear(1, 1)] * 2)
    assert len(encoder_layers(network)) == 2
    network.bert.second = torch.nn.ModuleList([torch.nn.Linear(1, 1)] * 2)
    with pytest.raises(ValueError, match="got 2 such lists"):
        encoder_layers(network)
