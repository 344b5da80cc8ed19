"""What a comparison is told by: tables in the terminal, and files for programs and people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from rich.progress import Progress, SpinnerColumn

from ner_lightning.atomic_files import make_folder, whole_file, write_json
from ner_lightning.console import json_text, message_console, output_console, say
from ner_lightning.evaluation.comparison.arms import Comparison, compare_runs
from ner_lightning.evaluation.comparison.page import comparison_page
from ner_lightning.evaluation.comparison.scope import Scope
from ner_lightning.evaluation.comparison.tables import comparison_tables
from ner_lightning.evaluation.pages.tables import print_table
from ner_lightning.runs.folders import FinishedRun

RESAMPLING_SEED: Final = 0  # the same runs give the same numbers


def report(arms: Mapping[str, Sequence[FinishedRun]], output: Path, scope: Scope) -> None:
    """Compare the runs of each arm, and say what came of it.

    Args:
        arms: The runs by arm.
        output: Where page and JSON go.
        scope: What they are compared on.

    Raises:
        ValueError: If the runs cannot be compared.
    """
    console = output_console()
    messages = message_console()
    columns = SpinnerColumn(), *Progress.get_default_columns()
    progress = Progress(*columns, console=messages, transient=True, disable=not messages.is_terminal)

    def track(runs: Sequence[FinishedRun]) -> Iterable[FinishedRun]:
        return progress.track(runs, total=len(runs) + 1, description="comparing")  # what comes last is the statistics

    with progress:
        comparison = compare_runs(arms, scope, np.random.default_rng(RESAMPLING_SEED), track)
    with message_console().status("Writing"):
        write_files(comparison, output, " or ".join(arms))
    for table in comparison_tables(comparison):
        print_table(console, table)
    if len(arms) == 1:
        say(console, f"there is one arm only, {next(iter(arms))}: nothing is compared")
    for line in (*comparison.notes, *comparison.verdicts):
        say(console, line)
    say(message_console(), f"page: {output / 'comparison.html'}")


def write_files(comparison: Comparison, output: Path, title: str) -> None:
    """Write the numbers as JSON, the sentences on which arms differ as JSON Lines, and the page."""
    page = comparison_page(comparison, title)
    make_folder(output)
    write_json(output / "comparison.json", comparison.to_plain())
    with whole_file(output / "disagreements.jsonl") as file:
        file.writelines(json_text(found.to_plain()) + "\n" for found in comparison.disagreements)
    with whole_file(output / "comparison.html") as file:
        file.write(page)
