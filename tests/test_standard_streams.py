"""Tests that a closed or full standard output ends a command cleanly and does not prevent it from writing files."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

import pytest

from ner_lightning.__main__ import main
from ner_lightning.predictions import write_predictions
from ner_lightning.standard_streams import CLOSED_PIPE_STATUS, StandardStream
from support.sentences_with_errors import SENTENCES

ROOT = Path(__file__).parents[1]
CORPUS = ROOT / "tests" / "data" / "conll2003.conll"
FULL = "error: cannot write to standard output: No space left on device\n"
CLOSED = "error: cannot write to standard output: Bad file descriptor\n"


def run_with(redirection: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command through a shell, which redirects its output."""
    command = [sys.executable, "-m", "ner_lightning", *arguments]
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", f'"$@" {redirection}', "bash", *command],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def closed_pipe() -> TextIO:
    reading, writing = os.pipe()
    os.close(reading)
    return open(writing, "w", encoding="utf-8")


def full_disk() -> TextIO:
    return open("/dev/full", "w", encoding="utf-8")


def nothing() -> None:
    """Return None, which Python uses for a stream that was closed before it started."""


@pytest.mark.parametrize("command", ["evaluate", "convert"])
@pytest.mark.parametrize(
    ("output", "status", "message"), [(closed_pipe, CLOSED_PIPE_STATUS, ""), (full_disk, 2, FULL), (nothing, 2, CLOSED)]
)
def test_a_command_writes_its_files_even_if_its_output_cannot_be_written(
    command: str,
    output: Callable[[], TextIO | None],
    status: int,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_predictions(tmp_path / "test.jsonl", SENTENCES)
    convert = ["--from=ColumnFiles", f"--from.train={CORPUS}", "--to=JsonLines", f"--output={tmp_path / 'out'}"]
    evaluate = [f"{tmp_path / 'test.jsonl'}", f"--json={tmp_path / 'tables.json'}"]
    stream = output()
    monkeypatch.setattr(sys, "stdout", stream)
    assert main([command, *(convert if command == "convert" else evaluate)]) == status
    if stream is not None:
        stream.close()  # closing flushes the rest
    said = f"JSON: {tmp_path / 'tables.json'}\n" if command == "evaluate" else ""
    assert capsys.readouterr().err == said + message
    assert (tmp_path / ("tables.json" if command == "evaluate" else "out/train.jsonl")).is_file()


@pytest.mark.parametrize("output", [closed_pipe, full_disk, nothing])
def test_messages_are_skipped_if_standard_error_cannot_be_written(
    output: Callable[[], TextIO | None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_predictions(tmp_path / "test.jsonl", SENTENCES)
    stream = output()
    monkeypatch.setattr(sys, "stderr", stream)
    assert main(["evaluate", str(tmp_path / "test.jsonl"), "--json", str(tmp_path / "tables.json")]) == 0
    assert main(["evaluate", "none"]) == 2
    if stream is not None:
        stream.close()


@pytest.mark.parametrize(
    ("redirection", "status", "message"),
    [("| true", CLOSED_PIPE_STATUS, ""), ("> /dev/full", 2, FULL), (">&-", 2, CLOSED)],
)
@pytest.mark.parametrize("arguments", [["--help"], ["predict", "--help"]], ids=str)
def test_help_that_cannot_be_written_ends_without_a_traceback(
    arguments: list[str], redirection: str, status: int, message: str
) -> None:
    ended = run_with(redirection, *arguments)
    assert (ended.returncode, ended.stderr) == (status, message)


def test_wrong_input_exits_with_status_2_even_if_the_pipe_is_closed() -> None:
    ended = run_with("| true", "no-command")
    assert ended.returncode == 2
    assert ended.stderr.startswith("error: the command must be one of")


def test_buffered_output_to_a_closed_pipe_is_discarded() -> None:
    with closed_pipe() as file:  # closing flushes
        stream = StandardStream(file)
        stream.write("a")
        assert stream.failure is None
        stream.flush()
        assert isinstance(stream.failure, BrokenPipeError)
        stream.write("b")
        stream.flush()
