"""The base of the commands that accept configs: configures and builds the tagger and the data module."""

from __future__ import annotations

from argparse import ArgumentError
from collections.abc import Iterable
from itertools import pairwise
from typing import Any, Literal

import lightning as L
from jsonargparse import set_parsing_settings
from lightning.pytorch.cli import ArgsType, LightningArgumentParser, LightningCLI

from ner_lightning.callbacks.wandb_run import WandbRun
from ner_lightning.commands.config_files import find_config
from ner_lightning.commands.fit.help import CHECKPOINT_BY_COMMAND, COMMANDS, HELP_BY_KEY, HelpFormatter
from ner_lightning.commands.fit.setting_errors import line_on_import, line_on_setting, require_classes, require_readable
from ner_lightning.commands.fit.setting_values import require_usable_values
from ner_lightning.commands.yaml_values import keep_text_of_settings
from ner_lightning.corpora.formats import import_readers
from ner_lightning.lightning_internals import parsers_by_command, read_integers_as_integers, replace_help
from ner_lightning.training.data_module import NERDataModule
from ner_lightning.training.tagger import NERTagger

FOLDER_LOGGERS = {("--trainer.logger", name) for name in ("CSVLogger", "TensorBoardLogger")}
CLASS_BY_SECTION = {"model": NERTagger, "data": NERDataModule, "trainer": L.Trainer, "wandb": WandbRun}
TRAINER_DEFAULTS = {
    "use_distributed_sampler": False,
    "max_epochs": 3,
    "gradient_clip_val": 1.0,
    "num_sanity_val_steps": 0,
    "log_every_n_steps": 10,
}
TYPE_BY_KEY = {
    **CLASS_BY_SECTION,
    "seed_everything": int,
    "run_dir": str | None,
    "save_every_n_steps": int | None,
    "ckpt_path": str | None,
    "weights_only": bool | None,
    "verbose": bool,
    "format": Literal["text", "json"],
    "report": str | None,
}
CONFIG_OPTIONS = ("-c", "--config")


class PartsCLI(LightningCLI):
    """Builds the tagger and the data module from configs. Both get the same encoder and seed.

    Args:
        parser_kwargs: Arguments of the command's parser, or the arguments of several parsers by command.
        settings: Further arguments of ``LightningCLI``.
    """

    def __init__(self, parser_kwargs: dict[str, Any], **settings: Any) -> None:
        keep_text_of_settings()
        import_readers()
        # a config cannot name system functions, and builds no object for a parameter that accepts anything
        set_parsing_settings(import_path_denylist=[], instantiate_subclass_spec_in_any=False)
        super().__init__(
            NERTagger,
            NERDataModule,
            auto_configure_optimizers=False,
            seed_everything_default=0,
            save_config_callback=None,
            trainer_defaults=TRAINER_DEFAULTS,
            parser_kwargs={"exit_on_error": False, **parser_kwargs},
            **settings,
        )

    def init_parser(self, **kwargs: Any) -> LightningArgumentParser:
        """Return a parser that accepts no abbreviated options, as the keys of a config cannot be abbreviated either."""
        return super().init_parser(allow_abbrev=False, formatter_class=HelpFormatter, **kwargs)

    @staticmethod
    def subcommands() -> dict[str, set[str]]:
        """Return those of Lightning's subcommands that this package offers."""
        return {name: skipped for name, skipped in LightningCLI.subcommands().items() if name in COMMANDS}

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        read_integers_as_integers(parser)
        replace_help(parser, HELP_BY_KEY)
        parser.add_argument(
            "--run_dir",
            type=str | None,
            default=None,
            help="Folder of the run. The default is runs/<names of the configs>/seed-<seed>, or "
            "runs/sweeps/<sweep>/<run> in a W&B sweep. With --ckpt_path last, the run in this folder is resumed. "
            "Only --trainer.max_epochs, max_steps and max_time may differ from its previous settings, and a run "
            "that was ended by early stopping is not trained any further. A resumed run counts as unfinished until "
            "its best checkpoint has been scored and saved again.",
        )
        parser.add_argument(
            "--save_every_n_steps",
            type=int | None,
            default=None,
            help="Number of optimizer steps after which the last checkpoint is also saved within an epoch.",
        )
        parser.add_class_arguments(WandbRun, "wandb", skip={"run_dir"}, instantiate=False)
        parser.link_arguments("model.encoder", "data.encoder")
        parser.link_arguments("seed_everything", "data.seed", compute_fn=seed_or_zero)
        parser.set_defaults(  # the names of the parts that a constructor uses if it gets None
            {
                "data.scheme": {"class_path": "ner_lightning.BIO"},
                "model.loss": {"class_path": "ner_lightning.modeling.losses.CrossEntropyLoss"},
                "model.decoder": {"class_path": "ner_lightning.modeling.decoders.ViterbiDecoder"},
            }
        )

    def parse_arguments(self, parser: LightningArgumentParser, args: ArgsType) -> None:
        """Parse the arguments; Lightning's file loggers, which require a folder, write below ``runs`` by default.

        Raises:
            ArgumentError: If a setting or a config is wrong; known kinds of problems are described in one line.
        """
        for name, of_command in parsers_by_command(self).items():
            replace_help(of_command, HELP_BY_KEY | {"ckpt_path": CHECKPOINT_BY_COMMAND[name]})
        given = with_shipped_configs(args) if isinstance(args, list) else []
        has_folder = any("save_dir" in argument for argument in given)
        words = " ".join(given).replace("=", " ").split()
        if not has_folder and any(pair in FOLDER_LOGGERS for pair in pairwise(words)):
            given.append("--trainer.logger.save_dir=runs")
        require_readable(given, TYPE_BY_KEY)
        try:
            super().parse_arguments(parser, given or args)
        except ArgumentError as error:
            lines = (explain(str(error), TYPE_BY_KEY) for explain in (line_on_import, line_on_setting))
            line = next(filter(None, lines), None)
            raise error if line is None else ArgumentError(None, line) from None
        command = self.config.get("subcommand")
        config = self.config[command] if command else self.config
        require_classes(config)
        try:
            require_usable_values(config, CLASS_BY_SECTION)
        except ValueError as error:
            raise ArgumentError(None, str(error)) from None

    def _parse_ckpt_path(self) -> None:
        """Keep the configuration that the user gave; Lightning would silently use the settings in the checkpoint."""


def seed_or_zero(seed: Any) -> int:
    """Return the seed of the data module, or 0 in place of an invalid seed, which is rejected later."""
    return seed if type(seed) is int else 0


def with_shipped_configs(arguments: Iterable[str]) -> list[str]:
    """Return the arguments with the full paths of configs that exist only in the package."""
    given: list[str] = []
    for argument in arguments:
        option, equals, path = argument.partition("=")
        if equals and option in CONFIG_OPTIONS:
            given.append(f"{option}={find_config(path)}")
        elif given and given[-1] in CONFIG_OPTIONS:
            given.append(find_config(argument))
        else:
            given.append(argument)
    return given
