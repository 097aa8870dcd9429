"""Kept arrays: whole, of the right version, or not there at all."""

import numpy as np
import pytest

from brainseg.errors import BrainsegError
from brainseg.storage.cache import load_cached, save_cached


def test_what_was_kept_comes_back(tmp_path):
    path = tmp_path / "new" / "kept.npz"
    save_cached(path, {"version": 1, "names": ["é"]}, cases=np.array(["a", "bc"]), x=np.eye(2))
    about, arrays = load_cached(path, {"version": 1})
    assert about == {"version": 1, "names": ["é"]}
    assert arrays["cases"].tolist() == ["a", "bc"]
    np.testing.assert_array_equal(arrays["x"], np.eye(2))


def test_another_version_counts_as_missing(tmp_path):
    save_cached(tmp_path / "kept.npz", {"version": 1}, x=np.eye(2))
    assert load_cached(tmp_path / "kept.npz", {"version": 2}) is None
    assert load_cached(tmp_path / "none.npz", {"version": 1}) is None


@pytest.mark.parametrize("place", [0.02, 0.3, 0.6, 0.99])
def test_a_damaged_file_counts_as_missing(tmp_path, place):
    path = tmp_path / "kept.npz"
    save_cached(path, {"version": 1}, x=np.arange(1000))
    whole = path.read_bytes()
    path.write_bytes(whole[: int(place * len(whole))])
    assert load_cached(path, {"version": 1}) is None


def test_an_array_of_objects_is_not_read(tmp_path):
    path = tmp_path / "kept.npz"
    np.savez(path, about=np.array('{"version": 1}'), x=np.array([object()]))
    assert load_cached(path, {"version": 1}) is None


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BrainsegError, match="could not be written"):
        save_cached(tmp_path / "file" / "kept.npz", {}, x=np.eye(2))
