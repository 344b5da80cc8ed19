"""The command `check`: what a corpus holds, and what is wrong with it."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentError
from collections.abc import Sequence
from dataclasses import replace

from lightning.pytorch.cli import LightningArgumentParser
from rich.console import Console

from ner_lightning.commands.error_lines import fail, without_noise
from ner_lightning.commands.training_cli import PartsCLI
from ner_lightning.corpora.corpus_report import CorpusReport, print_report
from ner_lightning.corpora.entity_types import select_entity_types
from ner_lightning.corpora.statistics import describe_corpus
from ner_lightning.corpora.training_share import keep_training_share
from ner_lightning.data_module import NERDataModule
from ner_lightning.encoding.alignment import WordTokenizer
from ner_lightning.library_messages import quieten
from ner_lightning.tagger import NERTagger


class CheckCLI(PartsCLI):
    """Takes the configs of ``fit``; reads the corpus, trains nothing."""

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        super().add_arguments_to_parser(parser)
        parser.add_argument("--format", choices=["text", "json"], default="text", help="How the report is printed.")


def main(arguments: Sequence[str]) -> int:
    """Run the command.

    Returns:
        The exit status: 0, 1 if the corpus has errors, or 2 for wrong input.
    """
    quieten()
    try:
        cli = CheckCLI(
            NERTagger,
            NERDataModule,
            run=False,
            args=list(arguments),
            auto_configure_optimizers=False,
            seed_everything_default=0,
            save_config_callback=None,
            parser_kwargs={"exit_on_error": False},
        )
        report = corpus_report(cli.datamodule)
    except ArgumentError as error:
        return fail(f"{without_noise(str(error))} (see python -m ner_lightning check --help)")
    except (ValueError, OSError) as error:
        return fail(str(error))
    if cli.config.format == "json":
        sys.stdout.write(json.dumps(report.to_plain(), indent=2, ensure_ascii=False) + "\n")
    else:
        print_report(report, Console())
    return 1 if report.errors else 0


def corpus_report(data: NERDataModule) -> CorpusReport:
    """The report on a configured corpus, with the encoder's subwords."""
    whole = select_entity_types(data.reader.read(), data.selected_types)
    training = whole.splits.get("train", ())
    corpus = keep_training_share(whole, data.train_share, data.seed) if training else whole
    words = WordTokenizer(
        data.encoder.tokenizer([sentence.words for sentence in training]),
        data.windows.max_subwords,
    )
    report = describe_corpus(corpus, words.count_subwords, words.capacity)
    lowercases = words.count_subwords(["A"]) and words.tokenizer.tokenize("AB") == words.tokenizer.tokenize("ab")
    if report.cased and lowercases:
        warning = "the entities are cased, but the encoder is not: it reads 'AB' as 'ab'; take a cased encoder"
        return replace(report, warnings=(*report.warnings, warning))
    return report
