"""A growing file is read line by line, each line once, also while it is replaced."""

from collections.abc import Callable
from io import FileIO
from pathlib import Path

import pytest

from brainseg.monitoring import log_tail
from brainseg.monitoring.log_tail import LogTail


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log.jsonl"


def append(path: Path, content: bytes) -> None:
    with path.open("ab") as file:
        file.write(content)


def test_each_line_is_returned_once(path: Path) -> None:
    lines = LogTail(path)
    append(path, b"one\ntwo\n")
    assert lines.read() == ([b"one", b"two"], False)
    assert lines.read() == ([], False)
    append(path, b"three\n")
    assert lines.read() == ([b"three"], False)


def test_an_incomplete_line_is_returned_once_it_is_complete(path: Path) -> None:
    lines = LogTail(path)
    append(path, b"one\nhal")
    assert lines.read() == ([b"one"], False)
    append(path, b"f\n")
    assert lines.read() == ([b"half"], False)


def test_a_missing_file_is_no_error(path: Path) -> None:
    lines = LogTail(path)
    assert lines.read() == ([], False)
    append(path, b"one\n")
    assert lines.read() == ([b"one"], False)


@pytest.mark.parametrize("content", [b"", b"x\n", b"uno\ndos\ntres\n", b"one\ntwO\nthree\n"])
def test_a_file_that_was_rewritten_in_place_is_read_again(path: Path, content: bytes) -> None:
    lines = LogTail(path)
    append(path, b"one\ntwo\n")
    lines.read()
    with path.open("r+b") as file:
        file.truncate(0)
        file.write(content)
    assert lines.read() == (content.splitlines(), True)


def test_a_replaced_file_with_the_same_start_is_read_again(path: Path) -> None:
    lines = LogTail(path)
    append(path, b"one\n")
    lines.read()
    other = path.with_name("other")
    other.write_bytes(b"one\ntwo\n")
    other.replace(path)
    assert lines.read() == ([b"one", b"two"], True)


def test_a_deleted_file_makes_its_lines_obsolete(path: Path) -> None:
    lines = LogTail(path)
    append(path, b"one\n")
    lines.read()
    path.unlink()
    assert lines.read() == ([], True)
    assert lines.read() == ([], False)


def test_a_file_that_cannot_be_read_continues_from_the_same_place(path: Path) -> None:
    lines = LogTail(path)
    append(path, b"one\n")
    lines.read()
    path.rename(path.with_name("aside"))
    path.mkdir()
    with pytest.raises(OSError, match="directory"):
        lines.read()
    path.rmdir()
    path.with_name("aside").rename(path)
    append(path, b"two\n")
    assert lines.read() == ([b"two"], False)


def test_only_an_oversized_line_is_skipped(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_tail, "MOST_LINE_BYTES", 10)
    lines = LogTail(path)
    append(path, b"one\n" + b"x" * 35 + b"\ntwo\n" + b"y" * 25)
    assert lines.read() == ([b"one", b"two"], False)
    assert lines.skipped == 1
    append(path, b"y\nthree\n")
    assert lines.read() == ([b"three"], False)
    assert lines.skipped == 2


def watch_reads(monkeypatch: pytest.MonkeyPatch, note: Callable[[bytes], None]) -> None:
    """Call a function with the result of each read of a followed file."""

    class Watched(FileIO):
        def read(self, size: int | None = -1, /) -> bytes:
            found = super().read(size)
            note(found)
            return found

    monkeypatch.setattr(log_tail, "open_file", Watched)


def test_only_appended_bytes_are_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    append(path, b"0123456789\n" * 10_000)
    lines = LogTail(path)
    assert len(lines.read()[0]) == 10_000
    append(path, b"new\n")
    reads: list[bytes] = []
    watch_reads(monkeypatch, reads.append)
    assert lines.read() == ([b"new"], False)
    assert 4 <= sum(map(len, reads)) < 2000


def test_a_file_rewritten_during_a_read_is_never_half_old(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(path, b"old\n" * 4)
    lines = LogTail(path)
    lines.read()
    append(path, b"old\n")
    reads: list[bytes] = []

    def rewrite_before_the_third_read(found: bytes) -> None:
        # The first two reads compare the file with what is known of it.
        reads.append(found)
        if len(reads) == 2:
            path.write_bytes(b"new\n" * 9)

    watch_reads(monkeypatch, rewrite_before_the_third_read)
    assert lines.read() == ([b"new"] * 9, True)
    assert len(reads) > 2
