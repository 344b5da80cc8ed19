"""The tagger: token classifier, loss and decoder as a LightningModule."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Literal, Self, get_args

import lightning as L
import torch
from jaxtyping import Float
from lightning.pytorch.cli import OptimizerCallable
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor
from transformers import PreTrainedModel, get_scheduler

from ner_lightning.bundle import save_bundle
from ner_lightning.bundle_settings import BundleSettings
from ner_lightning.checkpoints.reading import TAGGER_KEY, CheckpointError, read_checkpoint, require_fits
from ner_lightning.checkpoints.record import TaggerRecord
from ner_lightning.checkpoints.trained_part import TrainedPart
from ner_lightning.encoding.batches import Batch, EvaluationBatch
from ner_lightning.lightning_internals import steps_between_logs
from ner_lightning.metrics.exact_mean import ExactMean
from ner_lightning.modeling.class_weights import WordCounts
from ner_lightning.modeling.crf import CRFLoss  # noqa: F401 (a checkpoint may name it)
from ner_lightning.modeling.decoders import Decoder, ViterbiDecoder
from ner_lightning.modeling.encoders import Encoder, SavedEncoder, as_encoder
from ner_lightning.modeling.evaluation_precision import EvaluationPrecision, evaluating_in
from ner_lightning.modeling.fine_tuning import FineTuning
from ner_lightning.modeling.losses import CrossEntropyLoss, Loss, word_cross_entropy
from ner_lightning.modeling.parameter_groups import gradients_of, parameter_groups, scale_rates
from ner_lightning.modeling.scored_positions import ScoredPositions
from ner_lightning.modeling.token_classifier import TokenClassifier
from ner_lightning.parts import require_kind
from ner_lightning.schemes import TagSet
from ner_lightning.serialization import from_plain, to_plain
from ner_lightning.training.data_module import NERDataModule, data_module_of
from ner_lightning.training.entity_scores import EntityScores
from ner_lightning.training.moving_average import CURRENT_WEIGHTS, MovingAverage
from ner_lightning.training.step_loss import StepLoss
from ner_lightning.training.step_seed import StepSeed

Schedule = Literal["linear", "cosine", "constant"]


class NERTagger(L.LightningModule):
    """Trains a token classifier over the tags of the data module.

    The gradient of an optimizer step is that of the mean loss over all scored positions of the step, however
    they are spread over ranks and accumulated batches.

    Args:
        encoder: The encoder that is fine-tuned; in Python also the name of a pretrained one.
        loss: The loss to minimize.
        decoder: Chooses tags from word logits.
        optimizer: Creates the optimizer from parameter groups; biases and norms have no weight decay.
        head_learning_rate: Learning rate of the head; null uses that of the optimizer.
        warmup_ratio: Share of the optimizer steps in which the learning rate rises linearly from 0.
        schedule: The learning rate after warm-up: it falls to 0 linearly or along half a cosine (Loshchilov and Hutter
            2017), or stays constant.
        fine_tuning: Selects the weights of the encoder that are trained, and how.
        evaluation_precision: Precision of validation and test, whatever the precision of training. float32 is what
            the saved bundle computes in, so that it predicts exactly what was scored. bfloat16 is faster where the
            hardware has it, but scores differ slightly: a few sentences get other entities than from the bundle.
    """

    def __init__(  # noqa: PLR0913 (the keys of a config)
        self,
        encoder: Encoder,
        loss: Loss | None = None,
        decoder: Decoder | None = None,
        optimizer: OptimizerCallable = lambda parameters: torch.optim.AdamW(
            parameters, lr=2.0e-5, weight_decay=0.01, fused=True
        ),
        head_learning_rate: float | None = None,
        warmup_ratio: float = 0.1,
        schedule: Schedule = "linear",
        fine_tuning: FineTuning = FineTuning(),
        evaluation_precision: EvaluationPrecision = "float32",
    ) -> None:
        super().__init__()
        if not 0 <= warmup_ratio <= 1:
            raise ValueError(f"warmup_ratio must be between 0 and 1, got {warmup_ratio}")
        if head_learning_rate is not None and not 0 <= head_learning_rate < math.inf:
            raise ValueError(
                f"head_learning_rate must be null or a finite number of at least 0, got {head_learning_rate}"
            )
        if evaluation_precision not in get_args(EvaluationPrecision):
            known = ", ".join(get_args(EvaluationPrecision))
            raise ValueError(f"evaluation_precision must be one of {known}, got {evaluation_precision!r}")
        if schedule not in get_args(Schedule):
            raise ValueError(f"schedule must be one of {', '.join(get_args(Schedule))}, got {schedule!r}")
        if not callable(optimizer):
            example = "lambda parameters: torch.optim.AdamW(parameters, lr=2e-5)"
            raise TypeError(f"optimizer must be a function of parameters, such as {example}, got {optimizer!r}")
        self.encoder = as_encoder(encoder)
        self.loss = CrossEntropyLoss() if loss is None else loss
        self.decoder = ViterbiDecoder() if decoder is None else decoder
        require_kind("loss", self.loss, Loss, "FocalLoss()")
        require_kind("decoder", self.decoder, Decoder, "ViterbiDecoder()")
        require_kind("fine_tuning", fine_tuning, FineTuning, "FineTuning(frozen_layers=2)")
        self.optimizer, self.head_learning_rate = optimizer, head_learning_rate
        self.warmup_ratio, self.schedule = warmup_ratio, schedule
        self.fine_tuning, self.evaluation_precision = fine_tuning, evaluation_precision
        self.tags: TagSet | None = None
        self.word_counts: WordCounts = {}
        self.evaluation_length = 0
        self.evaluation_loss, self.evaluation_cross_entropy = ExactMean(), ExactMean()
        self.step_loss = StepLoss()
        self.is_configured = False

    def setup(self, stage: str) -> None:
        """Take the tags from the data module, unless the tagger already has tags.

        Raises:
            ValueError: If the trainer was given data loaders instead of a data module.
        """
        bound = data_module_of(self.trainer).bound
        if self.tags is None:
            self.tags, self.tokenizer, self.word_counts = bound.tags, bound.tokenizer, bound.word_counts
            self.evaluation_length = bound.evaluation_encoder.tokenizer.max_subwords

    def configure_model(self) -> None:
        """Build token classifier and objective over the tags; loading a checkpoint then sets their weights."""
        if self.is_configured:
            return
        if self.tags is None:
            raise ValueError("the tagger has no tags yet: fit it with a NERDataModule first")
        network = self.encoder.network(self.tags, self.tokenizer)
        self.fine_tuning.prepare(network)
        self.classifier = TokenClassifier(network)
        self.objective = self.loss.bind(self.tags, self.word_counts)
        self.trained_part = TrainedPart.of(self.fine_tuning, self.encoder, network, self)
        self.is_configured = True

    def configure_callbacks(self) -> list[L.Callback]:
        decay = self.fine_tuning.average_decay
        return [EntityScores(), StepSeed(), *([] if decay is None else [MovingAverage(decay)])]

    def on_fit_start(self) -> None:
        """Turn dropout on: a pretrained network starts in evaluation mode, and Lightning would leave it there."""
        self.train()

    @property
    def num_steps(self) -> int:
        """Number of optimizer steps of the run, or 0 for a run without an end, which needs a constant rate.

        Raises:
            ValueError: If the run has no end and the learning rate depends on its length.
        """
        num_steps = self.trainer.estimated_stepping_batches
        if num_steps < math.inf:
            return int(num_steps)
        if self.schedule != "constant" or self.warmup_ratio:
            raise ValueError(
                "a run without an end needs model.schedule constant and model.warmup_ratio 0, "
                f"got {self.schedule} and {self.warmup_ratio}; or set trainer.max_epochs"
            )
        return 0

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        try:
            optimizer = self.optimizer(self.parameter_groups())
        except (RuntimeError, TypeError) as error:
            raise ValueError(f"model.optimizer: {error}") from error
        if isinstance(optimizer, torch.optim.SparseAdam):
            raise ValueError("model.optimizer: SparseAdam does not support the dense gradients of encoders")
        if any(group.get("maximize") for group in optimizer.param_groups):
            raise ValueError("model.optimizer.maximize must be false, got true: training minimises the loss")
        scale_rates(optimizer)
        num_steps = self.num_steps
        warmup_steps = round(self.warmup_ratio * num_steps)
        name = "constant_with_warmup" if self.schedule == "constant" else self.schedule
        schedule = get_scheduler(name, optimizer, warmup_steps, num_steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Group the trainable parameters by place in the network and weight decay, and add those of the objective."""
        groups = parameter_groups(
            self.classifier.network,
            head_learning_rate=self.head_learning_rate,
            layer_decay=self.fine_tuning.layer_decay,
        )
        learned = list(self.objective.parameters())
        rate = {} if self.objective.learning_rate is None else {"lr": self.objective.learning_rate}
        return [*groups, {"params": learned, "weight_decay": 0.0} | rate] if learned else groups

    def training_step(self, batch: Batch, batch_idx: int) -> Float[Tensor, ""]:
        loss = self.objective(ScoredPositions.of_windows(self.classifier(batch.input_ids, batch.attention_mask), batch))
        self.step_loss.add(loss)
        # gradients are added: this undoes Lightning's division by accumulated batches and its mean over ranks
        return loss.total * self.trainer.accumulate_grad_batches * self.trainer.world_size

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Divide the added gradients by the weight of the whole step."""
        step = self.step_loss.end_step(partial(self.trainer.strategy.reduce, reduce_op="sum"))
        torch._foreach_div_(list(gradients_of(optimizer).values()), step.weight.item() or 1.0)
        loss = step.mean
        self.log("train/loss", loss, prog_bar=True, logger=False)
        every = steps_between_logs(self.trainer)
        if every and (self.trainer.global_step + 1) % every == 0:  # 0 logs nothing
            self.log_now({"train/loss": loss, "train/learning_rate": optimizer.param_groups[0]["lr"]})

    def log_now(self, metrics: dict[str, float]) -> None:
        """Log a row before any checkpoint of this step is saved, so that a resumed run repeats no row.

        Lightning's ``log`` would write it afterwards.
        """
        for logger in self.trainer.loggers:
            logger.log_metrics({"epoch": self.current_epoch, **metrics}, self.trainer.global_step)

    def configure_gradient_clipping(
        self,
        optimizer: torch.optim.Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clip the gradient norm; Lightning's method rejects fused optimizers in mixed precision.

        Raises:
            ValueError: If the algorithm is not ``norm``, or the limit is negative, which would reverse the gradient.
        """
        if gradient_clip_val is not None and not 0 <= gradient_clip_val < math.inf:
            raise ValueError(f"trainer.gradient_clip_val must be null or at least 0, got {gradient_clip_val}")
        if gradient_clip_algorithm not in {None, "norm"}:
            raise ValueError(f"trainer.gradient_clip_algorithm must be norm, got {gradient_clip_algorithm}")
        if gradient_clip_val:
            scaler = getattr(self.trainer.precision_plugin, "scaler", None)
            unscales = getattr(optimizer, "_step_supports_amp_scaling", False)  # a fused optimizer does, in its step
            scale = scaler.get_scale() if scaler is not None and unscales else 1.0
            torch.nn.utils.clip_grad_norm_(gradients_of(optimizer), gradient_clip_val * scale)

    def on_train_epoch_end(self) -> None:
        self.log_now({"train/loss_epoch": self.step_loss.end_epoch().mean})

    def validation_step(self, batch: EvaluationBatch, batch_idx: int) -> dict[str, Tensor]:
        return self.evaluation_step(batch, "validation")

    def test_step(self, batch: EvaluationBatch, batch_idx: int) -> dict[str, Tensor]:
        return self.evaluation_step(batch, "test")

    def evaluation_step(self, batch: EvaluationBatch, split: str) -> dict[str, Tensor]:
        """Compute logits and tags of whole sentences.

        Returns:
            ``logits`` ``[batch words tags]`` and ``tag_ids`` ``[batch words]`` of the sentences.
        """
        tags, transitions = self.tags, self.objective.transitions
        assert tags is not None
        with evaluating_in(self.evaluation_precision, self.device):
            logits = self.classifier.sentence_logits(batch)
            scored = ScoredPositions.of_sentences(logits, batch)
            self.evaluation_loss.update(*self.objective(scored))
            self.evaluation_cross_entropy.update(*word_cross_entropy(scored, transitions))
            tag_ids = batch.scored(self.decoder.tag_ids(logits, batch.mask, tags, transitions), tags)
        self.log(f"{split}/loss", self.evaluation_loss, batch_size=len(batch.sentences))
        self.log(f"{split}/cross_entropy", self.evaluation_cross_entropy, batch_size=len(batch.sentences))
        return {"logits": logits, "tag_ids": tag_ids}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add the plain data that rebuilds the tagger, and leave out frozen weights of a pretrained encoder."""
        assert self.tags is not None
        encoder = SavedEncoder.of(self.classifier.network, self.tokenizer)
        record = TaggerRecord(
            self.tags,
            self.word_counts,
            self.evaluation_length,
            encoder.config,
            encoder.tokenizer_files,
            to_plain(self.loss),
            to_plain(self.decoder),
            self.trained_part.to_plain(),
            tuple(self.step_loss.epoch.tolist()),
        )
        checkpoint[TAGGER_KEY] = record.to_plain()
        checkpoint["state_dict"] = self.trained_part.only(checkpoint["state_dict"])

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Check that the checkpoint has the same tags, tokenizer and encoder, and add the frozen weights.

        Raises:
            CheckpointError: If something differs.
        """
        record = TaggerRecord.from_plain(checkpoint[TAGGER_KEY])
        assert self.tags is not None
        record.require(self.tags, SavedEncoder.of(self.classifier.network, self.tokenizer))
        averages = self.fine_tuning.average_decay is not None
        if self.trainer.training and averages != (CURRENT_WEIGHTS in checkpoint):
            raise CheckpointError(
                "a run must be resumed with the same setting of weight averaging as its checkpoint, "
                f"got model.fine_tuning.average_decay {self.fine_tuning.average_decay}"
            )
        checkpoint["state_dict"] = self.whole_weights(record, checkpoint["state_dict"])
        self.step_loss = StepLoss(record.epoch_loss)

    def whole_weights(self, record: TaggerRecord, saved: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the weights of a checkpoint, completed with the frozen weights of this tagger.

        Raises:
            ValueError: If the frozen weights differ from those the checkpoint was trained with, or the names or shapes
                of weights differ.
        """
        own = self.state_dict()
        self.trained_part.require(record.trained_part)
        whole = self.trained_part.completed(saved, own)
        require_fits(whole, own)
        return whole

    @property
    def merged_network(self) -> PreTrainedModel:
        """The network with its adapter merged into the weights."""
        adapter, network = self.fine_tuning.adapter, self.classifier.network
        return network if adapter is None else adapter.merged(network)

    def save_bundle(
        self, folder: str | Path, data: NERDataModule, scores: Mapping[str, float | Tensor] | None = None
    ) -> None:
        """Save the current weights with everything that prediction needs.

        ``EntityRecognizer.from_pretrained`` and stock ``transformers`` can load the folder.

        Args:
            folder: The folder to write; an existing bundle is replaced.
            data: The data module that the tagger was trained with.
            scores: Scores of the model, by the names that training logs.

        Raises:
            BundleError: If the folder holds something that is not a bundle, or cannot be written.
            ValueError: If the data module has not been set up.
        """
        bound = data.bound
        windows = bound.window_encoder
        settings = BundleSettings(
            bound.tags,
            windows.tokenizer.max_subwords,
            windows.subwords,
            windows.overlap,
            self.decoder,
            data.word_splitter,
            data.sentence_splitter,
            bound.evaluation_encoder.tokenizer.max_subwords,
            windows.unit,
            windows.context,
            scores={name: float(score) for name, score in sorted((scores or {}).items())},
            corpus_checksum=bound.checksum,
        )
        save_bundle(folder, self.merged_network, bound.tokenizer, settings, self.objective.transitions)

    @classmethod
    def load_from_checkpoint(  # type: ignore[override]
        cls,
        checkpoint_path: str | Path,
        map_location: torch.device | str | None = None,
        loss: Loss | None = None,
        base: str | Path | None = None,
    ) -> Self:
        """Rebuild a tagger from a checkpoint in evaluation mode, without a corpus.

        Args:
            checkpoint_path: A checkpoint that training wrote.
            map_location: Device of the tagger; None for the CPU.
            loss: The loss, if its class has not been imported by the program.
            base: Folder of the pretrained encoder, if the checkpoint holds only the trained weights and the encoder
                has moved.

        Raises:
            CheckpointError: If the file is not a complete checkpoint of a tagger.
            ValueError: If a part cannot be rebuilt, or the encoder named by the checkpoint is missing or has other
                weights.
        """
        checkpoint = read_checkpoint(checkpoint_path)
        record = TaggerRecord.from_plain(checkpoint[TAGGER_KEY])
        tagger = cls(
            record.encoder_to_load(base, checkpoint["state_dict"]),
            loss=loss or from_plain(Loss, record.loss),  # type: ignore[type-abstract]
            decoder=from_plain(Decoder, record.decoder),  # type: ignore[type-abstract]
            fine_tuning=record.fine_tuning,
        )
        tagger.tags, tagger.tokenizer = record.tags, record.encoder.tokenizer([])
        tagger.word_counts, tagger.evaluation_length = record.word_counts, record.evaluation_length
        tagger.configure_model()
        tagger.load_state_dict(tagger.whole_weights(record, checkpoint["state_dict"]))
        return tagger.eval().to(map_location or "cpu")


def tagger_of(trainer: L.Trainer) -> NERTagger:
    """Return the tagger that a trainer runs."""
    tagger = trainer.lightning_module
    assert isinstance(tagger, NERTagger)
    return tagger
