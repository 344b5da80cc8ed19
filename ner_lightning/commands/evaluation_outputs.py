"""The outputs of `evaluate`: a summary in the terminal, an HTML page, tables as JSON, and suspected errors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from ner_lightning.atomic_files import write_json
from ner_lightning.commands.evaluation_options import EvaluateOptions
from ner_lightning.console import message_console, output_console, say
from ner_lightning.evaluation.errors.analysis import ErrorAnalysis, strict_summary
from ner_lightning.evaluation.errors.page import REPORT, reported_predictions, write_report
from ner_lightning.evaluation.errors.prediction_analysis import PredictionAnalysis, analyse_file
from ner_lightning.evaluation.errors.summary import errors_table, shortened_scores
from ner_lightning.evaluation.errors.suspects import find_suspects, write_suspects
from ner_lightning.evaluation.errors.tables import error_tables
from ner_lightning.evaluation.pages.score_tables import score_cells
from ner_lightning.evaluation.pages.tables import Table, print_table
from ner_lightning.runs.folders import PREDICTIONS, run_dir_of
from ner_lightning.runs.training_entities import read_training_entities
from ner_lightning.scheme_detection import SCHEME_BY_SOURCE
from ner_lightning.terminal_tables import print_text

REST: Final = "All tables and the sentences with errors"


def evaluate(options: EvaluateOptions) -> None:
    """Analyze a predictions file, print a summary, and write the requested files.

    Raises:
        ValueError: If an input is invalid.
        OSError: If a file cannot be read or written.
    """
    given = options.training_entities
    training = None if given is None else read_training_entities(given)
    scheme = None if options.scheme is None else SCHEME_BY_SOURCE[options.scheme]
    with message_console().status("Analyzing"):
        file = analyse_file(options.predictions, training, scheme)
        tables = error_tables(file.analysis)
        suspects = find_suspects(file.analysis, options.min_score)
    written = {}
    if options.report is not None:
        write_report(options.report, file, tables, options.min_score)
    if options.json is not None:
        write_json(options.json, as_plain(file, tables))
        written["JSON"] = options.json
    if options.suspects is not None:
        write_suspects(options.suspects, suspects, file.analysis.training)
        written[f"{len(suspects)} suspected annotation errors"] = options.suspects
    show(file.analysis, tables["scores"], options.report or page_of_run(file.path))
    for what, path in written.items():
        say(message_console(), f"{what}: {path}")


def show(analysis: ErrorAnalysis, scores: Table, page: Path | None) -> None:
    """Print a summary that fits on a screen, and where to find the rest."""
    console = output_console()
    print_table(console, shortened_scores(scores, analysis), keeps_columns=False)
    print_text(console, strict_summary(analysis))
    errors = errors_table(analysis)
    if errors.rows:
        print_table(console, errors, keeps_columns=False)
    if page is None:
        print_text(console, f"{REST}: --report FILE writes them as a page, --json FILE as JSON.")
    else:
        print_text(console, f"{REST} are on the page {page}")


def page_of_run(predictions: Path) -> Path | None:
    """Return the page of the run that wrote a predictions file, if it is about that file."""
    run_dir = run_dir_of(predictions)
    if run_dir is None or reported_predictions(run_dir) != run_dir / PREDICTIONS / predictions.name:
        return None
    page = run_dir / REPORT
    return page if page.is_file() else None


def as_plain(file: PredictionAnalysis, tables: Mapping[str, Table]) -> dict[str, Any]:
    """Return the tables as plain data for JSON, with the strict scores and the record of the run."""
    return {
        "predictions": str(file.path),
        "sentences": len(file.analysis.sentences),
        "strict": strict_as_plain(file.analysis),
        **{name: table.to_plain() for name, table in tables.items()},
        "run": file.record,
    }


def strict_as_plain(analysis: ErrorAnalysis) -> dict[str, Any] | None:
    """Return the strict scores over all entity types, or None if they cannot be computed."""
    strict, scores = analysis.strict, analysis.strict_scores
    if strict is None or scores is None:
        return None
    precision, recall, f1, *_ = score_cells(scores.overall)
    return {
        "scheme": strict.scheme.name,
        "scheme_was_given": analysis.scheme_was_given,
        "precision": precision.share,
        "recall": recall.share,
        "f1": f1.share,
        "ill_formed": strict.ill_formed,
        "contradicting_sentences": strict.contradicting,
    }
