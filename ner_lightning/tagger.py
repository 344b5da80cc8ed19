"""The tagger: token classifier, loss and decoder, wired for training with Lightning."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal, Self

import lightning as L
import torch
from jaxtyping import Float
from lightning.pytorch.cli import OptimizerCallable
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor
from transformers import PreTrainedModel, get_scheduler

from ner_lightning.bundle import BundleError, save_bundle
from ner_lightning.bundle_settings import BundleSettings
from ner_lightning.callbacks.entity_scores import EntityScores
from ner_lightning.callbacks.moving_average import CURRENT_WEIGHTS, MovingAverage
from ner_lightning.callbacks.step_seed import StepSeed
from ner_lightning.checkpoints import (
    TAGGER_KEY,
    CheckpointError,
    read_checkpoint,
    require_fits,
    require_like,
    require_trainable,
)
from ner_lightning.data_module import NERDataModule
from ner_lightning.encoding.batches import Batch, EvaluationBatch
from ner_lightning.metrics.exact_mean import ExactMean
from ner_lightning.modeling.class_weights import WordCounts
from ner_lightning.modeling.crf import CRFLoss  # noqa: F401 (a checkpoint may name it)
from ner_lightning.modeling.decoders import ArgmaxDecoder, Decoder
from ner_lightning.modeling.encoders import Encoder, SavedEncoder
from ner_lightning.modeling.fine_tuning import FineTuning
from ner_lightning.modeling.losses import CrossEntropyLoss, Loss, LossSum, word_cross_entropy
from ner_lightning.modeling.parameter_groups import gradients_of, parameter_groups, scale_rates
from ner_lightning.modeling.scored import Scored
from ner_lightning.modeling.token_classifier import TokenClassifier
from ner_lightning.modeling.trained_part import TrainedPart
from ner_lightning.plain_data import from_plain, to_plain
from ner_lightning.schemes import IGNORE_INDEX, TagSet
from ner_lightning.tagger_record import TaggerRecord

LOOPS: Final = ("fit_loop", "validate_loop", "test_loop", "predict_loop")


class NERTagger(L.LightningModule):
    """Trains a token classifier over the tags that the data module binds it to.

    The gradient of an optimizer step is that of the mean loss over all scored positions of the step, however
    they are spread over ranks and accumulated batches.

    Args:
        encoder: The encoder that is fine-tuned.
        loss: What is minimised.
        decoder: How word logits become tags.
        optimizer: Makes the optimizer from parameter groups; biases and norms have no weight decay.
        head_learning_rate: Learning rate of the head; null takes the optimizer's.
        warmup_ratio: Share of the optimizer steps in which the learning rate rises linearly from 0.
        schedule: How the learning rate goes on from there: it falls to 0 linearly or along half a cosine
            (Loshchilov and Hutter 2017), or stays.
        fine_tuning: Which weights of the encoder are trained, and how.
    """

    step_loss: Float[Tensor, " 2"]
    epoch_loss: Float[Tensor, " 2"]

    def __init__(
        self,
        encoder: Encoder,
        loss: Loss | None = None,
        decoder: Decoder | None = None,
        optimizer: OptimizerCallable = lambda parameters: torch.optim.AdamW(
            parameters, lr=2.0e-5, weight_decay=0.01, fused=True
        ),
        head_learning_rate: float | None = None,
        warmup_ratio: float = 0.1,
        schedule: Literal["linear", "cosine", "constant"] = "linear",
        fine_tuning: FineTuning = FineTuning(),
    ) -> None:
        super().__init__()
        if not 0 <= warmup_ratio <= 1:
            raise ValueError(f"warmup_ratio must be a share from 0 to 1, got {warmup_ratio}")
        if head_learning_rate is not None and not head_learning_rate >= 0:
            raise ValueError(f"head_learning_rate must be null or at least 0, got {head_learning_rate}")
        self.encoder, self.loss, self.decoder = (
            encoder,
            loss or CrossEntropyLoss(),
            decoder or ArgmaxDecoder(),
        )
        self.optimizer, self.head_learning_rate = optimizer, head_learning_rate
        self.warmup_ratio, self.schedule = warmup_ratio, schedule
        self.fine_tuning = fine_tuning
        self.tags: TagSet | None = None
        self.resumed: Mapping[str, Any] | None = None  # the checkpoint, until training begins
        self.word_counts: WordCounts = {}
        self.evaluation_loss, self.evaluation_cross_entropy = ExactMean(), ExactMean()
        # sum and weight of the loss: of the optimizer step under way, and of the epoch's finished steps; no buffers,
        # which would take the precision of the weights
        self.step_loss = self.epoch_loss = torch.zeros(2, dtype=torch.float64)

    def setup(self, stage: str) -> None:  # noqa: ARG002 (all stages have the same tags)
        """Take the tags from the data module, if there are none yet.

        Raises:
            ValueError: If the trainer was given loaders in place of a data module: scores need its corpus, too.
        """
        data_module = self.trainer.datamodule  # type: ignore[attr-defined]
        if data_module is None:
            raise ValueError("the tagger must be run with a NERDataModule, got loaders or nothing")
        if self.tags is None:
            self.tags, self.tokenizer = data_module.tags, data_module.tokenizer
            self.word_counts = data_module.word_counts

    def configure_model(self) -> None:
        """Build token classifier and objective over the bound tags; loading a checkpoint fills them."""
        if hasattr(self, "classifier"):
            return
        if self.tags is None:
            raise ValueError("the tagger must be bound to tags first: fit it with a NERDataModule")
        network = self.encoder.network(self.tags, self.tokenizer)
        self.fine_tuning.prepare(network)
        self.classifier = TokenClassifier(network)
        self.objective = self.loss.bind(self.tags, self.word_counts)
        self.trained_part = TrainedPart.of(self.fine_tuning, self.encoder, network, self)

    def configure_callbacks(self) -> list[L.Callback]:
        decay = self.fine_tuning.average_decay
        return [EntityScores(), StepSeed(), *([] if decay is None else [MovingAverage(decay)])]

    def on_fit_start(self) -> None:
        """Turn dropout on: a pretrained network comes in evaluation mode, and Lightning would train it so.

        Raises:
            CheckpointError: If training cannot continue from the checkpoint that was loaded.
        """
        self.train()
        if self.resumed is not None:
            schedulers = [config.scheduler for config in self.trainer.lr_scheduler_configs]
            require_trainable(self.resumed, self.trainer.optimizers, schedulers)
            self.resumed = None

    @property
    def num_steps(self) -> int:
        """The optimizer steps of the run; for training without an end 0, on which a constant rate does not depend.

        Raises:
            ValueError: If the rate is to follow the share of the run that is over, and the run has no end.
        """
        num_steps = self.trainer.estimated_stepping_batches
        if num_steps < math.inf:
            return int(num_steps)
        if self.schedule != "constant" or self.warmup_ratio:
            raise ValueError(
                "training without an end must have model.schedule constant and model.warmup_ratio 0, which take no "
                f"share of the steps, got {self.schedule} and {self.warmup_ratio}; or set trainer.max_epochs"
            )
        return 0

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        optimizer = self.optimizer(self.parameter_groups())
        scale_rates(optimizer)
        num_steps = self.num_steps
        warmup_steps = round(self.warmup_ratio * num_steps)
        name = "constant_with_warmup" if self.schedule == "constant" else self.schedule
        schedule = get_scheduler(name, optimizer, warmup_steps, num_steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Trainable parameters by place in the network, with or without weight decay, and those of the objective."""
        groups = parameter_groups(
            self.classifier.network,
            head_learning_rate=self.head_learning_rate,
            layer_decay=self.fine_tuning.layer_decay,
        )
        learned = list(self.objective.parameters())
        rate = {} if self.objective.learning_rate is None else {"lr": self.objective.learning_rate}
        return [*groups, {"params": learned, "weight_decay": 0.0} | rate] if learned else groups

    def training_step(self, batch: Batch, batch_idx: int) -> Float[Tensor, ""]:  # noqa: ARG002
        loss = self.objective(Scored.of_windows(self.classifier(batch.input_ids, batch.attention_mask), batch))
        self.step_loss = self.step_loss.to(self.device) + torch.stack([loss.total.detach(), loss.weight]).double()
        # undoes Lightning's division by accumulated batches and the mean over ranks: gradients add up
        return loss.total * self.trainer.accumulate_grad_batches * self.trainer.world_size

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Divide the summed gradients by the weight of the whole step."""
        total, weight = self.all_reduced_step_loss()
        torch._foreach_div_(list(gradients_of(optimizer).values()), weight.item() or 1.0)
        loss = LossSum(total, weight).mean
        self.log("train/loss", loss, prog_bar=True, logger=False)
        every = self.trainer.log_every_n_steps  # type: ignore[attr-defined]
        if every and (self.trainer.global_step + 1) % every == 0:  # 0 logs no step
            self.log_now({"train/loss": loss, "train/learning_rate": optimizer.param_groups[0]["lr"]})

    def log_now(self, metrics: dict[str, float]) -> None:
        """Give a row to the loggers before any checkpoint of this step is saved, so that resuming repeats none.

        Lightning's ``log`` would write it after.
        """
        for logger in self.trainer.loggers:
            logger.log_metrics({"epoch": self.current_epoch, **metrics}, self.trainer.global_step)

    def all_reduced_step_loss(self) -> Float[Tensor, " 2"]:
        """Sum and weight of the step over all ranks; also added to those of the epoch."""
        step = self.trainer.strategy.reduce(self.step_loss, reduce_op="sum")
        self.step_loss = torch.zeros_like(self.step_loss)
        self.epoch_loss = self.epoch_loss.to(step.device) + step
        return step

    def configure_gradient_clipping(
        self,
        optimizer: torch.optim.Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clip the norm; Lightning's own way refuses fused optimizers under mixed precision.

        Raises:
            ValueError: If something else than the norm is to be clipped.
        """
        if gradient_clip_algorithm not in {None, "norm"}:
            raise ValueError(f"trainer.gradient_clip_algorithm must be norm, got {gradient_clip_algorithm}")
        if gradient_clip_val:
            scaler = getattr(self.trainer.precision_plugin, "scaler", None)
            unscales = getattr(optimizer, "_step_supports_amp_scaling", False)  # a fused one does, in its step
            scale = scaler.get_scale() if scaler is not None and unscales else 1.0
            torch.nn.utils.clip_grad_norm_(gradients_of(optimizer), gradient_clip_val * scale)

    def on_train_epoch_end(self) -> None:
        self.log_now({"train/loss_epoch": LossSum(*self.epoch_loss).mean})
        self.epoch_loss = torch.zeros_like(self.epoch_loss)

    def validation_step(self, batch: EvaluationBatch, batch_idx: int) -> dict[str, Tensor]:  # noqa: ARG002
        return self.evaluation_step(batch, "validation")

    def test_step(self, batch: EvaluationBatch, batch_idx: int) -> dict[str, Tensor]:  # noqa: ARG002
        return self.evaluation_step(batch, "test")

    def evaluation_step(self, batch: EvaluationBatch, split: str) -> dict[str, Tensor]:
        """Tag whole sentences.

        Returns:
            ``logits`` ``[batch words tags]`` and ``tag_ids`` ``[batch words]`` of the sentences.
        """
        tags = self.tags
        assert tags is not None
        logits, transitions = self.classifier.sentence_logits(batch), self.objective.transitions
        scored = Scored.of_sentences(logits, batch)
        self.evaluation_loss.update(*self.objective(scored))
        self.evaluation_cross_entropy.update(*word_cross_entropy(scored, transitions))
        self.log(f"{split}/loss", self.evaluation_loss, batch_size=len(batch.sentences))
        self.log(f"{split}/cross_entropy", self.evaluation_cross_entropy, batch_size=len(batch.sentences))
        mask = batch.gold != IGNORE_INDEX
        return {"logits": logits, "tag_ids": self.decoder.tag_ids(logits, mask, tags, transitions)}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add what rebuilds the tagger, plain data only; leave out weights of a pretrained encoder that are frozen."""
        assert self.tags is not None
        encoder = SavedEncoder.of(self.classifier.network, self.tokenizer)
        record = TaggerRecord(
            self.tags,
            self.word_counts,
            encoder.config,
            encoder.tokenizer_files,
            to_plain(self.loss),
            to_plain(self.decoder),
            self.trained_part.to_plain(),
            tuple(self.epoch_loss.tolist()),
        )
        checkpoint[TAGGER_KEY] = record.to_plain()
        checkpoint["state_dict"] = self.trained_part.only(checkpoint["state_dict"])

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Check that the checkpoint is of the same tags, subwords and base, and add the weights that it only names.

        Raises:
            CheckpointError: If it is not.
        """
        record = TaggerRecord.from_plain(checkpoint[TAGGER_KEY])
        assert self.tags is not None
        self.resumed = checkpoint if self.trainer.training else None
        record.require(self.tags, SavedEncoder.of(self.classifier.network, self.tokenizer))
        require_like(checkpoint["loops"], {name: getattr(self.trainer, name).state_dict() for name in LOOPS}, "loops")
        averages = self.fine_tuning.average_decay is not None
        if self.trainer.training and averages != (CURRENT_WEIGHTS in checkpoint):
            raise CheckpointError(
                "a run that averages its weights goes on from a checkpoint of one that does, and only such a run, "
                f"got model.fine_tuning.average_decay {self.fine_tuning.average_decay}"
            )
        checkpoint["state_dict"] = self.whole_weights(record, checkpoint["state_dict"])
        self.epoch_loss = torch.tensor(record.epoch_loss, dtype=torch.float64, device=self.device)

    def whole_weights(self, record: TaggerRecord, saved: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The weights of a checkpoint with those that it only names, which are the tagger's own.

        Raises:
            ValueError: If the tagger has others, or weights of other names or shapes.
        """
        own = self.state_dict()
        self.trained_part.require(record.trained_part)
        whole = self.trained_part.completed(saved, own)
        require_fits(whole, own)
        return whole

    @property
    def merged_network(self) -> PreTrainedModel:
        """The network without adapter, which computes the same."""
        adapter, network = self.fine_tuning.adapter, self.classifier.network
        return network if adapter is None else adapter.merged(network)

    def save_bundle(
        self, folder: str | Path, data: NERDataModule, scores: Mapping[str, float | Tensor] | None = None
    ) -> None:
        """Save the weights as they are, with all that predicting needs.

        ``EntityRecognizer.from_pretrained`` loads the folder, and stock ``transformers`` does.

        Args:
            folder: Where to; a former bundle is replaced.
            data: The data module that the tagger was trained with.
            scores: What it scored, by the names that training logs.

        Raises:
            BundleError: If the folder holds something that is no bundle, or it cannot be written.
        """
        if not hasattr(data, "window_encoder"):
            raise BundleError(
                f"{folder}: a bundle needs a data module that was set up, by a fit or setup(), got another"
            )
        windows = data.window_encoder
        settings = BundleSettings(
            data.tags,
            windows.tokenizer.max_subwords,
            windows.subwords,
            windows.overlap,
            self.decoder,
            scores={name: float(score) for name, score in sorted((scores or {}).items())},
            corpus_checksum=data.corpus_checksum,
        )
        save_bundle(folder, self.merged_network, data.tokenizer, settings, self.objective.transitions)

    @classmethod
    def load_from_checkpoint(  # type: ignore[override]
        cls,
        checkpoint_path: str | Path,
        map_location: torch.device | str | None = None,
        loss: Loss | None = None,
        base: str | Path | None = None,
    ) -> Self:
        """Rebuild a tagger from a checkpoint, without corpus, ready to evaluate.

        Args:
            checkpoint_path: A checkpoint that training wrote.
            map_location: The device that the tagger comes on; None is the CPU.
            loss: The loss, where it is a class of yours that the program has not imported.
            base: Folder of the pretrained encoder, where the checkpoint holds only what was trained and the encoder
                is no longer where it was.

        Raises:
            CheckpointError: If the file is not a whole checkpoint of a tagger.
            ValueError: If a part cannot be rebuilt, or the encoder that it names is not there or has other weights.
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
        tagger.word_counts = record.word_counts
        tagger.configure_model()
        tagger.load_state_dict(tagger.whole_weights(record, checkpoint["state_dict"]))
        return tagger.eval().to(map_location or "cpu")
