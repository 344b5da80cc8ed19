"""The commands `fit`, `validate` and `test`: train and score a tagger, and write the results to a run folder."""

from __future__ import annotations

import os
import shutil
import sys
from argparse import ArgumentError
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import lightning as L
import yaml
from lightning.pytorch.callbacks import LambdaCallback, RichProgressBar
from lightning.pytorch.cli import ArgsType
from lightning.pytorch.utilities.exceptions import MisconfigurationException

from ner_lightning.atomic_files import make_folder, remove_partial, whole_file, write_json
from ner_lightning.callbacks.atomic_checkpoints import AtomicCheckpoints
from ner_lightning.callbacks.best_checkpoint import BestCheckpoint
from ner_lightning.callbacks.decoder_comparison import DecoderComparison
from ner_lightning.callbacks.epoch_lines import EpochLines
from ner_lightning.callbacks.final_validation import FinalValidation
from ner_lightning.callbacks.finite_steps import FiniteSteps
from ner_lightning.callbacks.last_checkpoint import LastCheckpoint, stay_stopped
from ner_lightning.callbacks.metrics_file import MetricsFile
from ner_lightning.callbacks.predictions_file import PredictionsFile
from ner_lightning.callbacks.run_record import RunRecord
from ner_lightning.callbacks.start_lines import StartLines
from ner_lightning.callbacks.stop_on_signal import EndOnSignal, StopOnSignal, Stopped, stopping_on_signals
from ner_lightning.callbacks.wandb_run import WandbError, WandbRun
from ner_lightning.commands.error_lines import fail_with_help
from ner_lightning.commands.fit.help import COMMANDS, PROGRAM, help_of
from ner_lightning.commands.fit.model_scores import score_model, take_model
from ner_lightning.commands.fit.next_commands import next_commands
from ner_lightning.commands.fit.parts_cli import PartsCLI
from ner_lightning.commands.fit.rank_errors import is_first_rank, report_on_one_rank
from ner_lightning.commands.fit.resuming import (
    CHECKPOINTS,
    CONFIG,
    METRICS,
    checkpoint_in,
    checkpoint_to_score,
    exclusive_lock,
    require_kept_settings,
    require_new_folder,
    require_sufficient_length,
)
from ner_lightning.commands.fit.run_errors import line_and_status
from ner_lightning.commands.fit.run_names import rename_tensorboard_runs, run_name
from ner_lightning.commands.fit.stopping import emptied_unless_trained, noting_how_to_resume, report_stop
from ner_lightning.commands.fit.trainer_settings import (
    require_possible_training,
    require_whole_splits_and_epochs,
    trainer_errors_as_setting_errors,
)
from ner_lightning.commands.fit.training_precision import fastest_precision, require_float32_weights
from ner_lightning.console import message_console, say
from ner_lightning.evaluation.errors.page import write_run_report
from ner_lightning.quiet_libraries import silence_libraries
from ner_lightning.runs.folders import FINISHED, PREDICTIONS, read_config
from ner_lightning.runs.training_entities import count_training_entities
from ner_lightning.training.learned_tags import LearnedTags

SWEEP_VARIABLES = ("WANDB_SWEEP_ID", "WANDB_RUN_ID")  # set by the agent of a W&B sweep for each run


class TrainingCLI(PartsCLI):
    """Trains in a run folder with a best and a last checkpoint, then scores the best one and saves it as a bundle."""

    def __init__(self, **settings: Any) -> None:
        self.arguments = settings["args"] or []
        with ExitStack() as self.open_until_end:
            super().__init__(**settings)

    def before_instantiate_classes(self) -> None:
        config = self.config[self.subcommand]
        self.run_dir = Path(config.run_dir) if config.run_dir else self.default_run_dir()
        require_float32_weights(config.trainer.precision)
        config.weights_only = True  # a checkpoint must not run code
        rename_tensorboard_runs(config.trainer, None, run_name(self.run_dir))
        require_whole_splits_and_epochs(self.subcommand, config.trainer)
        require_possible_training(config.trainer)
        if self.subcommand == "fit":
            config.ckpt_path = self.checkpoint_to_resume(config.ckpt_path)
        else:
            config.ckpt_path = checkpoint_to_score(config.ckpt_path, self.run_dir, self.subcommand)
            config.verbose = False  # callbacks print the tables

    def default_run_dir(self) -> Path:
        """Return the default run folder; ``validate`` and ``test`` use the one that contains their checkpoint."""
        config = self.config[self.subcommand]
        checkpoint = Path(config.ckpt_path or "")
        if self.subcommand != "fit" and checkpoint.parent.name == CHECKPOINTS:
            return checkpoint.parent.parent
        if all(name in os.environ for name in SWEEP_VARIABLES):  # the runs have the same configs and seed
            return Path("runs", "sweeps", *(os.environ[name] for name in SWEEP_VARIABLES))
        stems = [Path(str(path)).stem for path in config.config or []]
        return Path("runs") / ("+".join(stems) or "run") / f"seed-{config.seed_everything}"

    def checkpoint_to_resume(self, ckpt_path: str | None) -> str | None:
        """Return the checkpoint that ``fit`` resumes from, or None for a new run.

        Raises:
            ValueError: If it is the best checkpoint, or the run has no last one or had other settings.
        """
        if ckpt_path == "best":
            raise ValueError("--ckpt_path of fit must be last or the path of a checkpoint, got best")
        self.resumes = ckpt_path == "last"
        if not self.resumes:
            return ckpt_path
        last = checkpoint_in(self.run_dir, "last")
        require_kept_settings(self.run_dir, yaml.safe_load(self.resolved_config()))
        return str(last)

    def instantiate_classes(self) -> None:
        """Prepare the run folder, and build the trainer, the tagger and the data module.

        Raises:
            ValueError: If the folder contains another run.
        """
        if self.subcommand == "fit" and is_first_rank():  # the other ranks use the folder that it has prepared
            self.prepare_run_dir()
        super().instantiate_classes()

    def prepare_run_dir(self) -> None:
        """Check and lock the run folder until the run ends; a ``fast_dev_run`` writes nothing, so it needs no lock."""
        enter, writes_nothing = self.open_until_end.enter_context, self.config[self.subcommand].trainer.fast_dev_run
        if not writes_nothing:
            enter(exclusive_lock(self.run_dir))
        prepare = remove_partial if self.resumes else require_new_folder
        prepare(self.run_dir)
        if not writes_nothing:
            if not self.resumes:
                enter(emptied_unless_trained(self.run_dir))
            enter(noting_how_to_resume(self.run_dir, self.arguments))

    def resolved_config(self) -> str:
        """Return the configuration as YAML for ``--config``, without the run folder, which may be moved.

        A resumed run keeps the ``ckpt_path`` with which it was first started.
        """
        config = self.config[self.subcommand].clone(with_meta=False)
        path = self.run_dir / CONFIG
        if path.exists():
            config.ckpt_path = read_config(path).get("ckpt_path")
        config.run_dir = None
        rename_tensorboard_runs(config.trainer, run_name(self.run_dir), None)  # the folder determines the name
        return self._parser(self.subcommand).dump(config, skip_unset=False)

    def choose_precision(self) -> None:
        """Set the trainer's precision if none is configured; a resumed run keeps its precision on any machine."""
        config = self.config[self.subcommand]
        if config.trainer.precision is None and self.subcommand == "fit":
            path = self.run_dir / CONFIG
            previous = read_config(path)["trainer"]["precision"] if self.resumes and path.exists() else None
            hidden_size = self.model.encoder.hidden_size
            config.trainer.precision = previous or fastest_precision(hidden_size, config.trainer.accelerator)

    def instantiate_trainer(self, **kwargs: Any) -> L.Trainer:  # noqa: ARG002 (the signature of LightningCLI)
        self.choose_precision()
        config = self._get(self.config_init, "trainer")
        loggers = config.logger if isinstance(config.logger, list) else [config.logger] if config.logger else []
        self.wandb_run = WandbRun(self.run_dir, **self.config[self.subcommand].wandb.as_dict())
        callbacks: list[L.Callback] = [
            PredictionsFile(self.run_dir),
            DecoderComparison(self.run_dir),
            self.wandb_run,
            EndOnSignal(),
        ]
        plugins = [*_as_list(config.plugins), AtomicCheckpoints()]
        if config.fast_dev_run:
            callbacks = []  # Lightning tries a few batches and saves nothing
        elif self.subcommand == "fit":
            make_folder(self.run_dir)
            metrics = MetricsFile(self.run_dir / METRICS)
            loggers = [metrics, *loggers]
            # comes first, because the other callbacks read the config that it writes
            begin = LambdaCallback(on_fit_start=self.record_start, on_load_checkpoint=self.check_resumption)
            callbacks = [begin, *callbacks]
            callbacks += [StartLines(), *self.checkpoint_callbacks(), RunRecord(self.run_dir, metrics, self.best)]
        shows_bar = config.enable_progress_bar is not False and sys.stdout.isatty()
        callbacks.append(RichProgressBar() if shows_bar else EpochLines())
        with trainer_errors_as_setting_errors():
            return super().instantiate_trainer(
                precision=self.config[self.subcommand].trainer.precision,
                callbacks=[*_as_list(config.callbacks), *callbacks],
                logger=loggers or False,
                plugins=plugins,
                default_root_dir=str(self.run_dir),
                enable_model_summary=False,
                enable_progress_bar=shows_bar,
            )

    def checkpoint_callbacks(self) -> list[L.Callback]:
        """Return the callbacks that save the best and the last checkpoint, and those that stop a run and save it."""
        folder = self.run_dir / CHECKPOINTS
        self.best = BestCheckpoint(folder)
        last = LastCheckpoint(folder, self.config[self.subcommand].save_every_n_steps)
        return [FiniteSteps(last), FinalValidation(), self.best, StopOnSignal(last), last]

    def record_start(self, trainer: L.Trainer, tagger: L.LightningModule) -> None:  # noqa: ARG002 (the signature of a callback)
        """Write the configuration to the run folder, once everything has been checked.

        A resumed run may have a new length, and no longer counts as finished.
        """
        if trainer.is_global_zero:
            resolved = self.resolved_config()
            with whole_file(self.run_dir / CONFIG) as file:
                file.write(resolved)
            (self.run_dir / FINISHED).unlink(missing_ok=True)

    def check_resumption(self, trainer: L.Trainer, tagger: L.LightningModule, checkpoint: dict[str, Any]) -> None:  # noqa: ARG002
        """Check that the run is long enough to resume from the checkpoint.

        A run that was ended by early stopping is not trained any further, even if it is given a greater length.

        Raises:
            ValueError: If the checkpoint has already been trained for the configured length or longer.
        """
        if not trainer.training:  # the checkpoint is only scored
            return
        is_own = Path(self.config[self.subcommand].ckpt_path).parent == self.run_dir / CHECKPOINTS
        require_sufficient_length(checkpoint, trainer, is_own)
        if is_own and stay_stopped(trainer, checkpoint) and trainer.is_global_zero:
            say(message_console(), "early stopping has already ended this run: nothing is left to train")

    def after_fit(self) -> None:
        """Score the best checkpoint and save it as a bundle.

        Raises:
            ValueError: If the run has no best checkpoint.
        """
        if self.trainer.fast_dev_run:  # type: ignore[attr-defined]
            say(message_console(), "trainer.fast_dev_run only tries a few batches: nothing was saved")
            return
        best = self.best.best_model_path
        if not best:
            raise ValueError(
                f"no epoch ended with a validation, so {self.run_dir} has no best checkpoint to score and save; "
                "check trainer.limit_val_batches, trainer.check_val_every_n_epoch and the reason why training ended"
            )
        splits = self.datamodule.bound.corpus.splits
        if self.trainer.is_global_zero:
            shutil.rmtree(self.run_dir / PREDICTIONS, ignore_errors=True)  # from a previous start of this run
        if "validation" in splits:
            self.trainer.validate(self.model, self.datamodule, ckpt_path=best, weights_only=True, verbose=False)
        if "test" in splits:
            self.trainer.test(self.model, self.datamodule, ckpt_path=best, weights_only=True, verbose=False)
        if self.trainer.is_global_zero:
            self.model.save_bundle(self.run_dir / "model", self.datamodule, self.trainer.callback_metrics)
            self.wandb_run.send_bundle(self.trainer)
            self.write_report()
            write_json(self.run_dir / FINISHED, count_training_entities(splits["train"]))
            for line in (f"run folder: {self.run_dir}", *next_commands(self.run_dir)):
                say(message_console(), line)

    def write_report(self) -> None:
        """Write the error page from the predictions files."""
        if self.trainer.is_global_zero:
            training = self.datamodule.bound.corpus.splits.get("train")
            write_run_report(self.run_dir, None if training is None else count_training_entities(training))

    def take_tags_of_checkpoint(self) -> None:
        """Let a corpus without a training split be scored with the tags of the checkpoint."""
        path = self.config[self.subcommand].ckpt_path
        self.datamodule.learned_by_tagger = partial(LearnedTags.of_checkpoint, path)

    before_validate = before_test = take_tags_of_checkpoint
    after_validate = after_test = write_report


def main(arguments: Sequence[str]) -> int:
    """Run ``fit``, ``validate`` or ``test``.

    Returns:
        The exit status: 0 on success, 1 for a run that diverged, ran out of memory or lost a rank, 2 for invalid
        input, 130 after Ctrl-C, and 143 after SIGTERM.
    """
    silence_libraries()
    parent = os.getppid()
    try:
        with stopping_on_signals():
            command, *rest = arguments
            model, rest = (None, rest) if command == "fit" else take_model(rest)
            if model is None:
                run_training(list(arguments))
            else:
                score_model(command, model, rest)
    except ArgumentError as error:
        return fail_with_help(error, f"{PROGRAM} {arguments[0]}")
    except (FloatingPointError, MisconfigurationException, OSError, RuntimeError, ValueError, WandbError) as error:
        line, status = line_and_status(error)
        if line is None:
            raise
        report_on_one_rank(line, parent)
        return status
    except Stopped as stop:
        return report_stop(stop)
    return 0


def run_training(arguments: ArgsType = None, cli: type[TrainingCLI] = TrainingCLI) -> TrainingCLI:
    """Parse the command line and run it."""
    return cli(parser_kwargs={command: help_of(command) for command in COMMANDS}, args=arguments)


def _as_list(value: Any) -> list[Any]:
    return [] if value is None else list(value) if isinstance(value, list | tuple) else [value]
