"""The data module: serves a corpus, bound to a label scheme and a tokenizer, as batches."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, get_args

import lightning as L
import torch
from torch.utils.data import DataLoader

from ner_lightning.corpora.entity_types import select_entity_types
from ner_lightning.corpora.raw_text import fitting_sentence_splitter, fitting_word_splitter
from ner_lightning.corpora.reader import Corpus, CorpusReader, SplitName
from ner_lightning.corpora.split_shares import hold_out_validation, keep_training_share
from ner_lightning.encoding.alignment import Subwords, WordTokenizer
from ner_lightning.encoding.augmentation import Augmentation
from ner_lightning.encoding.augmented_windows import AugmentedWindows
from ner_lightning.encoding.batch_sampler import StepLayout, TokenBudgetBatchSampler, WithEpoch, plan_evaluation
from ner_lightning.encoding.batches import (
    Batch,
    EncodedWindow,
    EvaluationBatch,
    WindowEncoder,
    label_rows,
    split_into_passes,
    tag_rows,
)
from ner_lightning.encoding.bound_corpus import (
    BoundCorpus,
    count_words,
    require_annotated_words,
    require_split,
    require_unique_ids,
    usual_length,
)
from ner_lightning.encoding.passages import Passage, Unit, require_unit
from ner_lightning.encoding.repeat_factors import repeat_factors, sentence_factor
from ner_lightning.lightning_internals import data_module_given_to
from ner_lightning.modeling.encoders import Encoder, as_encoder
from ner_lightning.parts import require_kind
from ner_lightning.schemes import BIO, LabelScheme, TagSet
from ner_lightning.sentence_splitting import SentenceSplitter
from ner_lightning.training.learned_tags import LearnedTags
from ner_lightning.word_splitting import WordSplitter

KEPT_BY_RESUMING: Final = {  # keys of a checkpoint, and their names in messages
    "corpus_checksum": "the corpus's checksum",
    "num_ranks": "the number of ranks",
    "precision": "the precision",
}


def leave_signals_to_trainer(worker: int) -> None:  # noqa: ARG001 (what a loader passes)
    """Make a process that collates batches ignore Ctrl-C and SIGTERM, which terminals and SLURM send to it as well.

    The training process needs it to finish the current step, and it ends when the training process does.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


@dataclass(frozen=True)
class WindowSettings:
    """Settings of windows, the rows of a batch.

    Args:
        subwords: The subwords of a word that are trained: ``first``, which is also the one that is read, or ``all``.
        max_subwords: Largest number of subwords in a window, including special tokens; null uses the encoder's limit.
        overlap: Largest number of subwords shared by neighboring windows of a long sentence.
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
class RawTextSettings:
    """How the trained model will cut raw text, which its bundle records.

    Args:
        word_splitter: Splits raw text into words. null is the word splitter of the corpus; for a corpus of words it is
            CharacterSplitter if the words are single characters of a script without spaces, otherwise
            PunctuationSplitter.
        sentence_splitter: Splits raw text into sentences, for example LanguageSentences with the language de. null
            is LanguageSentences in English, or WholeTexts if the training sentences are paragraphs or documents.
    """

    word_splitter: WordSplitter | None = None
    sentence_splitter: SentenceSplitter | None = None


@dataclass(frozen=True)
class BatchSettings:
    """Sizes of batches.

    Args:
        max_windows: Largest number of windows in a training batch.
        max_subwords: Largest number of subwords in a training batch.
        pool: Number of steps whose windows are sorted by length together. 1 keeps batches random, which learns best;
            encoders that compute padding (DeBERTa) train faster with about 50.
        repeat_threshold: Share of the training sentences below which an entity type is rare. A sentence is
            used sqrt(threshold / share) times per epoch, by the share of its rarest type, and at least once; null uses
            each sentence once.
        evaluation_subwords: Largest number of subwords in an evaluation batch, which holds whole sentences.
        num_workers: Number of processes that collate batches in the background.
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


class NERDataModule(L.LightningDataModule):
    """Serves a labeled corpus: windows for training, whole sentences for scoring.

    Args:
        corpus: Reads the corpus.
        encoder: The encoder whose tokenizer is used, in Python also the name of a pretrained one; the command line
            uses that of the tagger.
        scheme: The label scheme: how entities are written as tags.
        entity_types: Entity types to keep, or a mapping from the corpus' types to yours: types that are not listed
            are dropped, and types mapped to the same name are merged. null keeps all types unchanged.
        train_share: Share of the training sentences to train on, above 0 and at most 1: a point of a learning curve.
            It is drawn with the seed, in whole documents if the corpus has them, and a larger share of the same seed
            contains it. Entity types and vocabulary are those of the whole split. null uses all sentences.
        validation_share: Share of the training sentences to hold out as validation split, above 0 and below 1, for a
            corpus without one. It is drawn with the seed, in whole documents if the corpus has them.
        unit: The unit that runs through the encoder: each ``sentence`` by itself, or a ``document``, whose sentences
            are joined and read in overlapping windows. Entities never cross sentences, and scores are those of
            sentences in both cases. A sentence without a document is read alone.
        context: Largest number of subwords of neighboring sentences of the same document that are read with a sentence
            on each side, but neither learned nor scored. 0 reads each sentence alone.
        windows: Settings of windows.
        batches: Sizes of batches.
        raw_text: How the trained model will cut raw text.
        augmentation: Changes of training sentences, applied in order and drawn again every epoch; null for none.
        seed: Seed of the training and validation shares, of the order of batches, of augmentation and of dropout.
    """

    def __init__(  # noqa: PLR0913 (the keys of a config)
        self,
        corpus: CorpusReader,
        encoder: Encoder,
        scheme: LabelScheme | None = None,
        entity_types: list[str] | dict[str, str] | None = None,
        train_share: float | None = None,
        validation_share: float | None = None,
        unit: Unit = "sentence",
        context: int = 0,
        windows: WindowSettings = WindowSettings(),
        batches: BatchSettings = BatchSettings(),
        raw_text: RawTextSettings = RawTextSettings(),
        augmentation: list[Augmentation] | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        require_kind("corpus", corpus, CorpusReader, "ColumnFiles(train='train.conll')")
        self.reader, self.encoder, self.scheme = corpus, as_encoder(encoder), BIO() if scheme is None else scheme
        require_kind("scheme", self.scheme, LabelScheme, "BIOES()")
        require_kind("windows", windows, WindowSettings, "WindowSettings(overlap=32)")
        require_kind("batches", batches, BatchSettings, "BatchSettings(max_windows=32)")
        require_kind("raw_text", raw_text, RawTextSettings, "RawTextSettings(CharacterSplitter())")
        for part in augmentation or []:
            require_kind("every augmentation", part, Augmentation, "CasingNoise(probability=0.1)")
        if isinstance(entity_types, str):
            raise TypeError(f"entity_types must be a list or a mapping, got {entity_types!r}; write [{entity_types!r}]")
        require_unit(unit, context)
        self.selected_types = entity_types
        self.unit, self.context = unit, context
        self.train_share, self.validation_share = train_share, validation_share
        self.windows, self.batches, self.raw_text = windows, batches, raw_text
        self.augmentation = augmentation or []
        self.seed = seed
        self.learned_by_tagger: Callable[[], LearnedTags] | None = None  # for a corpus without a training split
        self._bound: BoundCorpus | None = None
        self._resume: Mapping[str, int] | None = None

    def setup(self, stage: str | None = None) -> None:
        """Read the corpus once, and bind label scheme and tokenizer to it.

        Raises:
            CorpusError: If the corpus cannot be read, lacks a split that the stage needs, or has a split without an
                annotated word.
            ValueError: If the training sentences contain no entity, the encoder is missing, or ``train_share``,
                ``validation_share`` or ``repeat_threshold`` is out of range.
        """
        self._resume = None  # may be left from an earlier run in a notebook
        if self._bound is None:
            self._bound = self._bind(self.read_corpus())
        needed: dict[str, SplitName] = {"fit": "validation", "validate": "validation", "test": "test"}
        for command, split in needed.items():
            if stage == command:  # Lightning's stage is an enumeration whose text differs from the command
                require_split(self.bound.corpus, split, command)

    @property
    def bound(self) -> BoundCorpus:
        """The corpus with its tags, tokenizer and windows.

        Raises:
            ValueError: If the data module has not been set up.
        """
        if self._bound is None:
            raise ValueError("the data module has not read its corpus yet: call setup() or run fit first")
        return self._bound

    def read_corpus(self) -> Corpus:
        """Read the corpus, with the selected entity types and a validation split that is held out if one is asked for.

        Raises:
            CorpusError: If the corpus cannot be read, or nothing can be held out of it.
            ValueError: If ``validation_share`` is out of range.
        """
        corpus = select_entity_types(self.reader.read(), self.selected_types)
        return hold_out_validation(corpus, self.validation_share, self.seed)

    @property
    def word_splitter(self) -> WordSplitter:
        """The word splitter for raw text: the configured one, or the one that fits the corpus."""
        return self.raw_text.word_splitter or fitting_word_splitter(self.bound.corpus)

    @property
    def sentence_splitter(self) -> SentenceSplitter:
        """The sentence splitter for raw text: the configured one, or the one that fits the corpus."""
        return self.raw_text.sentence_splitter or fitting_sentence_splitter(self.bound.corpus.splits["train"])

    def _bind(self, whole: Corpus) -> BoundCorpus:
        """Bind tags and tokenizer to the corpus.

        Whatever the training share, entity types and an encoder's own vocabulary come from the whole training split:
        annotators know the types before they begin, and points of a learning curve must differ in sentences only.
        """
        require_unique_ids(whole)
        if self.learned_by_tagger is not None and "train" not in whole.splits:
            corpus, learned = whole, self.learned_by_tagger()
        else:
            require_split(whole, "train", "the tag set")
            corpus = keep_training_share(whole, self.train_share, self.seed)
            learned = self._learned_from(whole, corpus)
        require_annotated_words(corpus)
        training = corpus.splits.get("train", ())
        tags = learned.tags
        window_encoder = WindowEncoder(
            WordTokenizer(learned.tokenizer, self.windows.max_subwords),
            tags,
            self.windows.subwords,
            self.windows.overlap,
            self.unit,
            self.context,
        )
        encoded_training = list(window_encoder.encode(training))
        length = learned.evaluation_length or usual_length(encoded_training)
        evaluation_encoder = window_encoder.with_max_subwords(length)
        evaluated = {split: sentences for split, sentences in corpus.splits.items() if split != "train"}
        threshold = self.batches.repeat_threshold
        return BoundCorpus(
            corpus,
            num_annotated=len(whole.splits.get("train", ())),
            checksum=whole.checksum(),
            tags=tags,
            word_counts=learned.word_counts,
            window_encoder=window_encoder,
            evaluation_encoder=evaluation_encoder,
            encoded={
                "train": encoded_training,
                **{split: list(evaluation_encoder.encode(sentences)) for split, sentences in evaluated.items()},
            },
            repeat_factors={} if threshold is None else repeat_factors(training, threshold),
            changes=[part.bind(training, tags) for part in self.augmentation],
        )

    def _learned_from(self, whole: Corpus, corpus: Corpus) -> LearnedTags:
        """Return the tags of the whole training split, with the words of the share of it that is trained on."""
        training = corpus.splits["train"]
        if not corpus.entity_types("train"):
            raise ValueError(f"training must contain at least one entity, got none in {len(training)} sentences")
        tags = TagSet(self.scheme, whole.entity_types("train"))
        tokenizer = self.encoder.tokenizer([sentence.words for sentence in whole.splits["train"]])
        return LearnedTags(tags, tokenizer, count_words(training, tags.entity_types))

    def train_dataloader(self) -> DataLoader[Batch]:
        """Return the windows of all training sentences, or of their augmented forms."""
        bound = self.bound
        sentences = bound.corpus.splits["train"]
        windows_of = [windows for _, windows in bound.encoded["train"]]
        windows = [window for windows in windows_of for window in windows]
        factors = {sentence.id: sentence_factor(sentence, bound.repeat_factors) for sentence in sentences}
        sampler = TokenBudgetBatchSampler(
            [len(window.input_ids) for window in windows],
            max_subwords=self.batches.max_subwords,
            max_windows=self.batches.max_windows,
            pool=self.batches.pool,
            factors=[max(factors[words.sentence_id] for words in window.owned) for window in windows],
            seed=self.seed,
            layout=self._layout(),
        )
        if self._resume is not None:
            sampler.resume_at(self._resume["epoch"], self._resume["batch"])
        if not bound.changes:
            return self._loader(windows, sampler, bound.window_encoder.collate)
        num_windows = [len(windows) for windows in windows_of]
        augmented = AugmentedWindows(sentences, num_windows, bound.changes, bound.window_encoder, self.seed)
        return self._loader(augmented, WithEpoch(sampler), bound.window_encoder.collate)

    def val_dataloader(self) -> DataLoader[EvaluationBatch]:
        return self.evaluation_dataloader("validation")

    def test_dataloader(self) -> DataLoader[EvaluationBatch]:
        return self.evaluation_dataloader("test")

    def evaluation_dataloader(self, split: SplitName) -> DataLoader[EvaluationBatch]:
        """Return whole sentences of a split in batches that do not depend on the number of ranks, which take turns.

        Scores therefore agree to the last digit on any number of ranks: the sentences of a batch are computed
        together, which affects the rounding of their logits. If documents are read, a batch holds whole documents. A
        rank without a batch gets one without sentences, since it must still take part in adding up the scores.
        """
        bound = self.bound
        items = list(zip(bound.passages(split), (windows for _, windows in bound.encoded[split]), strict=True))
        lengths = [sum(len(window.input_ids) for window in windows) for _, windows in items]
        layout = self._layout()
        batches = plan_evaluation(lengths, self.batches.evaluation_subwords)
        return self._loader(items, batches[layout.rank :: layout.num_ranks] or [[]], self.collate_sentences)

    def collate_sentences(self, items: Sequence[tuple[Passage, list[EncodedWindow]]]) -> EvaluationBatch:
        """Return the sentences of whole passages with their windows, split into passes that fit the budget."""
        sentences = tuple(sentence for passage, _ in items for sentence in passage.sentences)
        windows = (window for _, windows in items for window in windows)
        passes = split_into_passes(windows, self.batches.evaluation_subwords)
        return EvaluationBatch(
            tuple(self.bound.window_encoder.collate(run) for run in passes),
            sentences,
            tag_rows(sentences, self.bound.gold_tags),
            label_rows(sentences, self.bound.word_tags),
        )

    def state_dict(self) -> dict[str, Any]:
        """Return the epoch and the next batch of training, and the settings that a resumed run must keep."""
        if self.trainer is None:
            return {}
        loop: Any = self.trainer.fit_loop
        epoch = max(loop.epoch_progress.current.ready - 1, 0)
        batch = loop.epoch_loop.batch_progress.current.processed
        if batch >= self.trainer.num_training_batches:
            epoch, batch = epoch + 1, 0
        return {"epoch": epoch, "batch": batch, **self._kept_by_resuming(self.trainer)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Resume training at a checkpoint; a checkpoint that is only scored changes nothing.

        Raises:
            ValueError: If training would resume with another corpus, other batches or another precision.
        """
        if self.trainer is None or not self.trainer.training:
            return
        for key, now in self._kept_by_resuming(self.trainer).items():
            if state_dict[key] != now:
                raise ValueError(
                    "a resumed run must keep its corpus, its number of ranks and its precision; "
                    f"{KEPT_BY_RESUMING[key]} was {state_dict[key]}, got {now}"
                )
        self._resume = state_dict

    def _kept_by_resuming(self, trainer: L.Trainer) -> dict[str, Any]:
        values = (self.bound.checksum, trainer.world_size, str(trainer.precision))
        return dict(zip(KEPT_BY_RESUMING, values, strict=True))

    def _layout(self) -> StepLayout:
        if self.trainer is None:
            return StepLayout()
        return StepLayout(self.trainer.global_rank, self.trainer.world_size, self.trainer.accumulate_grad_batches)

    def _loader(self, items: Any, batch_sampler: Any, collate: Any) -> DataLoader[Any]:
        return DataLoader(
            items,
            batch_sampler=batch_sampler,
            collate_fn=collate,
            num_workers=self.batches.num_workers,
            worker_init_fn=leave_signals_to_trainer,
            generator=torch.Generator().manual_seed(0),  # otherwise an iterator would draw from the global generator
        )


def data_module_of(trainer: L.Trainer) -> NERDataModule:
    """Return the data module of a run.

    Raises:
        ValueError: If the trainer was given data loaders instead: scores also need the corpus.
    """
    data_module = data_module_given_to(trainer)
    if not isinstance(data_module, NERDataModule):
        raise ValueError("the tagger must be run with a NERDataModule, got data loaders or nothing")
    return data_module
