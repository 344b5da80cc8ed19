"""Exports of Label Studio: JSON and JSON_MIN."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ner_lightning.corpora.reader import CorpusError
from ner_lightning.corpora.reading.json_rows import Row
from ner_lightning.corpora.reading.json_spans import spans_of
from ner_lightning.corpora.reading.raw_sentences import RawRow, RawSpan, Skipped, SpannedText
from ner_lightning.corpora.reading.row_reader import RowReader


@dataclass(frozen=True)
class LabelStudio(RowReader):
    """Reads the formats JSON and JSON_MIN of Label Studio.

    Of several annotations of a task, the ground truth or otherwise the first one is read. Tasks without a submitted
    annotation are skipped and counted. Predictions are ignored. The "id" of a task is kept.

    Args:
        text_key: The name of the text in the labeling configuration, as in <Text value="$text"/>.
    """

    text_key: str = "text"

    def read_row(self, row: Row) -> Iterator[RawRow]:
        is_task = "data" in row.values
        content = Row.of(row.values["data"], row.path, row.line) if is_task else row
        if self.text_key not in content.values:
            raise CorpusError(
                f"{row.place}: the task has no {self.text_key!r}, got {content.keys_in_words}; set text_key"
            )
        text, name = content.text(self.text_key), row.name("id") or ""
        if not is_task:
            spans = [span for key in _span_keys(row.values) for span in spans_of(row, key)]
            yield SpannedText(text, spans, row.path, row.line, name)
            return
        annotations = _submitted(row)
        if not annotations:
            yield Skipped("the task has no submitted annotation", row.path, row.line)
            return
        if len(annotations) > 1:
            others = f"{len(annotations) - 1} more are not"
            yield Skipped(f"only one annotation of the task is read, {others}", row.path, row.line)
        chosen = next((it for it in annotations if it.values.get("ground_truth")), annotations[0])
        yield SpannedText(text, _results(chosen), row.path, row.line, name)


def _span_keys(values: dict[str, Any]) -> list[str]:
    """Return the keys of JSON_MIN whose values are labeled spans; their names are those in the configuration."""
    return [
        key
        for key, value in values.items()
        if isinstance(value, list) and value and all(isinstance(it, dict) and "labels" in it for it in value)
    ]


def _submitted(row: Row) -> list[Row]:
    row.require_keys("annotations")
    annotations = [Row.of(value, row.path, row.line) for value in row.items("annotations")]
    return [annotation for annotation in annotations if not annotation.values.get("was_cancelled")]


def _results(annotation: Row) -> list[RawSpan]:
    """Return the labeled spans of an annotation; relations, choices and other results are ignored."""
    annotation.require_keys("result")
    results = [Row.of(value, annotation.path, annotation.line) for value in annotation.items("result")]
    values = [result.values.get("value") for result in results if result.values.get("type") == "labels"]
    return spans_of(Row({"result": values}, annotation.path, annotation.line), "result")
