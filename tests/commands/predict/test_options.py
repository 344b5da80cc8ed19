"""Tests that the options of predict are checked and completed before they are used."""

from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

from ner_lightning.commands.predict.options import PredictOptions, parse
from ner_lightning.corpora.reading.column_lines import ColumnLayout


def options_of(*arguments: str, source: str = "in.txt") -> PredictOptions:
    return parse(["--model", "bundle", "--input", source, "--output", "-", *arguments])


@pytest.mark.parametrize(
    ("source", "given", "expected"),
    [
        ("in.txt", (), "text"),
        ("in.JSON", (), "jsonl"),
        ("in.conll", (), "columns"),
        ("-", (), "text"),
        ("-", ("--format", "jsonl"), "jsonl"),
        ("in.pdf", ("--format", "text"), "text"),
    ],
)
def test_the_format_follows_from_the_name_unless_it_is_given(
    source: str, given: tuple[str, ...], expected: str
) -> None:
    assert options_of(*given, source=source).format == expected


def test_column_options_become_a_layout_without_tags() -> None:
    options = options_of("--word_column=-2", "--separator=tab", "--comment=# ", source="in.tsv")
    assert options.layout == ColumnLayout(-2, None, "tab", "# ")
    assert options_of(source="in.tsv").layout == ColumnLayout(0, None, "auto", "")


def test_the_remaining_options_have_defaults_and_cannot_be_changed() -> None:
    options = options_of()
    assert options == PredictOptions("bundle", "in.txt", "-", "text", ColumnLayout(tag_column=None))
    with pytest.raises(FrozenInstanceError):
        options.output = str(Path("other"))  # type: ignore[misc]
