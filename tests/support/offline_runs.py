"""Runs that log to W&B offline, and a reader of the file that would be sent to the server."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import wandb
from wandb.proto.wandb_internal_pb2 import Record

from ner_lightning.__main__ import main

BLOCK, FILE_HEADER, CHUNK_HEADER = 32768, 7, 7
FULL, LAST = 1, 4


def fit(*arguments: str) -> None:
    """Run ``fit`` in this process, and reset W&B before and after, as in a new process."""
    wandb.teardown()  # settings follow the environment of this run
    try:
        assert main(["fit", *arguments]) == 0
    finally:
        wandb.finish()
        wandb.teardown()


def read_records(path: Path) -> Iterator[Record]:
    """Yield the records of a ``.wandb`` file, a LevelDB log in which a record is split into chunks at block limits."""
    content, offset, record = path.read_bytes(), FILE_HEADER, b""
    while offset < len(content):
        left = BLOCK - offset % BLOCK
        if left < CHUNK_HEADER:
            offset += left
            continue
        length, kind = int.from_bytes(content[offset + 4 : offset + 6], "little"), content[offset + 6]
        offset += CHUNK_HEADER
        record += content[offset : offset + length]
        offset += length
        if kind in {FULL, LAST}:
            yield Record.FromString(record)
            record = b""


class OfflineRun:
    """An offline run: its ``run``, ``config``, ``history``, ``artifacts`` and ``tables``.

    Args:
        folder: The folder that contains the folder ``wandb``.
        run_id: The id of the run, by default the only one in the folder.
    """

    def __init__(self, folder: Path, run_id: str = "*") -> None:
        (self.path,) = folder.glob(f"wandb/offline-run-*-{run_id}/*.wandb")
        self.run: Any = None
        self.config: dict[str, Any] = {}
        self.history: list[dict[str, Any]] = []
        self.artifacts: list[Any] = []
        for record in read_records(self.path):
            kind = record.WhichOneof("record_type")
            if kind == "run":
                self.run = record.run
                self.config |= _items(record.run.config.update)
            elif kind == "config":
                self.config |= _items(record.config.update)
            elif kind == "history":
                self.history.append(_items(record.history.item))
            elif kind == "artifact":
                self.artifacts.append(record.artifact)

    def values(self, name: str) -> list[Any]:
        """Return the values that were logged under a name, in order."""
        return [row[name] for row in self.history if name in row]

    def table(self, name: str) -> dict[str, Any]:
        """Return the table that was logged last under a name: ``columns`` and ``data``."""
        return json.loads((self.path.parent / "files" / self.values(f"{name}.path")[-1]).read_text(encoding="utf-8"))


def _items(items: Any) -> dict[str, Any]:
    return {item.key or ".".join(item.nested_key): json.loads(item.value_json) for item in items}
