"""The results of a comparison: tables in the terminal, and files for programs and people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path

from rich.progress import Progress, SpinnerColumn

from ner_lightning.atomic_files import make_folder, whole_file, write_json
from ner_lightning.console import json_text, message_console, output_console, say
from ner_lightning.evaluation.comparison.arms import Comparison, verdict_lines
from ner_lightning.evaluation.comparison.comparing import compare_runs
from ner_lightning.evaluation.comparison.page import comparison_page
from ner_lightning.evaluation.comparison.scope import Scope
from ner_lightning.evaluation.comparison.stored import disagreements_path, to_plain
from ner_lightning.evaluation.comparison.tables import comparison_tables
from ner_lightning.evaluation.pages.tables import print_table
from ner_lightning.runs.folders import FinishedRun


def report(arms: Mapping[str, Sequence[FinishedRun]], output: Path, scope: Scope) -> None:
    """Compare the runs of all arms, and show and write the results.

    Args:
        arms: The runs by arm.
        output: The folder for page and JSON. Comparisons with different scopes have different file names.
        scope: The part of the predictions that is compared.

    Raises:
        ValueError: If the runs cannot be compared.
    """
    console = output_console()
    messages = message_console()
    columns = SpinnerColumn(), *Progress.get_default_columns()
    progress = Progress(*columns, console=messages, transient=True, disable=not messages.is_terminal)

    def track(runs: Sequence[FinishedRun]) -> Iterable[FinishedRun]:
        return progress.track(runs, total=len(runs) + 1, description="comparing")  # the last step is the statistics

    with progress:
        comparison = compare_runs(arms, scope, date.today().isoformat(), track)
    path = output / f"comparison{scope.file_suffix}.json"
    with message_console().status("Writing"):
        write_files(comparison, path)
    for table in comparison_tables(comparison):
        print_table(console, table)
    if len(arms) == 1:
        say(console, f"{next(iter(arms))} is the only arm, so there is nothing to compare it with.")
    for warning in comparison.warnings:
        say(console, f"warning: {warning}")
    for line in verdict_lines(comparison.verdict_groups):
        say(console, line)
    say(message_console(), f"page: {path.with_suffix('.html')}")


def write_files(comparison: Comparison, path: Path) -> None:
    """Write the numbers as JSON, the sentences on which arms disagree as JSON Lines, and the page.

    Args:
        comparison: The comparison.
        path: The JSON file; the others are beside it.
    """
    page = comparison_page(comparison)
    make_folder(path.parent)
    write_json(path, to_plain(comparison))
    with whole_file(disagreements_path(path)) as file:
        file.writelines(json_text(found.to_plain()) + "\n" for found in comparison.disagreements or ())
    with whole_file(path.with_suffix(".html")) as file:
        file.write(page)
