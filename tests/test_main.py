"""Tests that every command can print any character, whatever the locale."""

import io
import json
import sys
from pathlib import Path

import pytest

from ner_lightning.__main__ import accept_any_character, main


class Terminal(io.TextIOWrapper):
    """A stream that claims to be a terminal."""

    def isatty(self) -> bool:
        return True


def western(kind: type[io.TextIOWrapper], monkeypatch: pytest.MonkeyPatch, name: str) -> io.BytesIO:
    """Replace the named stream by one that encodes only Western characters."""
    written = io.BytesIO()
    monkeypatch.setattr(sys, name, kind(written, encoding="cp1252", write_through=True))
    return written


def test_output_to_a_pipe_is_utf_8(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "train.conll").write_text("В O\nМоскве B-ГОРОД🙂\n\nБилл I-ЧЕЛ\n", encoding="utf-8")
    source = ["--from", "ColumnFiles", "--from.train", str(tmp_path / "train.conll")]
    written = western(io.TextIOWrapper, monkeypatch, "stdout")
    assert main(["convert", *source, "--to", "JsonLines", "--output", str(tmp_path / "json")]) == 0
    assert "I-ЧЕЛ" in written.getvalue().decode("utf-8")


def test_json_in_a_pipe_can_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    written = western(io.TextIOWrapper, monkeypatch, "stdout")
    accept_any_character()
    sys.stdout.write(json.dumps("é Москва 🙂", ensure_ascii=False))
    assert json.loads(written.getvalue()) == "é Москва 🙂"


@pytest.mark.parametrize(("kind", "name"), [(Terminal, "stdout"), (Terminal, "stderr"), (io.TextIOWrapper, "stderr")])
def test_a_terminal_and_standard_error_escape_characters_they_cannot_encode(
    kind: type[io.TextIOWrapper], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = western(kind, monkeypatch, name)
    accept_any_character()
    getattr(sys, name).write("é М 🙂 \udce9")
    assert written.getvalue() == b"\xe9 " + rb"\u041c \U0001f642 \udce9"


def test_streams_of_other_kinds_are_left_unchanged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", io.StringIO())  # as in a notebook
    accept_any_character()
