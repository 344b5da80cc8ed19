"""The base of the commands that read a configured corpus but train nothing; their configs need no encoder."""

from __future__ import annotations

from collections.abc import Sequence

from lightning.pytorch.cli import LightningArgumentParser
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from ner_lightning.commands.fit.parts_cli import PartsCLI
from ner_lightning.commands.fit.trainer_settings import require_possible_training
from ner_lightning.modeling.encoders import Encoder
from ner_lightning.schemes import TagSet


class _NoEncoder(Encoder):
    """A placeholder for the encoder in a configuration without one."""

    def tokenizer(self, training_sentences: Sequence[Sequence[str]]) -> PreTrainedTokenizerBase:  # noqa: ARG002
        raise ValueError("no encoder is configured")

    def network(self, tags: TagSet, tokenizer: PreTrainedTokenizerBase) -> PreTrainedModel:  # noqa: ARG002
        raise ValueError("no encoder is configured")

    @property
    def hidden_size(self) -> int | None:
        return None


class CorpusCLI(PartsCLI):
    """Accepts the configs of ``fit``, but builds no trainer."""

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        super().add_arguments_to_parser(parser)
        parser.set_defaults({"model.encoder": {"class_path": f"{_NoEncoder.__module__}.{_NoEncoder.__name__}"}})

    def before_instantiate_classes(self) -> None:
        require_possible_training(self.config.trainer)

    def instantiate_classes(self) -> None:
        """Build the data module and the tagger; the trainer is built later, if its devices are available."""
        self.config_init = self.parser.instantiate(self.config)
        self.datamodule = self.config_init.data
