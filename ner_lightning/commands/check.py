"""The command `check`: reports what is in a corpus and what is wrong with it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import lightning as L
from lightning.pytorch.cli import LightningArgumentParser
from lightning.pytorch.utilities.exceptions import MisconfigurationException
from transformers import PreTrainedTokenizerBase

from ner_lightning.atomic_files import whole_file
from ner_lightning.commands.error_lines import exit_status
from ner_lightning.commands.fit.corpus_cli import CorpusCLI
from ner_lightning.commands.fit.help import PROGRAM, help_of
from ner_lightning.commands.fit.trainer_settings import trainer_errors_as_setting_errors
from ner_lightning.console import json_text, message_console, output_console, write_output
from ner_lightning.corpora.checks.printed_report import print_report
from ner_lightning.corpora.checks.report import CorpusReport, describe_corpus
from ner_lightning.corpora.split_shares import keep_training_share
from ner_lightning.encoding.alignment import WordTokenizer
from ner_lightning.quiet_libraries import silence_libraries
from ner_lightning.training.data_module import NERDataModule
from ner_lightning.training.optimizer_steps import count_steps, warning_on_steps


class CheckCLI(CorpusCLI):
    """Accepts the configs of ``fit``, but only reads the corpus and trains nothing."""

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        super().add_arguments_to_parser(parser)
        parser.add_argument("--format", choices=["text", "json"], default="text", help="Format of the printed report.")
        parser.add_argument("--report", type=str, help="File for the report as an HTML page with plots.")


def main(arguments: Sequence[str]) -> int:
    """Run the command.

    Returns:
        The exit status: 0 if the corpus has no errors, 1 if it has some, or 2 for invalid input.
    """
    silence_libraries()
    return exit_status(f"{PROGRAM} check", lambda: _check(arguments))


def _check(arguments: Sequence[str]) -> int:
    cli = CheckCLI(parser_kwargs=help_of("check"), run=False, args=list(arguments))
    report = with_steps(corpus_report(cli.datamodule), cli.datamodule, cli.instantiate_trainer)
    if cli.config.report is not None:
        _write_page(Path(cli.config.report), report)
    if cli.config.format == "json":
        write_output(json_text(report.to_plain(), indent=2) + "\n")
    else:
        print_report(report, output_console())
    return 1 if report.errors else 0


def _write_page(path: Path, report: CorpusReport) -> None:
    from ner_lightning.evaluation.corpus.page import corpus_page  # imports matplotlib, which takes a second

    with whole_file(path) as file:
        file.write(corpus_page(report))


def corpus_report(data: NERDataModule) -> CorpusReport:
    """Return the report on a configured corpus; subwords are included if the encoder's vocabulary is available."""
    whole = data.read_corpus()
    training = whole.splits.get("train", ())
    corpus = keep_training_share(whole, data.train_share, data.seed) if training else whole
    try:
        with message_console().status("Loading the encoder's vocabulary"):
            tokenizer = data.encoder.tokenizer([sentence.words for sentence in training])
    except ValueError as error:
        warning = f"subwords are not reported because the encoder cannot be loaded: {error}"
        return with_warning(describe_corpus(corpus, word_splitter=data.raw_text.word_splitter), warning)
    words = WordTokenizer(tokenizer, data.windows.max_subwords)
    if not training and len(words.tokenizer) <= len(words.tokenizer.all_special_ids):
        return with_warning(
            describe_corpus(corpus, word_splitter=data.raw_text.word_splitter),
            "the encoder learns its subwords from the train split, which is missing, so subwords are not reported",
        )
    report = describe_corpus(corpus, words.count_subwords, words.capacity, data.raw_text.word_splitter)
    if report.cased and reads_letters_lowercased(words.tokenizer):
        warning = "the entities are cased, but the encoder is not: it reads 'AB' as 'ab'; use a cased encoder"
        return with_warning(report, warning)
    return report


def with_steps(report: CorpusReport, data: NERDataModule, build_trainer: Callable[[], L.Trainer]) -> CorpusReport:
    """Add the number of optimizer steps of the configured run, if the train split has no errors and was tokenized."""
    train = report.splits.get("train")
    if report.errors or train is None or train.subwords is None:
        return report
    try:
        with trainer_errors_as_setting_errors():
            trainer = build_trainer()
    except (MisconfigurationException, ValueError) as error:
        return with_warning(report, f"the number of optimizer steps cannot be computed here: {error}")
    data.setup()
    num_batches = math.ceil(len(data.train_dataloader()) / trainer.world_size)
    assert trainer.max_epochs is not None
    num_steps = count_steps(num_batches, trainer.accumulate_grad_batches, trainer.max_epochs, trainer.max_steps)
    if num_steps is None:
        return report
    warning = warning_on_steps(num_steps)
    report = replace(report, optimizer_steps=num_steps)
    return report if warning is None else with_warning(report, warning)


def with_warning(report: CorpusReport, warning: str) -> CorpusReport:
    """Return the report with one more warning."""
    return replace(report, warnings=(*report.warnings, warning))


def reads_letters_lowercased(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Return whether the tokenizer lowercases text, by its normalizer: the vocabulary may have neither AB nor ab."""
    if not tokenizer.is_fast:
        return bool(getattr(tokenizer, "do_lower_case", False))
    normalizer = tokenizer.backend_tokenizer.normalizer
    return normalizer is not None and normalizer.normalize_str("AB") == normalizer.normalize_str("ab")
