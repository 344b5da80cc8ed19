"""`test --model` and `validate --model`: score a saved model on a corpus, which needs no training split."""

from __future__ import annotations

import sys
from argparse import ArgumentError
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import torch
from lightning.pytorch.cli import LightningArgumentParser
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from ner_lightning.atomic_files import make_folder
from ner_lightning.callbacks.predictions_file import write_once
from ner_lightning.commands.fit.corpus_cli import CorpusCLI
from ner_lightning.commands.fit.help import help_of
from ner_lightning.console import message_console, output_console, say
from ner_lightning.corpora.reader import Corpus, SplitName
from ner_lightning.encoding.bound_corpus import require_split, require_unique_ids
from ner_lightning.encoding.coverage import measure_coverage
from ner_lightning.evaluation.errors.page import REPORT, write_run_report
from ner_lightning.evaluation.pages.score_tables import scores_table
from ner_lightning.evaluation.pages.tables import print_table
from ner_lightning.evaluation.scores import Scores, score
from ner_lightning.evaluation.seqeval_referee import differences_from_seqeval, seqeval_scores
from ner_lightning.predictions import read_predictions
from ner_lightning.recognizer import EntityRecognizer
from ner_lightning.runs.folders import PREDICTIONS
from ner_lightning.schemes import TagSet
from ner_lightning.terminal_tables import print_text

SPLIT_BY_COMMAND: Final[dict[str, SplitName]] = {"validate": "validation", "test": "test"}
MODEL: Final = "--model"
CHECKPOINT: Final = "ckpt_path"
CONFIG_ENDINGS: Final = (".yaml", ".yml", ".json")
BUNDLE: Final = "model"  # the folder of a run's bundle


class ModelScoresCLI(CorpusCLI):
    """Accepts the configs of ``fit`` and the saved config of a run, but only reads the corpus."""

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        super().add_arguments_to_parser(parser)
        for name in (CHECKPOINT, "weights_only", "verbose"):  # settings of a saved config that scoring does not use
            parser.add_argument(f"--{name}", help="Ignored.")


def take_model(arguments: Sequence[str]) -> tuple[str | None, list[str]]:
    """Take the name of a model out of the arguments of ``test`` or ``validate``.

    ``--model`` also sets all settings of the tagger from a config or from JSON, and is left unchanged then.

    >>> take_model(["--model", "runs/demo/seed-0/model", "--config", "corpus.yaml"])
    ('runs/demo/seed-0/model', ['--config', 'corpus.yaml'])
    >>> take_model(["--model=tagger.yaml"])
    (None, ['--model=tagger.yaml'])
    """
    model: str | None = None
    rest: list[str] = []
    following = iter(arguments)
    for argument in following:
        option, equals, value = argument.partition("=")
        name = value if equals else next(following, None) if option == MODEL else None
        if option == MODEL and name and not _is_config(name):
            model = name
        else:
            rest += [argument] if equals or name is None else [argument, name]
    return model, rest


def _is_config(value: str) -> bool:
    return value.startswith("{") or Path(value).suffix in CONFIG_ENDINGS or Path(value).is_file()


def score_model(command: str, model: str, arguments: Sequence[str]) -> None:
    """Score a model on the split of a command, and write its predictions and the page with its errors.

    Args:
        command: ``test`` or ``validate``.
        model: The folder of a bundle or of a token classifier of ``transformers``, or its id on the hub.
        arguments: The other arguments of the command.

    Raises:
        ArgumentError: If an argument is wrong, or would have no effect.
        ValueError: If the corpus or the model cannot be read, or other predictions would be overwritten.
        OSError: If a file cannot be written.
    """
    _require_effect(arguments)
    cli = ModelScoresCLI(parser_kwargs=help_of(command), run=False, args=list(arguments))
    split = SPLIT_BY_COMMAND[command]
    with message_console().status("Reading the corpus"):
        corpus = cli.datamodule.read_corpus()
    require_split(corpus, split, command)
    require_unique_ids(corpus)
    uses_cpu = cli.config.trainer.accelerator == "cpu" or not torch.cuda.is_available()
    recognizer = EntityRecognizer.from_pretrained(model, "cpu" if uses_cpu else "cuda")
    sentences = corpus.splits[split]
    with progress_bar(len(sentences)) as advance:
        predicted = recognizer.predict_annotated(sentences, cli.datamodule.batches.evaluation_subwords, advance)
    run_dir = Path(cli.config.run_dir) if cli.config.run_dir else default_run_dir(model)
    path = run_dir / PREDICTIONS / f"{split}.jsonl"
    make_folder(path.parent)
    write_once(path, predicted)
    report(path, corpus, split, recognizer)
    write_run_report(run_dir, None)
    say(message_console(), f"predictions: {path}, errors: {run_dir / REPORT}")


def _require_effect(arguments: Sequence[str]) -> None:
    """Check that no argument sets something that the model decides.

    Raises:
        ArgumentError: If one does.
    """
    for argument in arguments:
        option = argument.partition("=")[0]
        if option == f"--{CHECKPOINT}" or option.startswith(f"{MODEL}.") or option == MODEL:
            raise ArgumentError(None, f"{MODEL} scores a saved model as it is, so {option} cannot be given as well")


def default_run_dir(model: str) -> Path:
    """Return the folder for the results of a model.

    >>> str(default_run_dir("runs/demo/seed-0/model")), str(default_run_dir("dslim/bert-base-NER"))
    ('runs/demo-seed-0-scored', 'runs/bert-base-NER-scored')
    """
    folder = Path(model)
    path = folder.resolve() if folder.exists() else folder
    *others, name = (path.parent if path.name == BUNDLE else path).parts or ("model",)
    return Path("runs") / f"{'-'.join([*others[-1:], name] if name.startswith('seed-') else [name])}-scored"


def report(path: Path, corpus: Corpus, split: SplitName, recognizer: EntityRecognizer) -> None:
    """Print the scores of a predictions file, and what explains them.

    Raises:
        RuntimeError: If the scores differ from those of seqeval.
    """
    predicted = read_predictions(path)
    scores = score(predicted)
    differing = differences_from_seqeval(_by_name(scores), seqeval_scores(predicted))
    if differing:
        raise RuntimeError(f"the scores must equal those of seqeval, got {'; '.join(differing)}")
    tags, encoder = recognizer.settings.tags, recognizer.window_encoder
    types = corpus.type_counts(split)
    all_tags = TagSet(tags.scheme, (*tags.entity_types, *sorted(types.keys() - set(tags.entity_types))))
    coverage = measure_coverage(corpus, split, list(encoder.encode(corpus.splits[split])), all_tags, tags)
    console = output_console()
    print_table(console, scores_table(scores, f"{split}: entities, confirmed by seqeval"))
    print_text(console, f"coverage: {coverage}")
    for line in lines_on_types(tags.entity_types, types, scores, split):
        print_text(console, line)


def _by_name(scores: Scores) -> dict[str, float]:
    overall = scores.overall
    by_type = {f"f1/{name}": counts.f1 for name, counts in scores.by_type.items()}
    return {"f1": overall.f1, "precision": overall.precision, "recall": overall.recall, **by_type}


def lines_on_types(known: Sequence[str], annotated: Counter[str], scores: Scores, split: SplitName) -> Iterator[str]:
    """Yield a line on the entity types that the model does not know, and one on those that the split does not have.

    Args:
        known: The entity types of the model.
        annotated: The number of annotated entities of each type.
        scores: The scores of the model.
        split: The name of the split.
    """
    unknown = {name: count for name, count in sorted(annotated.items()) if name not in known}
    absent = {
        name: scores.by_type[name].predicted if name in scores.by_type else 0 for name in known if not annotated[name]
    }
    if unknown:
        yield f"The model does not know these types, so their entities are always missed: {_listed(unknown)}"
    if absent:
        yield f"{split} has no entities of these types, so predicted ones are errors: {_listed(absent)}"
    if unknown and absent:
        yield "Types that have other names in the corpus can be renamed with --data.entity_types '{PERSON: PER, ...}'"


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} ({count:,})" for name, count in counts.items())


@contextmanager
def progress_bar(num_sentences: int) -> Iterator[Callable[[int], None]]:
    """Show on a terminal how many sentences are done; the result is called with the number of new ones."""
    columns = (
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.completed:,.0f} of {task.total:,.0f} sentences"),
        TimeRemainingColumn(compact=True),
    )
    with Progress(*columns, console=message_console(), disable=not sys.stderr.isatty(), transient=True) as progress:
        task = progress.add_task("", total=num_sentences)
        yield lambda num_done: progress.advance(task, num_done)
