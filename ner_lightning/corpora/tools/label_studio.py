"""Exports of Label Studio: JSON and JSON_MIN."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from ner_lightning.corpora.reader import CorpusError
from ner_lightning.corpora.reading.json_rows import Row
from ner_lightning.corpora.reading.json_spans import spans_of
from ner_lightning.corpora.reading.raw_sentences import RawRow, RawSpan, Skipped, SpannedText
from ner_lightning.corpora.reading.row_reader import RowReader
from ner_lightning.corpora.writing.losses import Losses
from ner_lightning.corpora.writing.split_writer import Json, TextRowWriter, names_of
from ner_lightning.corpora.writing.text_spans import TextSpan, text_spans
from ner_lightning.sentences import Sentence
from ner_lightning.word_splitting import WordSplitter

Layer = Literal["annotations", "predictions"]


@dataclass(frozen=True)
class LabelStudio(RowReader):
    """Reads the formats JSON and JSON_MIN of Label Studio.

    Of several annotations of a task, the ground truth or otherwise the first one is read. Tasks without a submitted
    annotation are skipped and counted. The "id" of a task is kept, or otherwise the one in its data.

    Args:
        text_key: The name of the text in the labeling configuration, as in <Text value="$text"/>.
        layer: Read the annotations of each task, or its predictions with their scores.
    """

    text_key: str = "text"
    layer: Layer = "annotations"

    def read_row(self, row: Row) -> Iterator[RawRow]:
        is_task = "data" in row.values
        if is_task and not isinstance(row.values["data"], dict):
            raise row.error("data", "a JSON object", row.values["data"])
        content = Row.of(row.values["data"], row.path, row.line) if is_task else row
        if self.text_key not in content.values:
            raise CorpusError(
                f'{row.place}: a task must have the key "{self.text_key}", got {content.keys_in_words}; set text_key'
            )
        text = content.text(self.text_key)
        names = row.name("id") or content.name("id") or "", content.name("document_id")
        if not is_task:
            spans = [span for key in _span_keys(row.values) for span in spans_of(row, key)]
            yield SpannedText(text, spans, row.path, row.line, *names)
            return
        annotations = _submitted(row) if self.layer == "annotations" else _rows(row, "predictions")
        if not annotations:
            submitted = "submitted annotation" if self.layer == "annotations" else "prediction"
            yield Skipped(f"the task has no {submitted}", row.path, row.line)
            return
        if len(annotations) > 1:
            others = f"{len(annotations) - 1} more are not"
            yield Skipped(f"only one {self.layer[:-1]} of the task is read, {others}", row.path, row.line)
        chosen = next((it for it in annotations if it.values.get("ground_truth")), annotations[0])
        yield SpannedText(text, _results(chosen), row.path, row.line, *names)


def _span_keys(values: dict[str, Any]) -> list[str]:
    """Return the keys of JSON_MIN whose values are labeled spans; their names are those in the configuration."""
    return [
        key
        for key, value in values.items()
        if isinstance(value, list) and value and all(isinstance(it, dict) and "labels" in it for it in value)
    ]


def _submitted(row: Row) -> list[Row]:
    return [annotation for annotation in _rows(row, "annotations") if not annotation.values.get("was_cancelled")]


def _rows(row: Row, key: str) -> list[Row]:
    row.require_keys(key)
    return [Row.of(value, row.path, row.line) for value in row.items(key)]


def _results(annotation: Row) -> list[RawSpan]:
    """Return the labeled spans of an annotation; relations, choices and other results are ignored."""
    results = [result.values for result in _rows(annotation, "result") if result.values.get("type") == "labels"]
    values = [_with_score(result.get("value"), result.get("score")) for result in results]
    return spans_of(Row({"result": values}, annotation.path, annotation.line), "result")


def _with_score(value: Any, score: Any) -> Any:
    """Return the value of a result with the score that a prediction gives beside it."""
    return value | {"score": score} if isinstance(value, dict) and score is not None else value


class LabelStudioWriter(TextRowWriter):
    """Writes tasks that Label Studio imports: a JSON array, each task with its text, its ids and its entities.

    Args:
        word_splitter: The word splitter that will read the texts, to report where it will split them differently from
            the words of the corpus; null is the one that splits at spaces and around punctuation.
        layer: Write the entities as annotations, or as predictions (with their scores) that annotators correct.
        from_name: The name of the labels in the labeling configuration, as in <Labels name="label" toName="text">.
        text_key: The name of the text in the labeling configuration, as in <Text name="text" value="$text"/>.
    """

    suffix: ClassVar[str] = ".json"
    is_array: ClassVar[bool] = True

    def __init__(
        self,
        word_splitter: WordSplitter | None = None,
        layer: Layer = "annotations",
        from_name: str = "label",
        text_key: str = "text",
    ) -> None:
        super().__init__(word_splitter)
        self.layer = layer
        self.from_name = from_name
        self.text_key = text_key

    def row(self, sentence: Sentence, positional_id: str, losses: Losses) -> Json:  # noqa: ARG002
        text, _ = sentence.as_text()
        results = [self._result(number, span) for number, span in enumerate(text_spans(sentence, losses))]
        if self.layer == "annotations":
            losses.add_scores(sentence)
        return {"data": names_of(sentence) | {self.text_key: text}, self.layer: [{"result": results}]}

    def _result(self, number: int, span: TextSpan) -> dict[str, Any]:
        value = {"start": span.start, "end": span.end, "text": span.text, "labels": [span.entity_type]}
        result = {"id": str(number), "type": "labels", "from_name": self.from_name, "to_name": "text", "value": value}
        return result | ({"score": span.score} if self.layer == "predictions" and span.score is not None else {})
