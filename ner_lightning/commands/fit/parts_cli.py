"""What the commands that take configs share: how tagger and data module are named, configured and built."""

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
from ner_lightning.commands.fit.help import COMMANDS, HelpFormatter
from ner_lightning.commands.fit.setting_errors import line_on_import, line_on_setting, require_classes, require_readable
from ner_lightning.commands.fit.setting_values import require_usable_values
from ner_lightning.commands.yaml_values import keep_text_of_settings
from ner_lightning.corpora.formats import import_readers
from ner_lightning.lightning_internals import read_integers_as_integers
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
}
CONFIG_OPTIONS = ("-c", "--config")


class PartsCLI(LightningCLI):
    """Builds tagger and data module from configs; both get the same encoder and seed.

    Args:
        parser_kwargs: What the parser of the command is made with, or those of several commands by name.
        settings: Further arguments of ``LightningCLI``.
    """

    def __init__(self, parser_kwargs: dict[str, Any], **settings: Any) -> None:
        keep_text_of_settings()
        import_readers()
        # a config names no functions of the system, and builds nothing for a parameter that takes anything
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
        """A parser whose options are written in full; a config's keys are, too."""
        return super().init_parser(allow_abbrev=False, formatter_class=HelpFormatter, **kwargs)

    @staticmethod
    def subcommands() -> dict[str, set[str]]:
        """Those of Lightning's that are commands of ours."""
        return {name: skipped for name, skipped in LightningCLI.subcommands().items() if name in COMMANDS}

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        read_integers_as_integers(parser)
        parser.add_argument(
            "--run_dir",
            type=str | None,
            default=None,
            help="Folder of the run; by default runs/<names of the configs>/seed-<seed>, "
            "and runs/sweeps/<sweep>/<run> for a run of a W&B sweep. With --ckpt_path last, the run in it goes on "
            "with its own settings; of them --trainer.max_epochs, max_steps and max_time may change, but a run that "
            "early stopping ended is not trained again. A finished run is unfinished until what is made of its best "
            "checkpoint is made anew.",
        )
        parser.add_argument(
            "--save_every_n_steps",
            type=int | None,
            default=None,
            help="Save the last checkpoint also within an epoch, after this many optimizer steps.",
        )
        parser.add_class_arguments(WandbRun, "wandb", skip={"run_dir"}, instantiate=False)
        parser.link_arguments("model.encoder", "data.encoder")
        parser.link_arguments("seed_everything", "data.seed", compute_fn=seed_or_zero)
        parser.set_defaults(  # the parts that a constructor takes for None, by name
            {
                "data.scheme": {"class_path": "ner_lightning.BIO"},
                "model.loss": {"class_path": "ner_lightning.modeling.losses.CrossEntropyLoss"},
                "model.decoder": {"class_path": "ner_lightning.modeling.decoders.ViterbiDecoder"},
            }
        )

    def parse_arguments(self, parser: LightningArgumentParser, args: ArgsType) -> None:
        """Parse; Lightning's own loggers write below ``runs`` where they are told no folder, which they ask for.

        Raises:
            ArgumentError: If a setting or a config is wrong, in one line where its kind is known.
        """
        given = with_shipped_configs(args) if isinstance(args, list) else []
        lacks_folder = not any("save_dir" in argument for argument in given)
        asked = " ".join(given).replace("=", " ").split()
        if lacks_folder and any(pair in FOLDER_LOGGERS for pair in pairwise(asked)):
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
        """Leave the configuration as the user gave it; Lightning would silently take the checkpoint's."""


def seed_or_zero(seed: Any) -> int:
    """The seed of the data module; of one that cannot be used 0, since that is refused right after."""
    return seed if type(seed) is int else 0


def with_shipped_configs(arguments: Iterable[str]) -> list[str]:
    """Arguments in which configs that only we have are named by their full paths."""
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
