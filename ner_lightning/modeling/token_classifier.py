"""The token classifier: a ``transformers`` encoder with its head, run on real subwords only."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence
from transformers import PreTrainedConfig, PreTrainedModel

from ner_lightning.encoding.batches import Batch, EvaluationBatch
from ner_lightning.modeling.linear_chain import precise
from ner_lightning.modeling.network_checks import WINDOW_RULE, readable
from ner_lightning.modeling.packed_attention import PACKED_ATTENTION, PackedLayout

MAX_ROUNDING = 3e-5  # largest difference through rounding alone, as a share of the largest logit


class TokenClassifier(nn.Module):
    """Computes the logits of subwords, without padding if the network allows it.

    This is decided by behavior: a long and a short window are run padded and packed, and packing is used only if the
    logits agree. If padding changes the logits of a network (FNet, Funnel, YOSO, ConvBERT), windows of equal length are
    run together, so that no window is padded.

    Args:
        network: A token classification model of ``transformers``.
    """

    def __init__(self, network: PreTrainedModel) -> None:
        super().__init__()
        self.network = network
        self.first_position = find_first_position(network)
        self.groups = self.first_position is None and depends_on_padding(network)

    @property
    def packs(self) -> bool:
        """True if all windows of a batch run as one row."""
        return self.first_position is not None

    @property
    def computes_padding(self) -> bool:
        """True if shorter windows are padded to the length of the longest."""
        return not (self.packs or self.groups)

    def forward(
        self, input_ids: Int[Tensor, "batch subwords"], attention_mask: Bool[Tensor, "batch subwords"]
    ) -> Float[Tensor, "scored tags"]:
        """Return the logits of all real subwords, row by row."""
        if self.groups:
            return _logits_by_length(self.network, input_ids, attention_mask)
        if self.first_position is None:
            return self.network(input_ids=input_ids, attention_mask=attention_mask.long()).logits[attention_mask]
        return _packed_logits(self.network, input_ids, attention_mask, self.first_position)

    def word_logits(self, batch: Batch) -> Float[Tensor, "words tags"]:
        """Return the logits of the owned words of a batch, read at their first subwords, in order."""
        logits = self(batch.input_ids, batch.attention_mask)
        return logits[batch.word_starts[batch.attention_mask]]

    def sentence_logits(self, batch: EvaluationBatch) -> Float[Tensor, "batch words tags"]:
        """Return the logits of whole sentences, joined from the windows that own their words and padded with 0."""
        if not batch.sentences:
            return torch.zeros(0, 0, len(self.network.config.id2label or ()), device=self.network.device)
        logits = torch.cat([self.word_logits(windows) for windows in batch.passes])
        return rows_of_words(precise(logits), [len(sentence) for sentence in batch.sentences])


def rows_of_words(logits: Float[Tensor, "scored tags"], lengths: Sequence[int]) -> Float[Tensor, "batch words tags"]:
    """Split the logits of consecutive words into rows of these lengths, padded with 0."""
    return pad_sequence(list(logits.split(lengths)), batch_first=True)


def max_window(config: PreTrainedConfig) -> int:
    """Return the largest number of subwords that a network can read, including special tokens.

    Two positions are left out because RoBERTa reserves two. Networks with relative positions get 512.
    """
    positions = getattr(config, "max_position_embeddings", 0) or 0
    return positions - 2 if positions > 2 else 512


def find_first_position(network: PreTrainedModel) -> int | None:
    """Return the id of a window's first position if the network can run packed, and None otherwise.

    RoBERTa counts positions from the one after its padding id, other encoders from 0. A network that can run packed is
    left in that mode.

    Raises:
        ValueError: If the network does not run, or its logits are not finite.
    """
    training = network.training
    network.eval()
    try:
        with torch.inference_mode():
            with readable("the network must run on subwords"):
                input_ids, mask = _long_and_short_window(network.config)
                expected = network(input_ids=input_ids, attention_mask=mask.long()).logits[mask]
            if not expected.isfinite().all():
                raise ValueError("the network must give finite logits, got NaN or infinity")
            return _first_position_of(network, input_ids, mask, expected)
    finally:
        network.train(training)


def depends_on_padding(network: PreTrainedModel) -> bool:
    """Return True if padding changes the logits of a network.

    Raises:
        ValueError: If the network does not run on short windows, or on windows of different lengths.
    """
    training = network.training
    network.eval()
    try:
        with torch.inference_mode(), readable(WINDOW_RULE):
            lengths = torch.tensor([17, 5, 8])
            mask = torch.arange(17) < lengths[:, None]
            input_ids = _some_ids(network.config, mask)
            padded = network(input_ids=input_ids, attention_mask=mask.long()).logits[mask]
            alone = _logits_by_length(network, input_ids, mask)
        return not torch.allclose(padded, alone, atol=MAX_ROUNDING * alone.abs().max().item(), rtol=0)
    finally:
        network.train(training)


def _logits_by_length(
    network: PreTrainedModel, input_ids: Int[Tensor, "batch subwords"], mask: Bool[Tensor, "batch subwords"]
) -> Float[Tensor, "scored tags"]:
    """Return the logits of all real subwords, row by row, running windows of equal length together."""
    lengths = mask.sum(dim=1)
    rows: list[Tensor] = [torch.empty(0)] * len(lengths)
    for length in lengths.unique().tolist():
        indices = (lengths == length).nonzero().squeeze(1)
        ids = input_ids[indices, :length]
        logits = network(input_ids=ids, attention_mask=torch.ones_like(ids)).logits
        for index, row in zip(indices.tolist(), logits, strict=True):
            rows[index] = row
    return torch.cat(rows)


def _long_and_short_window(
    config: PreTrainedConfig,
) -> tuple[Int[Tensor, "batch subwords"], Bool[Tensor, "batch subwords"]]:
    longest = min(max_window(config), 512)
    mask = torch.arange(longest) < torch.tensor([[longest], [5]])
    return _some_ids(config, mask), mask


def _some_ids(config: PreTrainedConfig, mask: Bool[Tensor, "batch subwords"]) -> Int[Tensor, "batch subwords"]:
    ids = torch.arange(mask.numel()).view(mask.shape) % (config.vocab_size - 1) + 1
    pad_id = config.pad_token_id or 0
    return torch.where(mask, torch.where(ids == pad_id, ids - 1, ids), pad_id)


def _first_position_of(
    network: PreTrainedModel,
    input_ids: Int[Tensor, "batch subwords"],
    mask: Bool[Tensor, "batch subwords"],
    expected: Float[Tensor, "scored tags"],
) -> int | None:
    config, usual_attention = network.config, network.config._attn_implementation
    try:
        network.set_attn_implementation(PACKED_ATTENTION)
        if config._attn_implementation != PACKED_ATTENTION:  # DeBERTa and MPNet only warn
            return None
        # rounding stays below 1e-5 of the largest logit; ignoring local attention changes more
        tolerance = 1e-4 * expected.abs().max().item()
        for first_position in (0, (config.pad_token_id or 0) + 1):
            logits = _packed_logits(network, input_ids, mask, first_position)
            if torch.allclose(logits, expected, atol=tolerance, rtol=0):
                return first_position
    except (TypeError, ValueError, IndexError, RuntimeError):
        pass  # an encoder whose attention cannot be exchanged raises one of these
    network.set_attn_implementation(usual_attention)
    return None


def _packed_logits(
    network: PreTrainedModel,
    input_ids: Int[Tensor, "batch subwords"],
    mask: Bool[Tensor, "batch subwords"],
    first_position: int,
) -> Float[Tensor, "scored tags"]:
    layout = PackedLayout.of(mask)
    return network(
        input_ids=input_ids[mask][None],
        position_ids=layout.positions[None] + first_position,
        packed_layout=layout,
    ).logits[0]
