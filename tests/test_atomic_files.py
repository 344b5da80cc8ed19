"""A file is there as a whole or not at all."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ner_lightning.atomic_files import errors_naming, remove_partial, whole_file
from support.disks import fill_disk


@pytest.fixture(params=[0o022, 0o077], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    former = os.umask(request.param)
    yield request.param
    os.umask(former)


@pytest.mark.parametrize(("mode", "content"), [("w", "ä\r\nb\n"), ("wb", b"\x00\xff")])
def test_what_is_written_is_there_for_whom_the_umask_lets_read(
    tmp_path: Path, umask: int, mode: str, content: str | bytes
) -> None:
    path = tmp_path / "new" / "file"
    with whole_file(path, mode) as file:
        file.write(content)
        assert not path.exists()
    assert path.read_bytes() == (content if isinstance(content, bytes) else content.encode())
    assert path.stat().st_mode & 0o777 == 0o666 & ~umask
    assert os.listdir(path.parent) == ["file"]


def test_a_full_disk_leaves_the_former_file_and_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    path.write_text("former")
    fill_disk(monkeypatch)
    with pytest.raises(OSError, match=f"No space left on device: '{path}'"), whole_file(path) as file:
        file.write("new")
    assert path.read_text() == "former"
    assert os.listdir(tmp_path) == ["file"]


def test_an_error_that_names_a_file_keeps_its_name() -> None:
    with pytest.raises(OSError, match="'of the system'"), errors_naming(Path("ours")):
        raise OSError(errno.ENOENT, "No such file", "of the system")


def test_what_a_killed_run_had_begun_is_removed(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / ".last.ckpt.x.partial").touch()
    (tmp_path / "checkpoints" / "last.ckpt").touch()
    (tmp_path / ".model.x.partial" / "former").mkdir(parents=True)
    remove_partial(tmp_path)
    assert [path.name for path in tmp_path.rglob("*")] == ["checkpoints", "last.ckpt"]
