"""The page that shows an error analysis."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, Final

from ner_lightning.atomic_files import whole_file
from ner_lightning.evaluation.errors.analysis import ErrorAnalysis, strict_summary
from ner_lightning.evaluation.errors.cards import error_cards, error_key, suspect_cards
from ner_lightning.evaluation.errors.prediction_analysis import PredictionAnalysis, analyse_file
from ner_lightning.evaluation.errors.suspects import MIN_SCORE, find_suspects
from ner_lightning.evaluation.errors.tables import MAX_ROWS, confusion_matrix, error_tables
from ner_lightning.evaluation.pages.html import render
from ner_lightning.evaluation.pages.score_tables import decoders_table, score_cells
from ner_lightning.evaluation.pages.tables import Frequencies, Percent, Table, type_labels
from ner_lightning.metrics.error_types import ERROR_KINDS
from ner_lightning.runs.folders import PREDICTIONS, read_config, run_dir_of
from ner_lightning.runs.settings import deciding, encoder_name, settings_of
from ner_lightning.runs.training_entities import TrainingEntities

REPORT: Final = "report.html"  # in a run folder
MAX_SUSPECTS: Final = 20
MAX_CHARACTERS: Final = 100  # of a text in a table: the surface of an entity may be as long as its sentence
CONFIG: Final = "config.yaml"
RECORD_KEYS: Final = ("seed", "commit", "corpus_checksum", "loss", "versions")


def write_run_report(run_dir: Path, training: TrainingEntities | None) -> None:
    """Write the ``report.html`` of a run folder about its test predictions, or its validation predictions without any.

    Raises:
        ValueError: If a file of the run is damaged.
        OSError: If the page cannot be written.
    """
    found = reported_predictions(run_dir)
    if found is not None:
        file = analyse_file(found, training)
        tables = error_tables(file.analysis)
        by_decoder = found.with_suffix(".decoders.json")
        if by_decoder.is_file():
            tables["decoders"] = decoders_table(json.loads(by_decoder.read_text(encoding="utf-8")))
        write_report(run_dir / REPORT, file, tables)


def reported_predictions(run_dir: Path) -> Path | None:
    """Return the predictions file that the page of a run is about, or None if the run has no predictions."""
    paths = [run_dir / PREDICTIONS / f"{split}.jsonl" for split in ("test", "validation")]
    return next((path for path in paths if path.is_file()), None)


def write_report(
    path: Path, file: PredictionAnalysis, tables: Mapping[str, Table], min_score: float = MIN_SCORE
) -> None:
    """Write the page of an error analysis.

    Args:
        path: The file to write.
        file: The analysis of a predictions file.
        tables: Its :func:`error_tables`, and a table ``decoders`` if there are several.
        min_score: Smallest score of a predicted entity for which an error is suspected to be one of the annotation.

    Raises:
        OSError: If the page cannot be written.
    """
    analysis, record = file.analysis, file.record or {}
    labels = type_labels(analysis.entity_types)
    suspects = find_suspects(analysis, min_score)
    errors = [pair for _, pair in analysis.errors()]
    values = {
        "analysis": analysis,
        "about": facts_about(file.path, date.today()),
        "tiles": headline(analysis),
        "tables": {name: shortened_table(table) for name, table in tables.items()},
        "confusion_matrix": most_confused(confusion_matrix(analysis), MAX_ROWS),
        "kinds": ERROR_KINDS,
        "num_of_kind": Counter(pair.kind for pair in errors),
        "num_of_key": Counter(error_key(pair, analysis.entity_types) for pair in errors),
        "num_with_errors": sum(any(pair.kind != "correct" for pair in pairs) for pairs in analysis.pairs),
        "cards": error_cards(analysis, labels),
        "suspects": suspect_cards(analysis, suspects[:MAX_SUSPECTS], labels),
        "num_suspects": len(suspects),
        "min_score": min_score,
        "strict_summary": strict_summary(analysis),
        "record": {key: record[key] for key in RECORD_KEYS if key in record},
    }
    page = render("report.html", f"Errors in {file.path.stem} predictions", values, script="report.js")
    with whole_file(path) as output:
        output.write(page)


def facts_about(predictions: Path, written_on: date) -> dict[str, str]:
    """Return the facts that identify a page: the predictions, the date and, if they belong to a run, its facts.

    The name of the run is the folder that it was trained in, so the page stays the same if the folder is moved.
    """
    facts = {"predictions": predictions.name, "date": written_on.isoformat()}
    run_dir = run_dir_of(predictions)
    if run_dir is None or not (run_dir / CONFIG).is_file():
        return facts
    try:
        config = read_config(run_dir / CONFIG)
    except ValueError:  # a page can do without the names of run and encoder
        return facts
    names = {"run": config.get("run_dir"), "encoder": encoder_name(deciding(settings_of(config)))}
    return {name: str(value) for name, value in names.items() if value is not None} | facts


def headline(analysis: ErrorAnalysis) -> Mapping[str, Percent]:
    """Return the scores at the top of the page, by name; undefined scores are not shown as zero, as in the tables."""
    precision, recall, f1, *_ = score_cells(analysis.scores.overall)
    shown = {"F1, %": f1, "precision, %": precision, "recall, %": recall}
    if analysis.strict is not None and analysis.strict_scores is not None:
        _, _, strict_f1, *_ = score_cells(analysis.strict_scores.overall)
        shown |= {"strict F1, %": strict_f1, "ill-formed sentences, %": Percent(analysis.strict.ill_formed)}
    return shown


def shortened_table(table: Table) -> Table:
    """Return the first rows of a table, with long texts cut."""
    head = table.head(MAX_ROWS)
    return replace(head, rows=tuple(tuple(map(_shortened, row)) for row in head.rows))


def _shortened(cell: Any) -> Any:
    is_long = isinstance(cell, str | Frequencies) and len(str(cell)) > MAX_CHARACTERS
    return f"{str(cell)[:MAX_CHARACTERS].rstrip()} …" if is_long else cell


def most_confused(matrix: Table, max_types: int) -> Table:
    """Reduce a confusion matrix to the types that are most often confused with others.

    Args:
        matrix: A table with a row for every type and, after the column of names, a column for every type.
        max_types: Largest number of types to keep.
    """
    counts = [row[1:] for row in matrix.rows]
    if len(counts) <= max_types:
        return matrix
    columns = zip(*counts, strict=True)
    confused = [
        sum(row) + sum(column) - 2 * row[i] for i, (row, column) in enumerate(zip(counts, columns, strict=True))
    ]
    kept = sorted(sorted(range(len(counts)), key=lambda i: -confused[i])[:max_types])
    return replace(
        matrix,
        header=(matrix.header[0], *(matrix.header[i + 1] for i in kept)),
        rows=tuple((matrix.rows[i][0], *(counts[i][j] for j in kept)) for i in kept),
        note=f"{matrix.note} The {max_types} most confused types of {len(counts):,} are shown.",
    )
