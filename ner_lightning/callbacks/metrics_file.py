"""The file `metrics.csv`, which a resumed run continues as if nothing had happened."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import Logger
from lightning.pytorch.utilities import rank_zero_only
from torch import Tensor

from ner_lightning.atomic_files import errors_naming, whole_file


class MetricsFile(Logger):
    """Writes every logged row at once; Lightning's own CSV logger deletes the file of the run that is resumed.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.rows: list[dict[str, str]] = []
        self.columns: list[str] = []

    @property
    def name(self) -> str:
        return "metrics"

    @property
    def version(self) -> str:
        return ""

    @property
    def save_dir(self) -> str:
        return str(self.path.parent)

    @rank_zero_only
    def log_hyperparams(self, *args: Any, **kwargs: Any) -> None:
        """The resolved configuration stands beside this file."""

    @rank_zero_only
    def log_metrics(self, metrics: dict[str, Any], step: int | None = None) -> None:
        values = {name: value.item() if isinstance(value, Tensor) else value for name, value in metrics.items()}
        row = {name: repr(value) for name, value in sorted(({"step": step} | values).items())}
        self.rows.append(row)
        new_columns = [name for name in row if name not in self.columns]
        self.columns += new_columns
        if new_columns:
            self._write_all()
            return
        with errors_naming(self.path), self.path.open("a", newline="", encoding="utf-8") as file:
            csv.DictWriter(file, self.columns).writerow(row)

    @rank_zero_only
    def go_back_to(self, num_rows: int) -> None:
        """Keep the first rows of a former start of this run; the others belong to steps that come again."""
        with self.path.open(newline="", encoding="utf-8") as file:
            kept = list(csv.DictReader(file))[:num_rows]
        # an empty field is a value that its row does not have
        self.rows = [{name: value for name, value in row.items() if value} for row in kept]
        self.columns = []
        for row in self.rows:
            self.columns += [name for name in sorted(row) if name not in self.columns]
        self._write_all()

    def _write_all(self) -> None:
        with whole_file(self.path) as file:
            writer = csv.DictWriter(file, self.columns)
            writer.writeheader()
            writer.writerows(self.rows)
