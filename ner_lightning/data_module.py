"""The data module: a corpus bound to a scheme and a tokenizer, served as batches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, TypedDict, get_args

import lightning as L
import torch
from torch.utils.data import DataLoader

from ner_lightning.corpora.entity_types import select_entity_types
from ner_lightning.corpora.reader import Corpus, CorpusError, CorpusReader, SplitName
from ner_lightning.corpora.training_share import keep_training_share
from ner_lightning.encoding.alignment import EncodedSentence, Subwords, WordTokenizer
from ner_lightning.encoding.augmentation import Augmentation
from ner_lightning.encoding.augmented_windows import AugmentedWindows
from ner_lightning.encoding.batch_sampler import TokenBudgetBatchSampler, WithEpoch, plan_evaluation
from ner_lightning.encoding.batches import (
    Batch,
    EncodedWindow,
    EvaluationBatch,
    WindowEncoder,
    split_into_passes,
    tag_rows,
)
from ner_lightning.encoding.coverage import Coverage, measure_coverage
from ner_lightning.encoding.repeat_factors import repeat_factors, sentence_factor
from ner_lightning.modeling.encoders import Encoder
from ner_lightning.plain_data import Count, typed
from ner_lightning.schemes import BIO, LabelScheme, TagSet
from ner_lightning.sentences import Sentence
from ner_lightning.tags import OUTSIDE

KEPT_BY_RESUMING: Final = {  # keys of a checkpoint, and their names for a person
    "corpus_checksum": "the corpus's checksum",
    "num_ranks": "the number of ranks",
    "precision": "the precision",
}


class Place(TypedDict):
    """The place in training from which a run is resumed."""

    epoch: Count
    batch: Count


@dataclass(frozen=True)
class WindowSettings:
    """How sentences become the rows of a batch.

    Args:
        subwords: Which subwords of a word are trained on: its ``first``, which is what is read, or ``all``.
        max_subwords: The longest window, special tokens included; null takes what the encoder can.
        overlap: The most subwords that neighbouring windows of a long sentence share.
    """

    subwords: Subwords = "first"
    max_subwords: int | None = None
    overlap: int = 64

    def __post_init__(self) -> None:
        if self.subwords not in get_args(Subwords):
            raise ValueError(f"subwords must be one of {', '.join(get_args(Subwords))}, got {self.subwords}")
        if self.max_subwords is not None and self.max_subwords < 1:
            raise ValueError(f"max_subwords must be null or at least 1, got {self.max_subwords}")
        if self.overlap < 0:
            raise ValueError(f"overlap must be at least 0, got {self.overlap}")


@dataclass(frozen=True)
class BatchSettings:
    """How many windows are computed at once.

    Args:
        max_windows: The most windows of a training batch.
        max_subwords: The most subwords of a training batch.
        pool: How many batches' worth of windows are sorted by length together. 1 keeps batches random, which
            learns best; encoders that compute padding (DeBERTa) train faster with about 50.
        repeat_threshold: Share of the training sentences below which an entity type is rare. A sentence comes
            sqrt(threshold / share) times an epoch, by the share of its rarest type, and at least once; null takes
            each once.
        evaluation_subwords: The most subwords of an evaluation batch, which holds whole sentences.
        num_workers: Processes that collate batches beside the training process.
    """

    max_windows: int = 16
    max_subwords: int = 2048
    pool: int = 1
    repeat_threshold: float | None = None
    evaluation_subwords: int = 4096
    num_workers: int = 0

    def __post_init__(self) -> None:
        for name in ("max_windows", "max_subwords", "pool", "evaluation_subwords"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.num_workers < 0:
            raise ValueError(f"num_workers must be at least 0, got {self.num_workers}")


def require_split(corpus: Corpus, split: SplitName, user: str) -> None:
    """Check that a corpus has a split.

    Raises:
        CorpusError: If it has not.
    """
    if split not in corpus.splits:
        raise CorpusError(f"{user} needs the {split} split, got a corpus with {', '.join(corpus.splits) or 'none'}")


def require_unique_ids(corpus: Corpus) -> None:
    """Check that predictions can be told apart by the ids of their sentences.

    Raises:
        CorpusError: If two sentences of a split have one.
    """
    for split, sentences in corpus.splits.items():
        repeated = [(name, count) for name, count in Counter(s.id for s in sentences).items() if count > 1]
        if repeated:
            name, count = repeated[0]
            raise CorpusError(f"a sentence's id must be unique in its split, got {name!r} for {count} of {split}")


class NERDataModule(L.LightningDataModule):
    """Serves a labelled corpus: windows to train on, whole sentences to score.

    Args:
        corpus: Reads the corpus.
        encoder: The encoder whose tokenizer is used; the command line takes the tagger's.
        scheme: How entities are written as tags.
        entity_types: Entity types to keep, or a mapping from the corpus' types to yours: types that are not named
            are dropped, types mapped to one name merge. null keeps all types as they are.
        train_share: Share of the training sentences to learn from, above 0 and up to 1, in whole documents where the
            corpus tells them: a point of a learning curve. The seed draws it, and a larger share of the same seed
            holds it. Entity types and vocabulary stay those of the whole split. null takes all.
        windows: How sentences become rows.
        batches: How many rows are computed at once.
        augmentation: How training sentences are changed anew every epoch, one after the other; null leaves them.
        seed: Seed of the training share, of the order of batches, of augmentation and of dropout.
    """

    def __init__(  # noqa: PLR0913 (the keys of a config)
        self,
        corpus: CorpusReader,
        encoder: Encoder,
        scheme: LabelScheme | None = None,
        entity_types: list[str] | dict[str, str] | None = None,
        train_share: float | None = None,
        windows: WindowSettings = WindowSettings(),
        batches: BatchSettings = BatchSettings(),
        augmentation: list[Augmentation] | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if not isinstance(encoder, Encoder):
            raise TypeError(f"encoder must be an Encoder such as PretrainedEncoder(name_or_path), got {encoder!r}")
        self.reader, self.encoder, self.scheme = corpus, encoder, scheme or BIO()
        self.selected_types, self.train_share = entity_types, train_share
        self.windows, self.batches = windows, batches
        self.augmentation = augmentation or []
        self.seed = seed
        self._resume: Place | None = None

    def setup(self, stage: str | None = None) -> None:
        """Read the corpus once, and bind scheme and tokenizer to it.

        Raises:
            CorpusError: If the corpus cannot be read, or lacks a split that the stage needs.
            ValueError: If the training sentences hold no entity, the encoder is not there, or ``train_share`` or
                ``repeat_threshold`` is no share.
        """
        self._resume = None  # a former run of a notebook ended, or was broken off
        if not hasattr(self, "corpus"):
            self.bind(select_entity_types(self.reader.read(), self.selected_types))
        needed: dict[str, SplitName] = {"fit": "validation", "validate": "validation", "test": "test"}
        for command, split in needed.items():
            if stage == command:  # Lightning's stage is an enumeration, and not written as the command
                require_split(self.corpus, split, command)

    def bind(self, whole: Corpus) -> None:
        """Take the entity types from the training split, the tokenizer from the encoder, and what is trained on.

        Whatever its share, types are those of the whole split, as annotators know them before they begin, and so is
        the text that an encoder may take its vocabulary from: arms of a learning curve differ in sentences alone.
        """
        require_split(whole, "train", "the tag set")
        require_unique_ids(whole)
        corpus = keep_training_share(whole, self.train_share, self.seed)
        training = corpus.splits["train"]
        if not corpus.entity_types("train"):
            raise ValueError(f"training must hold at least one entity, got none in {len(training)} sentences")
        self.num_annotated, self.corpus_checksum = len(whole.splits["train"]), whole.checksum()
        self.tags = TagSet(self.scheme, whole.entity_types("train"))
        self.gold_tags = TagSet(BIO(), self._with_unknown_types(corpus))
        self.word_tags = TagSet(self.scheme, self.gold_tags.entity_types)
        self.tokenizer = self.encoder.tokenizer([sentence.words for sentence in whole.splits["train"]])
        self.window_encoder = WindowEncoder(
            WordTokenizer(self.tokenizer, self.windows.max_subwords),
            self.tags,
            self.windows.subwords,
            self.windows.overlap,
        )
        self.encoded: dict[SplitName, list[tuple[EncodedSentence, list[EncodedWindow]]]] = {
            split: list(self.window_encoder.encode(sentences)) for split, sentences in corpus.splits.items()
        }
        threshold = self.batches.repeat_threshold
        self.repeat_factors = {} if threshold is None else repeat_factors(training, threshold)
        self.changes = [part.bind(training, self.tags) for part in self.augmentation]
        self.corpus = corpus

    @property
    def word_counts(self) -> dict[str, int]:
        """The words trained on by entity type, and those of none under ``O``."""
        training = self.corpus.splits["train"]
        counts = Counter(dict.fromkeys((OUTSIDE, *self.tags.entity_types), 0))
        for sentence in training:
            counts[OUTSIDE] += len(sentence)
            for entity in sentence.entities:
                counts[OUTSIDE] -= len(entity)
                counts[entity.entity_type] += len(entity)
        return dict(counts)

    def coverage(self, split: SplitName) -> Coverage:
        """What stands behind the scores of a split."""
        return measure_coverage(self.corpus, split, self.encoded[split], self.word_tags, self.tags)

    def train_dataloader(self) -> DataLoader[Batch]:
        """Windows of all sentences, or of their augmented forms."""
        sentences = self.corpus.splits["train"]
        windows_of = [windows for _, windows in self.encoded["train"]]
        windows = [window for windows in windows_of for window in windows]
        rank, num_ranks = self._rank_and_number()
        sampler = TokenBudgetBatchSampler(
            [len(window.input_ids) for window in windows],
            max_subwords=self.batches.max_subwords,
            max_windows=self.batches.max_windows,
            pool=self.batches.pool,
            factors=[
                sentence_factor(sentence, self.repeat_factors)
                for sentence, windows in zip(sentences, windows_of, strict=True)
                for _ in windows
            ],
            seed=self.seed,
            rank=rank,
            num_ranks=num_ranks,
        )
        if self._resume is not None:
            sampler.resume_at(self._resume["epoch"], self._resume["batch"])
        if not self.changes:
            return self._loader(windows, sampler, self.window_encoder.collate)
        num_windows = [len(windows) for windows in windows_of]
        augmented = AugmentedWindows(sentences, num_windows, self.changes, self.window_encoder, self.seed)
        return self._loader(augmented, WithEpoch(sampler), self.window_encoder.collate)

    def val_dataloader(self) -> DataLoader[EvaluationBatch]:
        return self.evaluation_dataloader("validation")

    def test_dataloader(self) -> DataLoader[EvaluationBatch]:
        return self.evaluation_dataloader("test")

    def evaluation_dataloader(self, split: SplitName) -> DataLoader[EvaluationBatch]:
        """Whole sentences of a split; the batches do not depend on the number of ranks, which take them in turn."""
        items = list(zip(self.corpus.splits[split], (windows for _, windows in self.encoded[split]), strict=True))
        lengths = [sum(len(window.input_ids) for window in windows) for _, windows in items]
        rank, num_ranks = self._rank_and_number()
        batches = plan_evaluation(lengths, self.batches.evaluation_subwords)
        if len(batches) < num_ranks:
            raise ValueError(
                f"{num_ranks} ranks need a batch each, got {len(batches)} of the {split} split; "
                f"set data.batches.evaluation_subwords below {self.batches.evaluation_subwords}"
            )
        return self._loader(items, batches[rank::num_ranks], self.collate_sentences)

    def collate_sentences(self, items: Sequence[tuple[Sentence, list[EncodedWindow]]]) -> EvaluationBatch:
        """Whole sentences with their windows, cut into passes under the budget."""
        sentences = tuple(sentence for sentence, _ in items)
        windows = (window for _, windows in items for window in windows)
        passes = split_into_passes(windows, self.batches.evaluation_subwords)
        return EvaluationBatch(
            tuple(self.window_encoder.collate(run) for run in passes),
            sentences,
            tag_rows(sentences, self.gold_tags),
            tag_rows(sentences, self.word_tags),
        )

    def state_dict(self) -> dict[str, Any]:
        """Where in which epoch training stands, by the next batch to come, and what it must go on with."""
        if self.trainer is None:
            return {}
        loop: Any = self.trainer.fit_loop
        epoch = max(loop.epoch_progress.current.ready - 1, 0)
        batch = loop.epoch_loop.batch_progress.current.processed
        if batch >= self.trainer.num_training_batches:
            epoch, batch = epoch + 1, 0
        return {"epoch": epoch, "batch": batch, **self._kept_by_resuming(self.trainer)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on where a checkpoint stands; one that is only scored changes nothing.

        Raises:
            ValueError: If training would go on with another corpus, other batches or other arithmetic.
        """
        if self.trainer is None or not self.trainer.training:
            return
        for key, now in self._kept_by_resuming(self.trainer).items():
            former = state_dict.get(key, now)  # former versions did not tell all
            if former != now:
                raise ValueError(
                    "a resumed run must keep its corpus, its number of ranks and its precision; "
                    f"{KEPT_BY_RESUMING[key]} was {former}, got {now}"
                )
        self._resume = typed(state_dict, Place)

    def _kept_by_resuming(self, trainer: L.Trainer) -> dict[str, Any]:
        values = (self.corpus_checksum, trainer.world_size, str(trainer.precision))
        return dict(zip(KEPT_BY_RESUMING, values, strict=True))

    def _with_unknown_types(self, corpus: Corpus) -> tuple[str, ...]:
        known = self.tags.entity_types
        others = {kind for split in corpus.splits for kind in corpus.entity_types(split)} - set(known)
        return (*known, *sorted(others))

    def _rank_and_number(self) -> tuple[int, int]:
        return (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)

    def _loader(self, items: Any, batch_sampler: Any, collate: Any) -> DataLoader[Any]:
        return DataLoader(
            items,
            batch_sampler=batch_sampler,
            collate_fn=collate,
            num_workers=self.batches.num_workers,
            generator=torch.Generator().manual_seed(0),  # else an iterator would draw from the global one
        )
