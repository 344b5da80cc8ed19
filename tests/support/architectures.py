"""Small random encoders of several architectures, shared by the tests."""

import copy

import torch
from transformers import (
    AlbertConfig,
    AutoModelForTokenClassification,
    BertConfig,
    ConvBertConfig,
    DebertaV2Config,
    DistilBertConfig,
    ElectraConfig,
    EuroBertConfig,
    FNetConfig,
    FunnelConfig,
    LlamaConfig,
    ModernBertConfig,
    MPNetConfig,
    PreTrainedConfig,
    PreTrainedModel,
    RobertaConfig,
    YosoConfig,
)

from ner_lightning.schemes import BIO, TagSet

TAGS = TagSet(BIO(), ("PER", "LOC"))
SHARED = {"vocab_size": 60, "num_labels": len(TAGS.tags), "max_position_embeddings": 40, "pad_token_id": 0}
BERT = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0,
}
DISTILBERT = {
    "dim": 16,
    "n_layers": 2,
    "n_heads": 2,
    "hidden_dim": 32,
    "dropout": 0.0,
    "attention_dropout": 0.0,
    "seq_classif_dropout": 0.0,
}
PACKING: dict[str, tuple[PreTrainedConfig, int]] = {  # each with the number of its first position
    "bert": (BertConfig(**SHARED | BERT), 0),
    "roberta": (RobertaConfig(**SHARED | BERT | {"pad_token_id": 1}), 2),
    "roberta, padding first": (RobertaConfig(**SHARED | BERT), 1),
    "distilbert": (DistilBertConfig(**SHARED | DISTILBERT), 0),
    "electra": (ElectraConfig(**SHARED | BERT, embedding_size=8), 0),
    "albert": (AlbertConfig(**SHARED | BERT, embedding_size=8, classifier_dropout_prob=0.0), 0),
}
SPECIAL_IDS = {"bos_token_id": 2, "cls_token_id": 2, "eos_token_id": 3, "sep_token_id": 3}
ROTARY = {key: BERT[key] for key in list(BERT)[:4]} | {
    "num_key_value_heads": 1,
    "classifier_dropout": 0.0,
}  # two heads share keys and values
ROTARY_PACKING: dict[str, PreTrainedConfig] = {
    "eurobert": EuroBertConfig(**SHARED | ROTARY | SPECIAL_IDS),
    "llama, causal": LlamaConfig(**SHARED | ROTARY),
}
PADDING: dict[str, PreTrainedConfig] = {
    "deberta-v2": DebertaV2Config(
        **SHARED | BERT, relative_attention=True, pos_att_type=["p2c", "c2p"], position_biased_input=False
    ),
    "mpnet": MPNetConfig(**SHARED | BERT | {"pad_token_id": 1}),
    "modernbert": ModernBertConfig(  # its layers attend only to nearby words, which packing would ignore
        **SHARED | {key: BERT[key] for key in list(BERT)[1:4]},
        hidden_size=16,
        local_attention=8,
        **SPECIAL_IDS,
    ),
}
GROUPED: dict[str, PreTrainedConfig] = {  # padding changes their logits
    "fnet": FNetConfig(**SHARED | {key: BERT[key] for key in list(BERT)[:-1]}),
    "funnel": FunnelConfig(
        vocab_size=60, num_labels=len(TAGS.tags), block_sizes=[1, 1], d_model=16, n_head=2, d_head=8, d_inner=32
    ),
    "yoso": YosoConfig(**SHARED | BERT),
    "convbert": ConvBertConfig(**SHARED | BERT, embedding_size=16),
}
CONFIGS = {name: config for name, (config, _) in PACKING.items()} | PADDING


def network_of(config: PreTrainedConfig) -> PreTrainedModel:
    """Return a random network in float64, with weights large enough that each affects the logits."""
    torch.manual_seed(0)
    network = AutoModelForTokenClassification.from_config(copy.deepcopy(config)).double()
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.ndim > 1:
                parameter.mul_(5)
    return network


def random_batch(pad_id: int, lengths: tuple[int, ...] = (9, 1, 4, 12)) -> tuple[torch.Tensor, torch.Tensor]:
    mask = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    ids = torch.randint(7, 60, mask.shape, generator=torch.Generator().manual_seed(1))
    return torch.where(mask, ids, pad_id), mask
