"""A growing file is read a whole line at a time, each line once, whatever its writer does."""

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


def test_each_line_is_handed_out_once(path: Path) -> None:
    lines = LogTail(path)
    append(path, b"one\ntwo\n")
    assert lines.read() == ([b"one", b"two"], False)
    assert lines.read() == ([], False)
    append(path, b"three\n")
    assert lines.read() == ([b"three"], False)


def test_half_a_line_waits_until_it_is_whole(path: Path) -> None:
    lines = LogTail(path)
    append(path, b"one\nhal")
    assert lines.read() == ([b"one"], False)
    append(path, b"f\n")
    assert lines.read() == ([b"half"], False)


def test_a_file_that_is_not_there_yet_is_no_error(path: Path) -> None:
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


def test_a_file_that_was_replaced_is_read_again_also_where_it_begins_the_same(path: Path) -> None:
    lines = LogTail(path)
    append(path, b"one\n")
    lines.read()
    other = path.with_name("other")
    other.write_bytes(b"one\ntwo\n")
    other.replace(path)
    assert lines.read() == ([b"one", b"two"], True)


def test_a_file_that_was_deleted_holds_nothing_any_more(path: Path) -> None:
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


def test_a_line_beyond_all_measure_is_skipped_and_the_next_one_is_not(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_tail, "MOST_LINE_BYTES", 10)
    lines = LogTail(path)
    append(path, b"one\n" + b"x" * 35 + b"\ntwo\n" + b"y" * 25)
    assert lines.read() == ([b"one", b"two"], False)
    assert lines.skipped == 1
    append(path, b"y\nthree\n")
    assert lines.read() == ([b"three"], False)
    assert lines.skipped == 2


def test_only_what_was_appended_is_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    append(path, b"0123456789\n" * 10_000)
    lines = LogTail(path)
    assert len(lines.read()[0]) == 10_000
    append(path, b"new\n")
    read_bytes = []
    opened = Path.open

    def counting(self: Path, *how: object, **more: object):
        file = opened(self, *how, **more)
        whole_read = file.read

        class Counted:
            def __enter__(self):
                return self

            def __exit__(self, *_):
                file.close()

            def read(self, size: int) -> bytes:
                found = whole_read(size)
                read_bytes.append(len(found))
                return found

            def __getattr__(self, name: str):
                return getattr(file, name)

        return Counted()

    monkeypatch.setattr(Path, "open", counting)
    assert lines.read() == ([b"new"], False)
    assert sum(read_bytes) < 2000


def test_a_file_that_is_written_anew_while_it_is_read_is_never_half_old(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(path, b"old\n" * 4)
    lines = LogTail(path)
    lines.read()
    append(path, b"old\n")
    look = lines._new_lines

    def rewritten_meanwhile(file):
        monkeypatch.setattr(lines, "_new_lines", look)
        path.write_bytes(b"new\n" * 9)
        return look(file)

    monkeypatch.setattr(lines, "_new_lines", rewritten_meanwhile)
    assert lines.read() == ([b"new"] * 9, True)
