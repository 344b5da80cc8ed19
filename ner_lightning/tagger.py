"""The tagger: token classifier, loss and decoder, wired for training with Lightning."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import lightning as L
import torch
from jaxtyping import Float
from lightning.pytorch.cli import OptimizerCallable
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor
from transformers import get_linear_schedule_with_warmup

from ner_lightning.callbacks.entity_scores import EntityScores
from ner_lightning.callbacks.step_seed import StepSeed
from ner_lightning.checkpoints import TAGGER_KEY, CheckpointError, read_checkpoint, require_shapes
from ner_lightning.encoding.batches import Batch, EvaluationBatch
from ner_lightning.metrics.exact_mean import ExactMean
from ner_lightning.modeling.decoders import ArgmaxDecoder, Decoder
from ner_lightning.modeling.encoders import Encoder, SavedEncoder
from ner_lightning.modeling.losses import CrossEntropyLoss, TokenLoss
from ner_lightning.modeling.token_classifier import TokenClassifier
from ner_lightning.plain_data import from_plain, to_plain
from ner_lightning.schemes import IGNORE_INDEX, TagSet


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
        warmup_ratio: Share of the optimizer steps in which the learning rate rises linearly from 0; then it falls
            linearly to 0.
    """

    step_loss: Float[Tensor, " 2"]
    epoch_loss: Float[Tensor, " 2"]

    def __init__(
        self,
        encoder: Encoder,
        loss: TokenLoss | None = None,
        decoder: Decoder | None = None,
        optimizer: OptimizerCallable = lambda parameters: torch.optim.AdamW(
            parameters, lr=2.0e-5, weight_decay=0.01, fused=True
        ),
        head_learning_rate: float | None = None,
        warmup_ratio: float = 0.1,
    ) -> None:
        super().__init__()
        if not 0 <= warmup_ratio <= 1:
            raise ValueError(f"warmup_ratio must be a share from 0 to 1, got {warmup_ratio}")
        self.encoder, self.loss, self.decoder = (
            encoder,
            loss or CrossEntropyLoss(),
            decoder or ArgmaxDecoder(),
        )
        self.optimizer, self.head_learning_rate = optimizer, head_learning_rate
        self.warmup_ratio = warmup_ratio
        self.tags: TagSet | None = None
        self.evaluation_loss = ExactMean()
        # sum and weight of the loss: of the optimizer step under way, and of the epoch's finished steps
        self.register_buffer("step_loss", torch.zeros(2, dtype=torch.float64), persistent=False)
        self.register_buffer("epoch_loss", torch.zeros(2, dtype=torch.float64), persistent=False)

    def setup(self, stage: str) -> None:  # noqa: ARG002 (all stages have the same tags)
        if self.tags is None:
            data_module = self.trainer.datamodule  # type: ignore[attr-defined]
            self.tags, self.tokenizer = data_module.tags, data_module.tokenizer

    def configure_model(self) -> None:
        """Build the token classifier over the bound tags; loading a checkpoint fills it."""
        if hasattr(self, "classifier"):
            return
        if self.tags is None:
            raise ValueError("the tagger must be bound to tags first: fit it with a NERDataModule")
        self.classifier = TokenClassifier(self.encoder.network(self.tags, self.tokenizer))

    def configure_callbacks(self) -> list[L.Callback]:
        return [EntityScores(), StepSeed()]

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        optimizer = self.optimizer(self.parameter_groups())
        num_steps = int(self.trainer.estimated_stepping_batches)
        warmup_steps = round(self.warmup_ratio * num_steps)
        schedule = get_linear_schedule_with_warmup(optimizer, warmup_steps, num_steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Trainable parameters by encoder or head, with or without weight decay."""
        encoder_prefix = f"network.{self.classifier.network.base_model_prefix}."
        groups: dict[tuple[bool, bool], list[torch.nn.Parameter]] = {}
        for name, parameter in self.classifier.named_parameters():
            if parameter.requires_grad:
                in_head, decays = not name.startswith(encoder_prefix), parameter.ndim > 1
                groups.setdefault((in_head, decays), []).append(parameter)
        return [
            {"params": parameters}
            | ({} if decays else {"weight_decay": 0.0})
            | ({"lr": self.head_learning_rate} if in_head and self.head_learning_rate else {})
            for (in_head, decays), parameters in groups.items()
        ]

    def training_step(self, batch: Batch, batch_idx: int) -> Float[Tensor, ""]:  # noqa: ARG002
        labels = batch.labels[batch.attention_mask]
        scored = labels != IGNORE_INDEX
        logits = self.classifier(batch.input_ids, batch.attention_mask)
        loss = self.loss(logits[scored], labels[scored])
        self.step_loss += torch.stack([loss.total.detach().double(), loss.weight.double()])
        # undoes Lightning's division by accumulated batches and the mean over ranks: gradients add up
        return loss.total * self.trainer.accumulate_grad_batches * self.trainer.world_size

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Divide the summed gradients by the weight of the whole step."""
        total, weight = self.all_reduced_step_loss()
        gradients = [
            parameter.grad
            for group in optimizer.param_groups
            for parameter in group["params"]
            if parameter.grad is not None
        ]
        torch._foreach_div_(gradients, weight.clamp(min=1).item())
        loss = (total / weight.clamp(min=1)).item()
        self.log("train/loss", loss, prog_bar=True, logger=False)
        if (self.trainer.global_step + 1) % self.trainer.log_every_n_steps == 0:  # type: ignore[attr-defined]
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
        self.epoch_loss = self.epoch_loss + step
        return step

    def configure_gradient_clipping(
        self,
        optimizer: torch.optim.Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,  # noqa: ARG002 (only the norm is clipped)
    ) -> None:
        """Clip the norm; Lightning's own way refuses fused optimizers under mixed precision."""
        if gradient_clip_val:
            parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
            torch.nn.utils.clip_grad_norm_(parameters, gradient_clip_val)

    def on_train_epoch_end(self) -> None:
        total, weight = self.epoch_loss
        self.log_now({"train/loss_epoch": (total / weight.clamp(min=1)).item()})
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
        logits = self.classifier.sentence_logits(batch)
        mask = batch.gold != IGNORE_INDEX
        learned = mask & (batch.word_labels < len(tags.tags))
        loss = self.loss(logits[learned], batch.word_labels[learned])
        self.evaluation_loss.update(*loss)
        self.log(f"{split}/loss", self.evaluation_loss, batch_size=len(batch.sentences))
        return {"logits": logits, "tag_ids": self.decoder.tag_ids(logits, mask, tags)}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add what rebuilds the tagger: plain data only."""
        assert self.tags is not None
        saved = SavedEncoder.of(self.classifier.network, self.tokenizer)
        checkpoint[TAGGER_KEY] = {
            "tags": self.tags.to_plain(),
            "encoder_config": dict(saved.config),
            "tokenizer_files": dict(saved.tokenizer_files),
            "loss": to_plain(self.loss),
            "decoder": to_plain(self.decoder),
            "epoch_loss": self.epoch_loss.tolist(),
        }

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Check that the checkpoint is of the same tags, subwords and encoder.

        Raises:
            CheckpointError: If it is not.
        """
        saved = checkpoint[TAGGER_KEY]
        assert self.tags is not None
        if TagSet.from_plain(saved["tags"]) != self.tags:
            raise CheckpointError(f"the checkpoint must be over {self.tags.to_plain()}, got one over {saved['tags']}")
        own_files = SavedEncoder.of(self.classifier.network, self.tokenizer).tokenizer_files
        if saved["tokenizer_files"]["tokenizer.json"] != own_files["tokenizer.json"]:
            raise CheckpointError("the checkpoint must be of the same tokenizer, got one with other subwords")
        require_shapes(checkpoint, self.state_dict())
        self.epoch_loss = torch.tensor(saved["epoch_loss"], dtype=torch.float64, device=self.device)

    @classmethod
    def load_from_checkpoint(cls, checkpoint_path: str | Path, loss: TokenLoss | None = None) -> Self:  # type: ignore[override]
        """Rebuild a tagger from a checkpoint, without corpus or network, ready to evaluate.

        Args:
            checkpoint_path: A checkpoint that training wrote.
            loss: The loss, where it is a class of yours that the program has not imported.

        Raises:
            CheckpointError: If the file is not a whole checkpoint of a tagger.
        """
        checkpoint = read_checkpoint(checkpoint_path)
        saved = checkpoint[TAGGER_KEY]
        encoder = SavedEncoder(saved["encoder_config"], saved["tokenizer_files"])
        tagger = cls(
            encoder,
            loss=loss or from_plain(TokenLoss, saved["loss"]),  # type: ignore[type-abstract]
            decoder=from_plain(Decoder, saved["decoder"]),  # type: ignore[type-abstract]
        )
        tagger.tags, tagger.tokenizer = TagSet.from_plain(saved["tags"]), encoder.tokenizer([])
        tagger.configure_model()
        tagger.load_state_dict(checkpoint["state_dict"])
        return tagger.eval()
