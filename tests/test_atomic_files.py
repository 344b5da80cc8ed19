"""Tests that files are written completely or not at all."""

import errno
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ner_lightning.atomic_files import PREVIOUS, errors_naming, make_folder, partial_path, remove_partial, whole_file
from ner_lightning.checkpoints.reading import read_checkpoint
from ner_lightning.commands.config_files import read_settings
from ner_lightning.corpora.column_files import ColumnFiles
from ner_lightning.corpora.json_lines import JsonLines
from ner_lightning.predictions import read_predictions
from ner_lightning.runs.training_entities import read_training_entities
from support.disks import fill_disk


@pytest.fixture(params=[0o022, 0o077], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    former = os.umask(request.param)
    yield request.param
    os.umask(former)


@pytest.mark.parametrize(("mode", "content"), [("w", "ä\r\nb\n"), ("wb", b"\x00\xff")])
def test_a_file_appears_complete_and_with_the_permissions_of_the_umask(
    tmp_path: Path, umask: int, mode: str, content: str | bytes
) -> None:
    path = tmp_path / "new" / "file"
    with whole_file(path, mode) as file:
        file.write(content)
        assert not path.exists()
    assert path.read_bytes() == (content if isinstance(content, bytes) else content.encode())
    assert path.stat().st_mode & 0o777 == 0o666 & ~umask
    assert os.listdir(path.parent) == ["file"]


def test_a_full_disk_is_reported_with_the_file_and_keeps_the_previous_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    path.write_text("former")
    fill_disk(monkeypatch)
    with pytest.raises(OSError, match=f"No space left on device: '{path}'"), whole_file(path) as file:
        file.write("new")
    assert path.read_text() == "former"
    assert os.listdir(tmp_path) == ["file"]


def test_an_error_that_already_names_a_file_keeps_that_name() -> None:
    with pytest.raises(OSError, match="'of the system'"), errors_naming(Path("ours")):
        raise OSError(errno.ENOENT, "No such file", "of the system")


def test_partial_files_of_a_killed_run_are_removed(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").mkdir()
    partial_path(tmp_path / "checkpoints" / "last.ckpt").touch()
    (tmp_path / "checkpoints" / "last.ckpt").touch()
    (partial_path(tmp_path / "model") / PREVIOUS).mkdir(parents=True)
    remove_partial(tmp_path)
    assert [path.name for path in tmp_path.rglob("*")] == ["checkpoints", "last.ckpt"]


def test_files_that_only_look_like_partial_files_are_not_removed(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "deep").mkdir(parents=True)
    run = tmp_path / "run"
    (run / "notes.d").mkdir(parents=True)
    kept = [
        run / "notes.partial",
        run / ".notes.partial",
        run / ".notes.2026.partial",
        run / ".a.0123456g.partial",
        run / "notes.d" / "a.12345678.partial",
        partial_path(run / "notes.d") / "mine",  # a folder with the name of a partial file, but other content
        partial_path(elsewhere / "deep" / "last.ckpt"),
    ]
    for path in kept:
        path.parent.mkdir(exist_ok=True)
        path.touch()
    (run / "linked").symlink_to(elsewhere / "deep")
    link = partial_path(run / "last.ckpt")
    link.symlink_to(kept[0])
    remove_partial(run)
    assert all(path.is_file() for path in kept)
    assert link.is_symlink()


def test_writing_through_a_link_replaces_its_target_and_keeps_the_link(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    target, link = tmp_path / "disk" / "target", tmp_path / "link"
    for previous in (None, "previous"):  # a link without a target, and a link to a file
        target.unlink(missing_ok=True)
        if previous is not None:
            target.write_text(previous)
        link.unlink(missing_ok=True)
        link.symlink_to(Path("disk") / "target")
        with whole_file(link) as file:
            file.write("new")
            assert sorted(os.listdir(tmp_path)) == ["disk", "link"]
            assert not target.exists() or target.read_text() == previous
        assert link.is_symlink()
        assert target.read_text() == "new"
        assert os.listdir(tmp_path / "disk") == ["target"]


def test_writing_to_a_pipe_does_not_replace_the_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with ThreadPoolExecutor() as pool:
        read = pool.submit(pipe.read_text)
        with whole_file(pipe) as file:
            file.write("new")
        assert read.result(timeout=60) == "new"
    assert pipe.is_fifo()
    assert os.listdir(tmp_path) == ["pipe"]


def test_writing_to_a_device_does_not_replace_the_device(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to("/dev/null")
    for path in ("/dev/null", link):
        with whole_file(path, "wb") as file:
            file.write(b"new")
        assert Path(path).is_char_device()
    with pytest.raises(OSError, match="No space left on device: '/dev/full'"), whole_file("/dev/full") as file:
        file.write("new")


def test_a_file_written_to_standard_output_keeps_its_place_among_printed_lines(tmp_path: Path) -> None:
    code = """
from ner_lightning.atomic_files import whole_file
print("before")
with whole_file("/dev/stdout") as file:
    file.write("file\\n")
print("after")
"""
    printed = tmp_path / "printed"
    with printed.open("w") as output:
        subprocess.run([sys.executable, "-c", code], stdout=output, check=True)
    assert printed.read_text() == "before\nfile\nafter\n"


def test_a_file_name_may_be_as_long_as_the_system_allows(tmp_path: Path) -> None:
    with whole_file(tmp_path / ("ä" * 127)) as file:
        file.write("new")
    too_long = tmp_path / ("a" * 256)
    with pytest.raises(OSError, match=r"File name too long: '.*/a{256}'$"), whole_file(too_long) as file:
        file.write("new")


def test_a_folder_is_created_through_a_link_but_not_in_place_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(Path("deep") / "target")
    for _ in range(2):
        make_folder(tmp_path / "link" / "below")
    assert (tmp_path / "deep" / "target" / "below").is_dir()
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    for path, message in (("file", "Not a directory"), ("loop", "Too many levels"), ("x" * 256, "File name too long")):
        with pytest.raises(OSError, match=f"{message}.*: '.*{path}'"):
            make_folder(tmp_path / path)


def test_an_error_names_the_file_and_not_its_partial_file(tmp_path: Path) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    for path, message in {
        loop: "Too many levels of symbolic links",
        tmp_path / "folder": "Is a directory",
        tmp_path / "file" / "below": "Not a directory",
    }.items():
        with pytest.raises(OSError, match=f"{message}: '[^']+/(loop|folder|file|below)'$"), whole_file(path) as file:
            file.write("new")
    assert loop.is_symlink()
    assert sorted(os.listdir(tmp_path)) == ["file", "folder", "loop"]


def read_column_file(path: Path) -> object:
    return ColumnFiles(train=str(path)).read()


def read_json_lines(path: Path) -> object:
    return JsonLines(train=str(path)).read()


@pytest.mark.parametrize(
    "read",
    [read_settings, read_column_file, read_json_lines, read_predictions, read_training_entities, read_checkpoint],
    ids=lambda read: read.__name__,
)
def test_reading_a_pipe_or_a_folder_is_refused_at_once(read: Callable[[Path], object], tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="a pipe or a device; save its content to a file first"):
        read(tmp_path / "pipe")
    with pytest.raises(ValueError, match="folder"):
        read(tmp_path)
