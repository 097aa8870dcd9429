"""The user's state: one folder, whole files."""

import errno
import os
import threading
from pathlib import Path

import pytest

from brainseg.cohort import Cohort
from brainseg.errors import BrainsegError
from brainseg.storage import (
    cohort_dir,
    real_path,
    remove_folder,
    require_writable,
    state_dir,
    write_atomically,
)


def test_the_home_is_where_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRAINSEG_HOME", "/somewhere/else")
    assert state_dir() == Path("/somewhere/else")
    assert cohort_dir("abc") == Path("/somewhere/else/cohorts/abc")
    monkeypatch.setenv("BRAINSEG_HOME", "~/state")
    assert state_dir() == Path.home() / "state"


def test_without_a_word_of_the_user_the_home_is_the_platform_s(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("BRAINSEG_HOME")
    assert state_dir().name == "brainseg"
    assert state_dir().is_absolute()


def test_a_path_that_cannot_exist_has_a_real_path_all_the_same(tmp_path: Path) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    (tmp_path / "link").symlink_to(tmp_path / "folder")
    assert real_path(tmp_path / "link") == tmp_path / "folder"
    assert real_path(loop / "x.png").name == "x.png"
    assert real_path(Path("a\0b")) == Path.cwd() / "a\0b"
    with pytest.raises(BrainsegError, match="loop does not exist"):
        Cohort.open(loop)


def test_a_file_is_written_with_its_folders_and_nothing_stays_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "file.json"
    for content in (b"first", b"second", b""):
        write_atomically(path, content)
        assert path.read_bytes() == content
    assert [found.name for found in path.parent.iterdir()] == ["file.json"]


def test_a_folder_is_writable_before_it_is_there_and_nothing_stays_in_it(tmp_path: Path) -> None:
    require_writable(tmp_path / "a" / "b")
    require_writable(tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_folder_below_a_file_is_not_writable(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(BrainsegError, match=r"out cannot be written to \(.*file is a file"):
        require_writable(tmp_path / "file" / "out")


def test_a_full_disk_leaves_the_old_file_and_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file.json"
    write_atomically(path, b"old")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(BrainsegError, match=r"could not be written \(No space left on device\)"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert [found.name for found in tmp_path.iterdir()] == ["file.json"]


def test_a_file_in_the_way_of_a_folder_is_told_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for path in (tmp_path / "file" / "inner", tmp_path / "file" / "a" / "b"):
        with pytest.raises(BrainsegError, match="could not be written"):
            write_atomically(path, b"x")


def test_a_reader_never_meets_half_a_file_while_many_write(tmp_path: Path) -> None:
    path = tmp_path / "status.json"
    contents = {bytes([letter]) * 50_000 for letter in range(4)}
    write_atomically(path, next(iter(contents)))
    failures: list[BaseException] = []

    def write(content: bytes) -> None:
        try:
            for _ in range(20):
                write_atomically(path, content)
        except BrainsegError as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=(content,)) for content in contents]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert path.read_bytes() in contents
    for thread in threads:
        thread.join()
    assert failures == []
    assert [found.name for found in tmp_path.iterdir()] == ["status.json"]


def test_a_removed_folder_is_gone_at_once_and_removing_it_twice_is_no_error(tmp_path):
    folder = tmp_path / "models" / "mine"
    write_atomically(folder / "a.bin", b"x")
    left = tmp_path / "models" / ".removed-older.1-2"
    left.mkdir()
    remove_folder(folder)
    remove_folder(folder)
    assert list(folder.parent.iterdir()) == []
