"""Tests of the tagger: scores, precision, learning rates, and gradients that do not depend on accumulation."""

import copy
from pathlib import Path
from typing import Any, ClassVar, Literal

import lightning as L
import pytest
import torch
from lightning.pytorch.callbacks import EarlyStopping
from lightning.pytorch.loggers.logger import DummyLogger
from lightning.pytorch.plugins import MixedPrecision
from seqeval.metrics import f1_score

from ner_lightning.modeling.class_weights import GivenWeights
from ner_lightning.modeling.crf import CRFLoss
from ner_lightning.modeling.decoders import ArgmaxDecoder
from ner_lightning.modeling.encoders import PretrainedEncoder, SmallBert
from ner_lightning.modeling.evaluation_precision import evaluating_in
from ner_lightning.modeling.fine_tuning import FineTuning
from ner_lightning.modeling.losses import CrossEntropyLoss, FocalLoss, Loss, WeightedCrossEntropyLoss
from ner_lightning.modeling.parameter_groups import scale_rates
from ner_lightning.modeling.scored_positions import ScoredPositions
from ner_lightning.schemes import BIO, BIOES, IGNORE_INDEX, IO, LabelScheme
from ner_lightning.training.data_module import WindowSettings
from ner_lightning.training.tagger import NERTagger
from support.quiet_trainer import quiet_trainer
from support.small_taggers import ENCODER, LOSSES, data_module, sgd, trained, trainer


@pytest.mark.parametrize("scheme", [IO(), BIO(), BIOES()], ids=lambda scheme: scheme.name)
def test_the_logged_f1_equals_that_of_seqeval(scheme: LabelScheme) -> None:
    data = data_module(scheme=scheme)
    tagger, fitting = trained(data)
    gold, predicted = [], []
    tagger.eval()
    for batch in data.val_dataloader():
        logits = tagger.classifier.sentence_logits(batch)
        tag_ids = tagger.decoder.tag_ids(logits, batch.gold != IGNORE_INDEX, data.bound.tags)
        for sentence, row in zip(batch.sentences, tag_ids.tolist(), strict=True):
            predicted.append([data.bound.tags.tags[i] for i in row if i != IGNORE_INDEX])
            gold.append(
                [data.bound.gold_tags.tags[i] for i in data.bound.gold_tags.write(sentence.entities, len(sentence))]
            )
            assert len(predicted[-1]) == len(sentence)
    assert len(gold) == 24
    assert fitting.callback_metrics["validation/f1"].item() == pytest.approx(f1_score(gold, predicted), abs=1e-12)


def test_the_default_decoder_never_predicts_an_ill_formed_sentence() -> None:
    ill_formed = {}
    for decoder in (None, ArgmaxDecoder()):
        torch.manual_seed(0)
        tagger = NERTagger(ENCODER, decoder=decoder)
        (scores,) = trainer().validate(tagger, data_module(scheme=BIOES()), verbose=False)
        ill_formed[decoder] = scores["validation/ill_formed"]
    assert ill_formed[None] == 0 < ill_formed[ArgmaxDecoder()]


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
@pytest.mark.parametrize(("max_windows", "accumulate"), [(6, 3), (1, 16)])
def test_the_gradient_of_a_step_does_not_depend_on_accumulation(max_windows: int, accumulate: int, loss: Loss) -> None:
    whole, _ = trained(data_module(16, max_windows=16), precision="64-true", loss=loss)
    split, fitting = trained(data_module(16, max_windows=max_windows), accumulate, precision="64-true", loss=loss)
    assert fitting.global_step == 1
    for name, parameter in whole.named_parameters():
        torch.testing.assert_close(parameter, split.get_parameter(name), atol=1e-10, rtol=0)
    bias = whole.get_parameter("classifier.network.classifier.bias")
    assert bias.abs().max() > 1e-3  # it was 0 before the step


def test_accumulated_batches_train_the_same_model_as_one_large_batch() -> None:
    whole, fitting = trained(data_module(44, max_windows=16), precision="64-true")
    split, _ = trained(data_module(44, max_windows=4), accumulate=4, precision="64-true")
    assert fitting.global_step == 3
    for name, parameter in whole.named_parameters():
        torch.testing.assert_close(parameter, split.get_parameter(name), atol=1e-9, rtol=0)


@pytest.mark.parametrize("weight", [1e-3, 1e3])
def test_equal_class_weights_of_any_size_do_not_change_training(weight: float) -> None:
    equal = WeightedCrossEntropyLoss(GivenWeights(dict.fromkeys(["O", "LOC", "MISC", "ORG", "PER"], weight)))
    weighted, _ = trained(data_module(16, max_windows=16), precision="64-true", loss=equal)
    plain, _ = trained(data_module(16, max_windows=16), precision="64-true")
    for name, parameter in plain.named_parameters():
        torch.testing.assert_close(parameter, weighted.get_parameter(name), atol=1e-10, rtol=0)


def test_a_pretrained_network_is_trained_with_dropout(tmp_path: Path) -> None:
    """``from_pretrained`` returns the network in evaluation mode, which Lightning does not change."""
    data = data_module()
    data.setup()
    random_network = SmallBert(vocabulary_size=300, hidden_size=32, num_heads=2).network(
        data.bound.tags, data.bound.tokenizer
    )
    random_network.save_pretrained(tmp_path)
    data.bound.tokenizer.save_pretrained(tmp_path)
    encoder = PretrainedEncoder(str(tmp_path))
    assert not encoder.network(data.bound.tags, data.bound.tokenizer).training

    class SeesModes(L.Callback):
        evaluating: ClassVar[list[str]] = []
        num_batches = 0

        def on_train_batch_start(self, trainer: L.Trainer, pl_module: L.LightningModule, *_: Any) -> None:  # noqa: ARG002
            self.evaluating += [name for name, module in pl_module.classifier.named_modules() if not module.training]
            self.num_batches += 1

    seen = SeesModes()
    trainer(2, callbacks=[seen]).fit(NERTagger(encoder, optimizer=sgd), data)  # validates between the epochs
    assert seen.num_batches == 6
    assert seen.evaluating == []


def test_loss_and_gradient_are_those_of_the_stock_network_on_padded_batches() -> None:
    data = data_module()
    data.setup()
    tagger = NERTagger(ENCODER)
    tagger.tags, tagger.tokenizer, tagger.word_counts = data.bound.tags, data.bound.tokenizer, data.bound.word_counts
    tagger.configure_model()
    stock = copy.deepcopy(tagger.classifier.network)
    stock.set_attn_implementation("eager")
    assert tagger.classifier.packs
    for batch in data.train_dataloader():
        logits = tagger.classifier(batch.input_ids, batch.attention_mask)
        loss = tagger.objective(ScoredPositions.of_windows(logits, batch))
        ours = torch.autograd.grad(loss.total / loss.weight, list(tagger.classifier.network.parameters()))
        mask = batch.attention_mask.long()
        expected = stock(input_ids=batch.input_ids, attention_mask=mask, labels=batch.labels).loss
        assert loss.mean == pytest.approx(expected.item(), rel=1e-6)
        for own, its in zip(ours, torch.autograd.grad(expected, list(stock.parameters())), strict=True):
            torch.testing.assert_close(own, its, atol=1e-6, rtol=1e-4)


def test_training_in_mixed_bfloat16_reaches_about_the_same_loss() -> None:
    losses = {}
    for precision in ("32-true", "bf16-mixed"):
        _, fitting = trained(data_module(), precision=precision)
        losses[precision] = fitting.callback_metrics["validation/loss"].item()
    assert losses["bf16-mixed"] == pytest.approx(losses["32-true"], rel=0.05)
    assert losses["bf16-mixed"] != losses["32-true"]


def scores_of(tagger: NERTagger, precision: str) -> dict[str, float]:
    """Return the scores of a trained tagger on the validation split, under a trainer of this precision."""
    scoring = trainer(precision=precision)
    scoring.validate(tagger, data_module(), verbose=False)
    return {name: score.item() for name, score in scoring.callback_metrics.items()}


@pytest.mark.parametrize("precision", ["bf16-mixed", "16-mixed"])
def test_scores_do_not_depend_on_the_precision_of_training(precision: str) -> None:
    tagger, _ = trained(data_module())
    assert scores_of(tagger, precision) == scores_of(tagger, "32-true")


def test_every_epoch_of_mixed_training_is_validated_in_float32() -> None:
    tagger, fitting = trained(data_module(), precision="bf16-mixed")
    logged = {name: score.item() for name, score in fitting.callback_metrics.items() if name.startswith("validation/")}
    assert logged == scores_of(tagger, "32-true")


def test_scores_in_bfloat16_do_not_depend_on_the_precision_of_training() -> None:
    tagger, _ = trained(data_module())
    exact = scores_of(tagger, "32-true")["validation/loss"]
    tagger.evaluation_precision = "bfloat16"
    rounded = scores_of(tagger, "32-true")
    assert rounded["validation/loss"] != exact
    assert rounded["validation/loss"] == pytest.approx(exact, rel=0.05)
    assert rounded == scores_of(tagger, "bf16-mixed")


def test_evaluation_in_float32_ignores_reduced_precision_settings_of_the_program() -> None:
    """Both torch's old setting for all devices and its new settings for each device are tried."""
    on_gpu, on_cpu = torch.backends.cuda.matmul, torch.backends.mkldnn.matmul

    def settings() -> tuple[str, str]:
        return on_gpu.fp32_precision, on_cpu.fp32_precision

    untouched = settings()
    try:
        torch.set_float32_matmul_precision("medium")
        assert settings() == ("tf32", "bf16")
        for gpu in ("tf32", "none"):
            on_gpu.fp32_precision = gpu
            with evaluating_in("float32", torch.device("cpu")):
                assert settings() == ("ieee", "ieee")
            assert settings() == (gpu, "bf16")
    finally:
        torch.set_float32_matmul_precision("highest")
        on_gpu.fp32_precision, on_cpu.fp32_precision = untouched


def test_an_unknown_evaluation_precision_is_refused() -> None:
    with pytest.raises(ValueError, match="evaluation_precision must be one of float32, bfloat16, got '16'"):
        NERTagger(ENCODER, evaluation_precision="16")  # type: ignore[arg-type]


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_an_empty_batch_does_not_change_the_scores(loss: Loss) -> None:
    """A rank gets an empty batch if there are fewer batches to score than ranks."""

    def scores(is_padded: bool) -> dict[str, float]:
        data, scoring = data_module(16), trainer()
        data.setup()
        loader: Any = data.val_dataloader()
        batches = [[], *loader.batch_sampler, []] if is_padded else loader.batch_sampler
        data.val_dataloader = lambda: data._loader(loader.dataset, batches, data.collate_sentences)  # type: ignore[method-assign]
        scoring.validate(tagger, data, verbose=False)
        return {name: score.item() for name, score in scoring.callback_metrics.items()}

    tagger, _ = trained(data_module(16), loss=loss)
    assert scores(is_padded=True) == scores(is_padded=False)


def test_the_loss_is_summed_in_float64_even_if_weights_are_bfloat16() -> None:
    tagger, fitting = trained(data_module(), precision="bf16-true")
    assert next(tagger.parameters()).dtype == torch.bfloat16
    assert tagger.step_loss.step.dtype == tagger.step_loss.epoch.dtype == torch.float64
    assert fitting.callback_metrics["validation/loss"].isfinite()


def test_gradient_clipping_by_value_is_refused() -> None:
    fitting = trainer(gradient_clip_val=1.0, gradient_clip_algorithm="value")
    with pytest.raises(ValueError, match="gradient_clip_algorithm must be norm, got"):
        fitting.fit(NERTagger(ENCODER, optimizer=sgd), data_module())


@pytest.mark.parametrize(("fused", "limit"), [(True, 8.0), (False, 1.0)])
def test_gradients_for_a_fused_optimizer_are_clipped_at_the_scaled_norm(fused: bool, limit: float) -> None:
    tagger = NERTagger(ENCODER)
    scaler = torch.amp.GradScaler("cpu", init_scale=8.0)
    tagger.trainer = trainer(plugins=[MixedPrecision("16-mixed", "cpu", scaler)])
    weights = torch.nn.Parameter(torch.zeros(4))
    weights.grad = torch.full((4,), 50.0)
    scaler.scale(torch.zeros(()))  # a scaler sets its scale at the first loss
    tagger.configure_gradient_clipping(torch.optim.AdamW([weights], fused=fused), 1.0)
    assert weights.grad.norm().item() == pytest.approx(limit)


def test_the_logged_rate_is_that_of_the_highest_layer() -> None:
    data = data_module()
    data.setup()
    tagger = NERTagger(ENCODER, head_learning_rate=0.5, fine_tuning=FineTuning(layer_decay=0.5))
    tagger.tags, tagger.tokenizer, tagger.word_counts = data.bound.tags, data.bound.tokenizer, data.bound.word_counts
    tagger.configure_model()
    optimizer = torch.optim.SGD(tagger.parameter_groups(), lr=0.1)
    scale_rates(optimizer)
    assert optimizer.param_groups[0]["lr"] == 0.1  # the one that is logged
    assert {group["lr"] for group in optimizer.param_groups} == {0.1, 0.05, 0.025, 0.5}


def test_biases_and_norms_do_not_decay_and_the_head_has_its_own_rate() -> None:
    tagger, _ = trained(data_module())
    tagger.head_learning_rate = 0.5
    optimizer = torch.optim.AdamW(tagger.parameter_groups(), lr=0.1, weight_decay=0.01)
    seen = {}
    names = {id(parameter): name for name, parameter in tagger.named_parameters()}
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            seen[names[id(parameter)]] = (group["lr"], group["weight_decay"])
    assert set(seen) == set(names.values())
    assert seen["classifier.network.classifier.weight"] == (0.5, 0.01)
    assert seen["classifier.network.classifier.bias"] == (0.5, 0.0)
    assert seen["classifier.network.bert.embeddings.LayerNorm.weight"] == (0.1, 0.0)
    assert seen["classifier.network.bert.embeddings.word_embeddings.weight"] == (0.1, 0.01)


def test_plain_cross_entropy_is_logged_with_every_loss() -> None:
    by_loss = {}
    for loss in (CrossEntropyLoss(), FocalLoss(), CRFLoss()):
        _, fitting = trained(data_module(), loss=loss)
        logged = {name: fitting.callback_metrics[f"validation/{name}"].item() for name in ("loss", "cross_entropy")}
        by_loss[type(loss)] = logged
    plain = by_loss[CrossEntropyLoss]
    assert plain["loss"] == plain["cross_entropy"]
    assert by_loss[FocalLoss]["loss"] < by_loss[FocalLoss]["cross_entropy"]
    assert by_loss[CRFLoss]["cross_entropy"] == pytest.approx(plain["cross_entropy"], rel=0.5)


def test_every_word_of_a_long_sentence_is_scored() -> None:
    data = data_module()
    data.windows = WindowSettings(max_subwords=8, overlap=2)
    _, fitting = trained(data)
    num_words = sum(map(len, data.bound.corpus.splits["validation"]))
    assert data.bound.coverage("validation").words_in_several_windows > 0
    assert sum(len(s) for batch in data.val_dataloader() for s in batch.sentences) == num_words
    assert 0 <= fitting.callback_metrics["validation/f1"].item() <= 1


class Rates(L.Callback):
    """Records the learning rate of every step."""

    def __init__(self) -> None:
        self.rates: list[float] = []

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: L.LightningModule, *_: Any) -> None:  # noqa: ARG002
        self.rates.append(trainer.optimizers[0].param_groups[0]["lr"])


def test_training_without_an_end_works_with_a_constant_learning_rate() -> None:
    seen = Rates()
    fitting = quiet_trainer(max_epochs=-1, callbacks=[seen, EarlyStopping("train/loss", patience=1, min_delta=1e9)])
    fitting.fit(NERTagger(ENCODER, optimizer=sgd, warmup_ratio=0.0, schedule="constant"), data_module(16))
    assert fitting.global_step == 2
    assert seen.rates == [1.0, 1.0]


@pytest.mark.parametrize(("schedule", "warmup_ratio"), [("linear", 0.0), ("cosine", 0.0), ("constant", 0.1)])
def test_a_schedule_that_depends_on_the_length_of_a_run_needs_its_end(
    schedule: Literal["linear", "cosine", "constant"], warmup_ratio: float
) -> None:
    tagger = NERTagger(ENCODER, optimizer=sgd, warmup_ratio=warmup_ratio, schedule=schedule)
    with pytest.raises(ValueError, match=r"without an end .* set trainer\.max_epochs"):
        quiet_trainer(max_epochs=-1, max_time="00:00:00:01").fit(tagger, data_module(16))


def test_nothing_is_logged_by_step_if_log_every_n_steps_is_0() -> None:
    class NoStep(DummyLogger):
        def log_metrics(self, metrics: Any, step: int | None = None) -> None:  # noqa: ARG002
            assert "train/loss" not in metrics

    fitting = L.Trainer(
        max_epochs=1,
        accelerator="cpu",
        logger=NoStep(),
        log_every_n_steps=0,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    fitting.fit(NERTagger(ENCODER, optimizer=sgd), data_module(16))
    assert fitting.global_step == 1


def test_a_loader_in_place_of_the_data_module_is_refused_with_a_clear_message() -> None:
    data = data_module(16)
    data.setup()
    with pytest.raises(ValueError, match="must be run with a NERDataModule, got data loaders"):
        trainer().fit(NERTagger(ENCODER, optimizer=sgd), data.train_dataloader())


@pytest.mark.parametrize("rate", [-1.0, float("nan")])
def test_an_invalid_learning_rate_of_the_head_is_refused(rate: float) -> None:
    with pytest.raises(ValueError, match="head_learning_rate must be null or a finite number of at least 0, got"):
        NERTagger(ENCODER, head_learning_rate=rate)
