"""Tests that settings keep their text, whether from a config or the command line."""

import json
from pathlib import Path

import pytest
from jsonargparse import ArgumentParser

from ner_lightning.commands.convert import parse
from ner_lightning.commands.yaml_values import keep_text_of_settings
from ner_lightning.corpora.column_files import ColumnFiles
from ner_lightning.corpora.hub_datasets import HubDatasets
from ner_lightning.corpora.reader import CorpusReader

ODD_TEXTS = ["# ", "#", "#\t", "~", "NO", "on", "1", "&x", "*y", "%", "!", "- "]


def from_config(folder: Path, settings: dict[str, object], reader: type[CorpusReader]) -> CorpusReader:
    keep_text_of_settings()
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--config", action="config")
    parser.add_subclass_arguments(CorpusReader, "corpus")
    (folder / "c.yaml").write_text(json.dumps({"corpus": {"class_path": reader.__name__, "init_args": settings}}))
    config = parser.parse_args([f"--config={folder / 'c.yaml'}"])
    (folder / "resolved.yaml").write_text(parser.dump(config))
    return parser.instantiate(parser.parse_args([f"--config={folder / 'resolved.yaml'}"])).corpus


def from_command_line(option: str, reader: type[CorpusReader]) -> CorpusReader:
    keep_text_of_settings()
    parser = ArgumentParser(exit_on_error=False)
    parser.add_subclass_arguments(CorpusReader, "corpus")
    required = "--corpus.train=a" if reader is ColumnFiles else "--corpus.path=a"
    return parser.instantiate(parser.parse_args([f"--corpus={reader.__name__}", required, option])).corpus


@pytest.mark.parametrize("text", [*ODD_TEXTS, "null", "a: b", "[x]"])
def test_a_config_keeps_the_text_of_a_comment(tmp_path: Path, text: str):
    assert from_config(tmp_path, {"train": "a", "comment": text}, ColumnFiles).comment == text


@pytest.mark.parametrize("text", ODD_TEXTS)
def test_a_config_keeps_the_text_of_an_optional_setting(tmp_path: Path, text: str):
    assert from_config(tmp_path, {"path": "a", "name": text}, HubDatasets).name == text
    assert from_config(tmp_path, {"path": "a", "name": None}, HubDatasets).name is None


@pytest.mark.parametrize("text", [text for text in ODD_TEXTS if text != "- "])
def test_the_command_line_keeps_the_text_of_a_setting(text: str):
    assert from_command_line(f"--corpus.comment={text}", ColumnFiles).comment == text
    assert from_command_line(f"--corpus.name={text}", HubDatasets).name == text
    reader, _, _ = parse(
        ["--from=ColumnFiles", "--from.train=a", f"--from.comment={text}", "--to=JsonLines", "--output=o"]
    )
    assert reader.comment == text


def test_null_and_an_empty_text_mean_no_comment(tmp_path: Path):
    (tmp_path / "a.conll").write_text("# O\n")
    for comment in (None, ""):
        reader = from_config(tmp_path, {"train": str(tmp_path / "a.conll"), "comment": comment}, ColumnFiles)
        assert reader.read().splits["train"][0].words == ("#",)
    assert from_command_line("--corpus.name=null", HubDatasets).name is None
