"""Entity-level F1 as a torchmetrics metric."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torchmetrics import Metric

from ner_lightning.metrics.span_counts import SpanCounts, count_ill_formed, count_matches
from ner_lightning.schemes import TagSet


class SpanF1(Metric):
    """Precision, recall and F1 over entities, as seqeval counts them, lenient and strict.

    Counts are integers that add up over batches and ranks, so the scores do not depend on either.

    Args:
        predicted_tags: The scheme and entity types of the predictions.
        gold_tags: The scheme and types of the annotation; its types begin with those of
            ``predicted_tags``, and may go on with types that cannot be predicted (they count as missed).

    >>> from ner_lightning.schemes import BIO
    >>> tags = TagSet(BIO(), ("PER",))
    >>> metric = SpanF1(tags, tags)
    >>> metric.update(torch.tensor([[1, 2, 0]]), torch.tensor([[1, 2, 1]]))
    >>> round(metric.compute()["f1"].item(), 3)
    0.667
    """

    full_state_update = False
    higher_is_better = True
    lenient_counts: Int[Tensor, "types 3"]
    strict_counts: Int[Tensor, "types 3"]
    ill_formed: Int[Tensor, ""]
    sentences: Int[Tensor, ""]

    def __init__(self, predicted_tags: TagSet, gold_tags: TagSet) -> None:
        super().__init__()
        num_known = len(predicted_tags.entity_types)
        if gold_tags.entity_types[:num_known] != predicted_tags.entity_types:
            raise ValueError(
                f"the gold entity types must begin with the predicted ones {predicted_tags.entity_types}, "
                f"got {gold_tags.entity_types}"
            )
        self.predicted_tags, self.gold_tags = predicted_tags, gold_tags
        shape = (len(gold_tags.entity_types), 3)
        self.add_state("lenient_counts", torch.zeros(shape, dtype=torch.long), dist_reduce_fx="sum")
        self.add_state("strict_counts", torch.zeros(shape, dtype=torch.long), dist_reduce_fx="sum")
        self.add_state("ill_formed", torch.tensor(0), dist_reduce_fx="sum")
        self.add_state("sentences", torch.tensor(0), dist_reduce_fx="sum")

    def update(self, predicted: Int[Tensor, "batch words"], gold: Int[Tensor, "batch words"]) -> None:
        """Count a batch of whole sentences.

        Args:
            predicted: Tag ids in ``predicted_tags``, -100 behind the last word of a sentence.
            gold: Tag ids in ``gold_tags``, padded alike.
        """
        if not torch.equal(predicted < 0, gold < 0):
            raise ValueError("predicted and gold tags must be of the same sentences, got other lengths")
        lenient, strict = count_matches(predicted, gold, self.predicted_tags, self.gold_tags)
        self.lenient_counts = self.lenient_counts + lenient
        self.strict_counts = self.strict_counts + strict
        self.ill_formed = self.ill_formed + count_ill_formed(predicted, self.predicted_tags)
        self.sentences = self.sentences + len(predicted)

    def compute(self) -> dict[str, Float[Tensor, ""]]:
        """Scores by name: ``f1``, ``precision``, ``recall``, strict ones, ``ill_formed``, ``f1/<type>``."""
        lenient, strict = self.total("lenient_counts"), self.total("strict_counts")
        scores = {
            "f1": lenient.f1,
            "precision": lenient.precision,
            "recall": lenient.recall,
            "f1_strict": strict.f1,
            "precision_strict": strict.precision,
            "recall_strict": strict.recall,
            "ill_formed": self.ill_formed.item() / max(self.sentences.item(), 1),
        }
        scores |= {f"f1/{name}": counts.f1 for name, counts in self.counts_by_type().items()}
        return {name: torch.tensor(score, dtype=torch.float64) for name, score in scores.items()}

    def counts_by_type(self) -> dict[str, SpanCounts]:
        """The lenient counts of every entity type of the annotation."""
        rows = self.lenient_counts.tolist()
        return {name: SpanCounts(*row) for name, row in zip(self.gold_tags.entity_types, rows, strict=True)}

    def total(self, state: str) -> SpanCounts:
        """The counts of a state over all types."""
        return SpanCounts(*getattr(self, state).sum(dim=0).tolist())
