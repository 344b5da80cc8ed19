"""What a comparison is told by: tables in the terminal, `comparison.json` and `comparison.html`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from rich.console import Console

from ner_lightning.commands.error_lines import say
from ner_lightning.evaluation.comparison import compare_runs
from ner_lightning.evaluation.comparison_page import comparison_page
from ner_lightning.evaluation.comparison_tables import comparison_tables
from ner_lightning.evaluation.run_folders import FinishedRun
from ner_lightning.evaluation.tables import rich_table
from ner_lightning.whole_files import whole_file, write_json

RESAMPLING_SEED: Final = 0  # the same runs give the same numbers


def report(arms: Mapping[str, Sequence[FinishedRun]], output: Path, split: str, decoder: str | None) -> None:
    """Compare the runs of each arm, and say what came of it.

    Args:
        arms: The runs by arm.
        output: Where page and JSON go.
        split: The split to compare on.
        decoder: The decoder whose predictions are compared; None takes each run's own.

    Raises:
        ValueError: If the runs cannot be compared.
    """
    console = Console()
    with Console(stderr=True).status("Comparing"):
        comparison = compare_runs(arms, split, decoder, np.random.default_rng(RESAMPLING_SEED))
        page = comparison_page(comparison, " or ".join(arms))
    output.mkdir(parents=True, exist_ok=True)
    write_json(output / "comparison.json", comparison.to_plain())
    with whole_file(output / "comparison.html") as file:
        file.write(page)
    for table in comparison_tables(comparison):
        console.print(rich_table(table))
    for line in (*comparison.notes, *(difference.verdict() for difference in comparison.differences)):
        say(console, line)
    say(Console(stderr=True), f"page: {output / 'comparison.html'}")
