"""Writes `metrics.csv`; a resumed run continues the file as if it had never been interrupted."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import Logger
from lightning.pytorch.utilities import rank_zero_only
from torch import Tensor

from ner_lightning.atomic_files import errors_naming, whole_file


class MetricsFile(Logger):
    """Writes every logged row immediately. Lightning's CSV logger would delete the file of a resumed run.

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
        """Do nothing: the resolved configuration is in ``config.yaml``."""

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
    def keep_first_rows(self, num_rows: int) -> None:
        """Keep only the first rows from an earlier start of this run; the others belong to steps that are repeated."""
        with self.path.open(newline="", encoding="utf-8") as file:
            kept = list(csv.DictReader(file))[:num_rows]
        # an empty field means that the row has no value in this column
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
