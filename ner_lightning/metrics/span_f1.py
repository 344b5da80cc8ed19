"""Entity-level F1 as a torchmetrics metric."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat

from ner_lightning.metrics.span_counts import (
    READINGS,
    SpanCounts,
    concatenate_sentences,
    count_ill_formed,
    count_matches,
)
from ner_lightning.schemes import Reading, TagSet


class SpanF1(Metric):
    """Precision, recall and F1 over entities, lenient and strict, counted as by seqeval.

    An update only stores the tags; all batches and ranks are counted once, at the end. Scores therefore do not depend
    on how sentences are distributed over batches and ranks.

    Args:
        predicted_tags: The scheme and entity types of the predictions.
        gold_tags: The scheme and types of the annotation; its types begin with those of
            ``predicted_tags``. Types that cannot be predicted may follow; their entities count as missed.

    >>> from ner_lightning.schemes import BIO
    >>> tags = TagSet(BIO(), ("PER",))
    >>> metric = SpanF1(tags, tags)
    >>> metric.update(torch.tensor([[1, 2, 0]]), torch.tensor([[1, 2, 1]]))
    >>> round(metric.compute()["f1"].item(), 3)
    0.667
    """

    full_state_update = False
    higher_is_better = True
    predicted: list[Int[Tensor, " words"]]
    gold: list[Int[Tensor, " words"]]

    def __init__(self, predicted_tags: TagSet, gold_tags: TagSet) -> None:
        super().__init__()
        num_known = len(predicted_tags.entity_types)
        if gold_tags.entity_types[:num_known] != predicted_tags.entity_types:
            raise ValueError(
                f"the gold entity types must begin with the predicted ones {predicted_tags.entity_types}, "
                f"got {gold_tags.entity_types}"
            )
        self.predicted_tags, self.gold_tags = predicted_tags, gold_tags
        self.add_state("predicted", [], dist_reduce_fx="cat")
        self.add_state("gold", [], dist_reduce_fx="cat")

    def update(self, predicted: Int[Tensor, "batch words"], gold: Int[Tensor, "batch words"]) -> None:
        """Add a batch of whole sentences.

        Args:
            predicted: Tag ids in ``predicted_tags``, -100 after the last word of a sentence.
            gold: Tag ids in ``gold_tags``, padded in the same way.

        Raises:
            ValueError: If the sentences have different lengths.
        """
        if not torch.equal(predicted < 0, gold < 0):
            raise ValueError("predicted and gold tags must be of the same sentences, got different lengths")
        self.predicted.append(concatenate_sentences(predicted))
        self.gold.append(concatenate_sentences(gold))

    def compute(self) -> dict[str, Float[Tensor, ""]]:
        """Return scores by name: ``f1``, ``precision``, ``recall``, strict ones, ``ill_formed``, ``f1/<type>``."""
        by_reading = self.counts()
        lenient, strict = (sum(by_reading[reading].values(), SpanCounts()) for reading in READINGS)
        predicted = self._joined("predicted")
        num_sentences = int((predicted < 0).sum())
        scores = {
            "f1": lenient.f1,
            "precision": lenient.precision,
            "recall": lenient.recall,
            "f1_strict": strict.f1,
            "precision_strict": strict.precision,
            "recall_strict": strict.recall,
            "ill_formed": count_ill_formed(predicted, self.predicted_tags) / max(num_sentences, 1),
        }
        scores |= {f"f1/{name}": counts.f1 for name, counts in by_reading["lenient"].items()}
        return {name: torch.tensor(score, dtype=torch.float64) for name, score in scores.items()}

    def counts(self) -> dict[Reading, dict[str, SpanCounts]]:
        """Return the counts of every gold entity type, for each reading."""
        words = (self._joined("predicted"), self._joined("gold"))
        counted = count_matches(*words, self.predicted_tags, self.gold_tags).tolist()
        types = self.gold_tags.entity_types
        return {
            reading: {name: SpanCounts(*row) for name, row in zip(types, rows, strict=True)}
            for reading, rows in zip(READINGS, counted, strict=True)
        }

    def _joined(self, state: str) -> Int[Tensor, " words"]:
        parts = getattr(self, state)  # a list before ranks are gathered, one tensor after
        return dim_zero_cat(parts) if len(parts) else torch.zeros(0, dtype=torch.long, device=self.device)
