"""Tests of frozen layers, gradient checkpointing, and the part of the network that checkpoints contain."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from transformers import BertConfig, DistilBertConfig

from ner_lightning.checkpoints.trained_part import TrainedPart
from ner_lightning.modeling.adapters import LoRA
from ner_lightning.modeling.encoders import PretrainedEncoder, SmallBert
from ner_lightning.modeling.fine_tuning import FineTuning
from ner_lightning.modeling.token_classifier import TokenClassifier
from support.architectures import BERT, CONFIGS, DISTILBERT, SHARED, network_of, random_batch

LOWER = {  # the embeddings and the lower of two layers, by name
    "bert": ("bert.embeddings.", "bert.encoder.layer.0."),
    "roberta": ("roberta.embeddings.", "roberta.encoder.layer.0."),
    "distilbert": ("distilbert.embeddings.", "distilbert.transformer.layer.0."),
    "electra": ("electra.embeddings", "electra.encoder.layer.0."),
    "deberta-v2": ("deberta.embeddings.", "deberta.encoder.layer.0.", "deberta.encoder.rel_", "deberta.encoder.Layer"),
}
WITH_DROPOUT = {
    "bert": BertConfig(**SHARED | BERT | {"hidden_dropout_prob": 0.3, "attention_probs_dropout_prob": 0.3}),
    "distilbert": DistilBertConfig(**SHARED | DISTILBERT | {"dropout": 0.3, "attention_dropout": 0.3}),
}


@pytest.mark.parametrize("name", LOWER)
def test_lower_layers_are_frozen_with_the_embeddings(name: str) -> None:
    network = network_of(CONFIGS[name])
    FineTuning(frozen_layers=1).prepare(network)
    frozen = {key for key, parameter in network.named_parameters() if not parameter.requires_grad}
    assert frozen == {key for key, _ in network.named_parameters() if key.startswith(LOWER[name])}
    assert len(frozen) > 10


def test_no_layer_is_frozen_by_default_and_all_can_be_frozen() -> None:
    network = network_of(CONFIGS["bert"])
    FineTuning().prepare(network)
    assert all(parameter.requires_grad for parameter in network.parameters())
    FineTuning(frozen_layers=2).prepare(network)
    trained = [key for key, parameter in network.named_parameters() if parameter.requires_grad]
    assert trained == ["classifier.weight", "classifier.bias"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"frozen_layers": -1}, "must be at least 0, got -1"),
        ({"layer_decay": 1.5}, "layer_decay must be null or between 0 and 1, got 1.5"),
        ({"average_decay": 1.0}, "average_decay must be null or between 0 and 1, got 1.0"),
        ({"frozen_layers": 1, "adapter": LoRA()}, "with an adapter, frozen_layers must be 0"),
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FineTuning(**settings)


def test_freezing_more_layers_than_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="at most 2, the encoder's layers, got 3"):
        FineTuning(frozen_layers=3).prepare(network_of(CONFIGS["bert"]))


@pytest.mark.parametrize("settings", [{}, {"frozen_layers": 1}, {"adapter": LoRA(rank=2)}], ids=["all", "top", "lora"])
@pytest.mark.parametrize("name", WITH_DROPOUT)
def test_gradient_checkpointing_does_not_change_gradients_even_with_dropout(
    name: str, settings: dict[str, Any]
) -> None:
    network = network_of(WITH_DROPOUT[name])
    FineTuning(**settings).prepare(network)
    network.double()
    checkpointed = copy.deepcopy(network)
    FineTuning(gradient_checkpointing=True).prepare(checkpointed)
    runs = {kind: run_of_top_layer(candidate) for kind, candidate in (("", network), ("again", checkpointed))}
    (logits, gradients, num_runs), (same_logits, same_gradients, num_runs_again) = runs.values()
    assert (num_runs, num_runs_again) == (1, 2)  # the layer was computed twice
    assert torch.equal(logits, same_logits)
    assert gradients.keys() == same_gradients.keys()
    assert all(torch.equal(gradient, same_gradients[key]) for key, gradient in gradients.items())


def run_of_top_layer(network: torch.nn.Module) -> tuple[torch.Tensor, dict[str, torch.Tensor], int]:
    """Return logits and gradients of a packed batch, and the number of times the top layer's last norm was computed."""
    classifier = TokenClassifier(network).train()
    assert classifier.packs
    runs: list[None] = []
    norms = [module for module in network.base_model.modules() if isinstance(module, torch.nn.LayerNorm)]
    hook: Callable[..., None] = lambda *_: runs.append(None)  # noqa: E731
    norms[-2].register_forward_hook(hook)
    torch.manual_seed(5)  # as StepSeed does before each batch
    logits = classifier(*random_batch(0))
    logits.square().sum().backward()
    gradients = {key: p.grad for key, p in network.named_parameters() if p.grad is not None}
    assert gradients.keys() == {key for key, p in network.named_parameters() if p.requires_grad}
    return logits, gradients, len(runs)


# the part of the network that checkpoints leave out


def trained_part(settings: FineTuning, revision: str | None = None, seed: int = 0) -> TrainedPart:
    torch.manual_seed(seed)
    network = network_of(CONFIGS["bert"])
    settings.prepare(network)
    return TrainedPart.of(settings, PretrainedEncoder("some/encoder", revision), network, network)


def test_a_fully_trained_network_is_saved_completely() -> None:
    part = trained_part(FineTuning())
    weights = {"bert.a": torch.zeros(1), "classifier.weight": torch.ones(1)}
    assert part.base is None
    assert part.only(weights) == weights
    part.require(part.to_plain())


@pytest.mark.parametrize("settings", [FineTuning(frozen_layers=1), FineTuning(LoRA(rank=2))], ids=["frozen", "lora"])
def test_checkpoints_leave_out_exactly_the_frozen_weights_and_restore_them(settings: FineTuning) -> None:
    network = network_of(CONFIGS["bert"])
    settings.prepare(network)
    part = TrainedPart.of(settings, PretrainedEncoder("some/encoder", "v1"), network, network)
    assert part.base is not None
    assert (part.base["name_or_path"], part.base["revision"]) == ("some/encoder", "v1")
    whole = network.state_dict()
    saved = part.only(whole)
    assert saved.keys() == {key for key, parameter in network.named_parameters() if parameter.requires_grad}
    completed = part.completed(saved, whole)
    assert completed.keys() == whole.keys()
    assert all(completed[key] is whole[key] for key in whole)


def test_randomly_initialized_weights_are_never_left_out() -> None:
    network = network_of(CONFIGS["bert"])
    settings = FineTuning(frozen_layers=1)
    settings.prepare(network)
    part = TrainedPart.of(settings, SmallBert(), network, network)
    assert part.base is None
    assert part.only(network.state_dict()).keys() == network.state_dict().keys()


def test_the_checksum_detects_other_weights_but_ignores_their_location() -> None:
    part = trained_part(FineTuning(frozen_layers=1))
    moved = {**part.to_plain(), "base": {**part.base, "name_or_path": "elsewhere", "revision": "main"}}
    part.require(moved)
    network = network_of(CONFIGS["bert"])
    FineTuning(frozen_layers=1).prepare(network)
    with torch.no_grad():
        network.bert.embeddings.word_embeddings.weight[3, 3] += 1e-6
    other = TrainedPart.of(FineTuning(frozen_layers=1), PretrainedEncoder("some/encoder"), network, network)
    with pytest.raises(ValueError, match="must have the weights with which the checkpoint was trained"):
        other.require(part.to_plain())


@pytest.mark.parametrize(
    ("own", "saved", "message"),
    [
        (FineTuning(), FineTuning(LoRA(rank=2)), "adapter must be the same as in the checkpoint"),
        (FineTuning(LoRA(rank=3)), FineTuning(LoRA(rank=2)), "adapter must be the same as in the checkpoint"),
        (FineTuning(), FineTuning(frozen_layers=1), "frozen_layers must be the same as in the checkpoint, 1, got 0"),
    ],
)
def test_settings_that_train_another_part_are_refused(own: FineTuning, saved: FineTuning, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        trained_part(own).require(trained_part(saved).to_plain())
