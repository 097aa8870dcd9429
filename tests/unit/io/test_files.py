"""Only regular files are read, up to a size that is checked first: no file hangs its reader."""

from pathlib import Path

import pytest
from support.odd_files import ODD, REASONS

from brainseg.io.files import open_file, read_file


@pytest.mark.parametrize("kind", ODD)
def test_an_odd_file_is_refused_without_waiting_or_reading(tmp_path: Path, kind: str) -> None:
    ODD[kind](tmp_path / "x.tif")
    with pytest.raises(OSError) as refusal:
        read_file(tmp_path / "x.tif")
    assert refusal.value.strerror == REASONS[kind]


def test_a_link_to_a_file_is_read_as_the_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"content")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    assert read_file(tmp_path / "b") == b"content"
    with open_file(tmp_path / "b", most_bytes=7) as file:
        assert file.read(3) == b"con"
