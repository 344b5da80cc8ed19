"""What `run.json` of a run folder tells, where there is one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from ner_lightning.schemes import LabelScheme, TagSet

RECORD: Final = "run.json"


def read_record(run_dir: Path) -> Mapping[str, Any] | None:
    """The record of a run; None where the folder has none.

    Raises:
        ValueError: If the file cannot be read.
    """
    path = run_dir / RECORD
    if not path.is_file():
        return None
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"{path}: the record of a run must be JSON, got {error}") from error
    if not isinstance(record, dict):
        raise ValueError(f"{path}: the record of a run must be a JSON object, got {str(record)[:40]}")
    return record


def recorded_scheme(record: Mapping[str, Any] | None) -> LabelScheme | None:
    """The label scheme of a run; None where the record does not tell."""
    return None if record is None or "tags" not in record else TagSet.from_plain(record["tags"]).scheme
