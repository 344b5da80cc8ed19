"""Tests of the data module: incomplete corpora, augmentation, training shares, and resumed runs."""

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch
from lightning.pytorch.trainer.states import TrainerFn

from ner_lightning.callbacks.final_validation import FinalValidation
from ner_lightning.callbacks.last_checkpoint import LastCheckpoint
from ner_lightning.corpora.example_corpus import ExampleCorpus
from ner_lightning.corpora.reader import Corpus, CorpusError, CorpusReader, SplitName
from ner_lightning.corpora.split_shares import keep_training_share
from ner_lightning.encoding.augmentation import CasingNoise, MentionReplacement
from ner_lightning.encoding.batches import Batch
from ner_lightning.entities import EntitySpan
from ner_lightning.modeling.class_weights import Balanced
from ner_lightning.modeling.encoders import SmallBert
from ner_lightning.schemes import BIO, IO, LabelScheme
from ner_lightning.sentences import Sentence
from ner_lightning.training.data_module import BatchSettings, NERDataModule, WindowSettings
from ner_lightning.training.tagger import NERTagger
from support.quiet_trainer import quiet_trainer

PERSON = Sentence(("Anna", "left"), (EntitySpan(0, 1, "PER"),), "0")
PLACE = Sentence(("In", "Oslo"), (EntitySpan(1, 2, "LOC"),), "0")
TWO_PEOPLE = Sentence(("Anna", "Tom"), (EntitySpan(0, 1, "PER"), EntitySpan(1, 2, "PER")), "0")


class GivenCorpus(CorpusReader):
    def __init__(self, **splits: Sentence) -> None:
        self.splits = splits

    def read(self) -> Corpus:
        return Corpus({name: (sentence,) for name, sentence in self.splits.items()})  # type: ignore[misc]


def data_module(scheme: LabelScheme | None = None, **splits: Sentence) -> NERDataModule:
    return NERDataModule(GivenCorpus(**splits), SmallBert(vocabulary_size=100), scheme=scheme or BIO())


@pytest.mark.parametrize(
    ("stage", "splits", "message"),
    [
        ("fit", {"train": PERSON}, "fit needs the validation split, got a corpus with train"),
        ("test", {"train": PERSON, "validation": PERSON}, "test needs the test split"),
        (TrainerFn.FITTING, {"train": PERSON}, "^fit needs the validation split"),
        ("fit", {"validation": PERSON}, "needs the train split, got a corpus with validation"),
    ],
)
def test_a_missing_split_is_reported_in_one_line(stage: str, splits: dict[SplitName, Sentence], message: str) -> None:
    with pytest.raises(CorpusError, match=message):
        data_module(**splits).setup(stage)


def test_saving_a_bundle_before_the_corpus_is_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="has not read its corpus yet: call setup"):
        NERTagger(SmallBert(vocabulary_size=100)).save_bundle(tmp_path / "model", data_module(train=PERSON))


def test_a_training_split_without_entities_is_refused() -> None:
    with pytest.raises(ValueError, match="must contain at least one entity, got none in 1 sentences"):
        data_module(train=Sentence(("Anna",), (), "0")).setup()


def test_sentences_that_share_an_id_are_refused() -> None:
    corpus = Corpus({"train": (PERSON,), "validation": (PERSON, replace(PLACE, id="1"), TWO_PEOPLE)})
    """Otherwise one of them would be lost among the predictions."""
    with pytest.raises(CorpusError, match=r"unique in its split, got '0' for 2 of validation$"):
        NERDataModule(ReadCorpus(corpus), SmallBert(vocabulary_size=100)).setup()


def test_entities_of_types_missing_from_training_are_counted_and_not_dropped() -> None:
    data = data_module(train=PERSON, validation=PLACE)
    data.setup("fit")
    assert data.bound.tags.entity_types == ("PER",)
    assert data.bound.gold_tags.entity_types == ("PER", "LOC")
    assert data.bound.coverage("validation").entities_of_unknown_types == 1
    batch = next(iter(data.val_dataloader()))
    assert batch.gold.tolist() == [[0, 3]]
    assert sorted(batch.passes[0].labels.flatten().tolist())[-2:] == [-100, 0]  # only "In" is learned


def test_entities_that_the_scheme_cannot_write_are_counted() -> None:
    for scheme, lost in ((IO(), 2), (BIO(), 0)):
        data = data_module(scheme, train=TWO_PEOPLE, validation=TWO_PEOPLE)
        data.setup("fit")
        assert data.bound.coverage("validation").entities_lost_to_scheme == lost
        assert next(iter(data.val_dataloader())).gold.tolist() == [[1, 1]]


def example_data(**settings) -> NERDataModule:
    corpus = ExampleCorpus(num_train=60, num_validation=20, num_test=20)
    data = NERDataModule(corpus, SmallBert(vocabulary_size=300), **settings)
    data.setup()
    return data


def rows(loader) -> list[list[list[int]]]:
    """Return the subwords of every row of every batch."""
    batches = [part for batch in loader for part in getattr(batch, "passes", [batch])]
    return [batch.input_ids.tolist() for batch in batches]


def test_sentences_with_rare_types_are_repeated_as_often_as_their_factor() -> None:
    data = example_data(batches=BatchSettings(repeat_threshold=1.0))
    holding = Counter(kind for s in data.bound.corpus.splits["train"] for kind in {e.entity_type for e in s.entities})
    assert data.bound.repeat_factors == pytest.approx({kind: (60 / number) ** 0.5 for kind, number in holding.items()})
    seen = Counter(name for batch in data.train_dataloader() for name in batch.sentence_ids)
    for sentence in data.bound.corpus.splits["train"]:
        factor = max((data.bound.repeat_factors[e.entity_type] for e in sentence.entities), default=1)
        assert int(factor) <= seen[sentence.id] <= int(factor) + 1
    assert seen.total() > 80


def test_without_a_threshold_each_sentence_is_used_once() -> None:
    data = example_data()
    assert data.bound.repeat_factors == {}
    seen = Counter(name for batch in data.train_dataloader() for name in batch.sentence_ids)
    assert set(seen.values()) == {1}
    assert len(seen) == 60


def test_augmentation_changes_only_training_sentences() -> None:
    parts = [MentionReplacement(1.0), CasingNoise(1.0)]
    plain, augmented = example_data(), example_data(augmentation=parts)
    assert plain.bound.corpus.checksum() == augmented.bound.corpus.checksum()
    for split in ("validation", "test"):
        assert rows(plain.evaluation_dataloader(split)) == rows(augmented.evaluation_dataloader(split))
    before, after = plain.train_dataloader(), augmented.train_dataloader()
    assert len(before) == len(after)
    assert rows(before) != rows(after)
    assert [b.sentence_ids for b in before] == [b.sentence_ids for b in after]


def test_augmentation_differs_between_epochs_and_is_reproducible() -> None:
    loader = example_data(augmentation=[MentionReplacement(1.0)]).train_dataloader()

    def epoch(number: int) -> list[list[list[int]]]:
        loader.batch_sampler.sampler.set_epoch(number)
        return sorted(rows(loader))

    assert epoch(0) != epoch(1)
    assert epoch(0) == epoch(0)


def test_a_training_share_determines_sentences_word_counts_and_repeat_factors() -> None:
    """Types and vocabulary are those of the whole split, so that arms of a learning curve differ only in the share."""
    factors = BatchSettings(repeat_threshold=1.0)
    whole_data, part_data = example_data(batches=factors), example_data(batches=factors, train_share=0.1)
    whole, part = whole_data.bound, part_data.bound
    kept = part.corpus.splits["train"]
    assert (len(kept), part.num_annotated) == (6, 60)
    assert {name for batch in part_data.train_dataloader() for name in batch.sentence_ids} == {s.id for s in kept}
    assert part.word_counts["O"] == sum(len(s) - sum(map(len, s.entities)) for s in kept)
    holding = Counter(kind for s in kept for kind in {e.entity_type for e in s.entities})
    assert part.repeat_factors == pytest.approx({kind: (6 / number) ** 0.5 for kind, number in holding.items()})
    assert part.tags == whole.tags
    assert set(part.word_counts) == {"O", *whole.tags.entity_types} > set(holding)
    assert part.tokenizer.get_vocab() == whole.tokenizer.get_vocab()
    assert part.checksum == whole.checksum == whole.corpus.checksum()
    assert rows(part_data.test_dataloader()) == rows(whole_data.test_dataloader())


def test_a_type_missing_from_the_training_share_is_scored_and_has_a_finite_weight() -> None:
    sentences = (PERSON, replace(PLACE, id="1"))
    seed = next(seed for seed in range(9) if kept_of(sentences, seed) == (PERSON,))
    reader = ReadCorpus(Corpus({"train": sentences, "validation": (PLACE,)}))
    data = NERDataModule(reader, SmallBert(vocabulary_size=100), train_share=0.5, seed=seed)
    data.setup()
    assert data.bound.word_counts == {"O": 1, "LOC": 0, "PER": 1}
    assert data.bound.gold_tags.entity_types == ("LOC", "PER")
    weights = Balanced().by_type(data.bound.word_counts)
    assert all(math.isfinite(weight) for weight in weights.values())


def kept_of(sentences: tuple[Sentence, ...], seed: int) -> tuple[Sentence, ...]:
    return keep_training_share(Corpus({"train": sentences}), 0.5, seed).splits["train"]


def test_each_training_word_is_counted_once_under_its_type() -> None:
    data = data_module(
        train=Sentence(("Ann", "Lee", "saw", "Rome"), (EntitySpan(0, 2, "PER"), EntitySpan(3, 4, "LOC"))),
        validation=Sentence(("Oslo",), (EntitySpan(0, 1, "LOC"),)),
    )
    data.setup()
    assert data.bound.word_counts == {"O": 1, "LOC": 1, "PER": 2}


class Batches(L.Callback):
    """Counts the batches of every epoch, and saves a checkpoint within the first."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.by_epoch: Counter[int] = Counter()

    def on_train_batch_end(self, trainer: L.Trainer, *_: object) -> None:
        self.by_epoch[trainer.current_epoch] += 1
        if trainer.global_step == 3:
            trainer.save_checkpoint(self.path)


def small_corpus() -> Corpus:
    return ExampleCorpus(num_train=40, num_validation=8, num_test=8).read()


def five_batches(corpus: Corpus) -> NERDataModule:
    data = NERDataModule(ReadCorpus(corpus), TINY, batches=BatchSettings(max_windows=8))
    data.setup()
    return data


class ReadCorpus(CorpusReader):
    def __init__(self, corpus: Corpus) -> None:
        self.corpus = corpus

    def read(self) -> Corpus:
        return self.corpus


TINY = SmallBert(hidden_size=16, num_heads=2, num_layers=1, vocabulary_size=200)


@pytest.fixture(scope="module")
def third_step(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint within the first of two epochs of five batches."""
    path = tmp_path_factory.mktemp("run") / "third_step.ckpt"
    batches = Batches(path)
    quiet_trainer(max_epochs=2, callbacks=[batches]).fit(NERTagger(TINY), five_batches(small_corpus()))
    assert batches.by_epoch == {0: 5, 1: 5}
    return path


def test_only_a_resumed_run_skips_batches_that_were_already_used(third_step: Path, tmp_path: Path) -> None:
    data = five_batches(small_corpus())
    checkpoint = {"ckpt_path": third_step, "weights_only": True}
    quiet_trainer().validate(NERTagger(TINY), data, verbose=False, **checkpoint)
    for start, expected in (({}, {0: 5, 1: 5}), (checkpoint, {0: 2, 1: 5}), ({}, {0: 5, 1: 5})):
        batches = Batches(tmp_path / "again.ckpt")
        quiet_trainer(max_epochs=2, callbacks=[batches]).fit(NERTagger(TINY), data, **start)
        assert batches.by_epoch == expected


def test_a_failed_run_does_not_affect_the_next_run_with_the_same_data(third_step: Path, tmp_path: Path) -> None:
    class BreakOff(L.Callback):
        def on_train_batch_start(self, *_: object) -> None:
            raise RuntimeError("broken off")

    data = five_batches(small_corpus())
    with pytest.raises(RuntimeError, match="broken off"):
        quiet_trainer(max_epochs=1, callbacks=[BreakOff()]).fit(
            NERTagger(TINY), data, ckpt_path=third_step, weights_only=True
        )
    batches = Batches(tmp_path / "again.ckpt")
    quiet_trainer(max_epochs=1, callbacks=[batches]).fit(NERTagger(TINY), data)
    assert batches.by_epoch == {0: 5}


class Order(L.Callback):
    """Records the sentences of every batch with its epoch."""

    def __init__(self) -> None:
        self.batches: list[tuple[int, tuple[str, ...]]] = []

    def on_train_batch_start(self, trainer: L.Trainer, _: L.LightningModule, batch: Batch, __: int) -> None:
        self.batches.append((trainer.current_epoch, batch.sentence_ids))


def order_of_fit(folder: Path, max_steps: int = -1, **start: Any) -> list[tuple[int, tuple[str, ...]]]:
    callbacks = [order := Order(), FinalValidation(), LastCheckpoint(folder)]
    trainer = quiet_trainer(max_epochs=2, max_steps=max_steps, callbacks=callbacks, enable_checkpointing=True)
    trainer.fit(NERTagger(TINY), five_batches(small_corpus()), weights_only=True, **start)
    return order.batches


def test_a_run_that_ended_within_an_epoch_resumes_at_the_next_batch(tmp_path: Path) -> None:
    whole = order_of_fit(tmp_path / "whole")
    assert order_of_fit(tmp_path / "ended", max_steps=2) == whole[:2]
    for max_steps, end in ((-1, 10), (9, 9)):
        checkpoint = tmp_path / "ended" / "last.ckpt"
        assert order_of_fit(tmp_path / "longer", max_steps=max_steps, ckpt_path=checkpoint) == whole[2:end]


def with_one_label_less(corpus: Corpus) -> Corpus:
    first, *others = corpus.splits["validation"]
    return replace(corpus, splits={**corpus.splits, "validation": (replace(first, entities=()), *others)})


@pytest.mark.parametrize(
    ("change", "settings", "message"),
    [
        (with_one_label_less, {}, "the corpus's checksum was [0-9a-f]{64}, got [0-9a-f]{64}"),
        (lambda corpus: corpus, {"precision": "64-true"}, "the precision was 32-true, got 64-true"),
        (lambda corpus: corpus, {"devices": 2, "strategy": "ddp_spawn"}, "the number of ranks was 1, got 2"),
    ],
)
def test_a_resumed_run_must_keep_corpus_precision_and_number_of_ranks(
    third_step: Path, change: Callable[[Corpus], Corpus], settings: dict[str, Any], message: str
) -> None:
    data = five_batches(change(small_corpus()))
    data.trainer = quiet_trainer(**settings)
    data.trainer.training = True
    state = torch.load(third_step, weights_only=True)["NERDataModule"]
    with pytest.raises(ValueError, match=f"a resumed run must keep .*; {message}"):
        data.load_state_dict(state)
    data.trainer.validating = True
    data.load_state_dict(state)  # validation may use another corpus, precision or number of ranks


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: BatchSettings(max_windows=0), "max_windows must be at least 1, got 0"),
        (lambda: BatchSettings(max_subwords=-5), "max_subwords must be at least 1, got -5"),
        (lambda: BatchSettings(pool=0), "pool must be at least 1, got 0"),
        (lambda: BatchSettings(evaluation_subwords=0), "evaluation_subwords must be at least 1, got 0"),
        (lambda: BatchSettings(num_workers=-1), "num_workers must be at least 0, got -1"),
        (lambda: WindowSettings(subwords="last"), "subwords must be one of first, all, got last"),
        (lambda: WindowSettings(max_subwords=0), "max_subwords must be null or at least 1, got 0"),
        (lambda: WindowSettings(overlap=-1), "overlap must be at least 0, got -1"),
    ],
)
def test_settings_out_of_range_are_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
