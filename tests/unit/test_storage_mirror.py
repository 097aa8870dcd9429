"""The mirror of a folder on another machine: what is fetched, fetched again and removed."""

import errno
import itertools
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest
from support.storages import files_in

from brainseg.errors import MissingPackageError, StorageError
from brainseg.storage import mirror as mirroring
from brainseg.storage.addresses import mirror_dir, place_in_words
from brainseg.storage.locking import held
from brainseg.storage.mirror import mirror

ADDRESS = "memory://hospital/cohort"
CONTENT = {
    "a/1.tif": b"one",
    "a/2.tif": b"two",
    "b/c/3.tif": b"three",
    "data.csv": b"",
    "é ü.txt": b"u",
}


@pytest.fixture
def storage() -> Iterator[fsspec.AbstractFileSystem]:
    """Return a storage in memory with the files of ``CONTENT``."""
    files = fsspec.filesystem("memory")
    files.store.clear()
    for name, content in CONTENT.items():
        files.pipe_file(f"/hospital/cohort/{name}", content)
    yield files
    files.store.clear()
    files.pseudo_dirs[:] = [""]


@pytest.fixture
def fetched(storage, monkeypatch) -> list[str]:
    """Return the names of the files that are fetched from now on."""
    names, get = [], type(storage).get

    def recorded(self, paths, targets):
        names.extend(path.removeprefix("/hospital/cohort/") for path in paths)
        return get(self, paths, targets)

    monkeypatch.setattr(type(storage), "get", recorded)
    return names


def test_a_mirror_has_the_files_of_the_folder_and_names_its_address(fetched):
    place = mirror(f"{ADDRESS}/")
    assert place.name == "cohort" and files_in(place) == CONTENT
    assert place_in_words(place) == ADDRESS
    assert place_in_words(place / "a" / "1.tif") == f"{ADDRESS}/a/1.tif"
    assert sorted(fetched) == sorted(CONTENT)


def test_only_what_has_changed_is_fetched_again(storage, fetched):
    place = mirror(ADDRESS)
    fetched.clear()
    assert mirror(ADDRESS) == place and fetched == []
    storage.pipe_file("/hospital/cohort/a/1.tif", b"ONE")
    storage.pipe_file("/hospital/cohort/b/4.tif", b"four")
    (place / "data.csv").unlink()
    (place / "a" / "2.tif").write_bytes(b"cut")  # of the same size: not noticed
    (place / "b" / "c" / "3.tif").write_bytes(b"thr")
    mirror(ADDRESS)
    assert sorted(fetched) == ["a/1.tif", "b/4.tif", "b/c/3.tif", "data.csv"]
    changed = {"a/1.tif": b"ONE", "b/4.tif": b"four", "a/2.tif": b"cut"}
    assert files_in(place) == CONTENT | changed


def test_what_the_folder_no_longer_has_leaves_the_mirror(storage):
    place = mirror(ADDRESS)
    storage.rm_file("/hospital/cohort/b/c/3.tif")
    mirror(ADDRESS)
    assert files_in(place) == {name: one for name, one in CONTENT.items() if name != "b/c/3.tif"}
    assert not (place / "b").exists()


def test_a_folder_that_is_empty_or_missing_is_refused_and_its_mirror_kept(storage):
    place = mirror(ADDRESS)
    storage.rm("/hospital/cohort", recursive=True)
    with pytest.raises(StorageError, match=f"{ADDRESS} does not exist"):
        mirror(ADDRESS)
    storage.mkdir("/hospital/cohort")
    with pytest.raises(StorageError, match=f"{ADDRESS} contains no file"):
        mirror(ADDRESS)
    assert files_in(place) == CONTENT


def test_a_kill_at_any_move_of_a_file_leaves_a_mirror_that_goes_on(storage, fetched, monkeypatch):
    monkeypatch.setattr(mirroring, "BATCH", 2)
    move, place = Path.replace, mirror_dir(ADDRESS) / "cohort"
    for survived in itertools.count():
        moves = itertools.count()

        def killed(path, target, moves=moves, survived=survived):
            if next(moves) == survived:
                raise KeyboardInterrupt
            return move(path, target)

        with monkeypatch.context() as patch:
            patch.setattr(Path, "replace", killed)
            try:
                mirror(ADDRESS)
            except KeyboardInterrupt:
                assert files_in(place).items() <= CONTENT.items()
            else:
                break
    assert files_in(place) == CONTENT
    assert survived > 3 and len(fetched) < 3 * len(CONTENT)


def test_a_line_of_the_journal_that_was_cut_off_costs_one_file(fetched):
    mirror(ADDRESS)
    journal = mirror_dir(ADDRESS) / "fetched.jsonl"
    journal.write_bytes(journal.read_bytes()[:-9])
    fetched.clear()
    mirror(ADDRESS)
    assert len(fetched) == 1


def test_names_that_would_leave_the_folder_are_not_fetched(storage, monkeypatch):
    names = ("../out.tif", "a/../../out.tif", "x//y.tif", "a", "n\0ul", "l" * 300, ".hidden/x.tif")
    find, said = type(storage).find, []

    def with_odd_names(self, root, detail):
        found = find(self, root, detail=detail)
        return found | {f"{root}/{name}": found[f"{root}/a/1.tif"] for name in names}

    monkeypatch.setattr(type(storage), "find", with_odd_names)
    place = mirror(ADDRESS, say=said.append)
    assert files_in(place) == CONTENT
    assert not (place.parent / "out.tif").exists() and not (place.parents[1] / "out.tif").exists()
    assert len(said) == 1 and said[0].startswith(
        "6 file(s) of memory://hospital/cohort were left out"
    )


def test_limits_apply_before_anything_is_fetched(storage, fetched, monkeypatch):
    monkeypatch.setattr(mirroring, "MAX_FILES", 4)
    with pytest.raises(StorageError, match="contains 5 files, more than 4: name a folder in it"):
        mirror(ADDRESS)
    monkeypatch.setattr(mirroring, "MAX_FILES", 5)
    monkeypatch.setattr(mirroring, "MAX_FILE_BYTES", 4)
    said = []
    mirror(ADDRESS, say=said.append)
    assert "b/c/3.tif" not in fetched and "1 file(s)" in said[0]
    monkeypatch.setattr(
        mirroring.shutil, "disk_usage", lambda _: mirroring.shutil._ntuple_diskusage(9, 9, 0)
    )
    monkeypatch.setattr(mirroring, "MAX_FILE_BYTES", 99)
    with pytest.raises(StorageError, match="GiB are free: free some space"):
        mirror(ADDRESS)


def test_a_single_file_is_mirrored_under_its_name(storage):
    place = mirror(f"{ADDRESS}/a/1.tif")
    assert (place.name, place.read_bytes()) == ("1.tif", b"one")
    storage.rm_file("/hospital/cohort/a/1.tif")
    storage.pipe_file("/hospital/cohort/a/1.tif/now.tif", b"a folder")
    assert files_in(mirror(f"{ADDRESS}/a/1.tif")) == {"now.tif": b"a folder"}


def test_progress_counts_bytes_up_to_all_of_them(storage, monkeypatch):
    monkeypatch.setattr(mirroring, "BATCH", 2)
    seen = []
    mirror(ADDRESS, lambda *counts: seen.append(counts))
    total = sum(map(len, CONTENT.values()))
    assert len(seen) == 3 and seen[-1] == (total, total) and seen == sorted(seen)


def test_two_processes_do_not_fetch_the_same_address(storage):
    taken = held(mirror_dir(ADDRESS) / "lock", "another")
    with taken, pytest.raises(StorageError, match=f"another process fetches {ADDRESS}"):
        mirror(ADDRESS)


def test_a_file_that_changes_while_it_is_fetched_is_refused(storage, monkeypatch):
    def cut(self, paths, targets):
        for target in targets:
            Path(target).write_bytes(b"c")

    monkeypatch.setattr(type(storage), "get", cut)
    with pytest.raises(StorageError, match="changed while it was fetched: run the command again"):
        mirror(ADDRESS)


@pytest.mark.parametrize(
    ("raised", "sentence"),
    [
        (PermissionError("hush"), "may not be read with these credentials"),
        (OSError(errno.ENOSPC, "hush"), "the disk of BRAINSEG_HOME is full"),
        (ConnectionError("http://key:hush@host"), r"cannot be reached \(ConnectionError\)"),
    ],
)
def test_what_a_library_raises_becomes_a_sentence_without_its_words(
    storage, monkeypatch, raised, sentence
):
    def fails(self, *_):
        raise raised

    monkeypatch.setattr(type(storage), "get", fails)
    with pytest.raises(StorageError, match=sentence) as refused:
        mirror(ADDRESS)
    assert "hush" not in str(refused.value)


def test_an_unknown_kind_of_address_and_a_missing_package_are_named(monkeypatch):
    with pytest.raises(StorageError, match="nope:// is no kind of address"):
        mirror("nope://bucket/cohort")
    with pytest.raises(MissingPackageError, match="boxfs"):
        mirror("box://cohort")

    def missing(_):
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr(fsspec, "url_to_fs", missing)
    with pytest.raises(MissingPackageError, match=r"s3fs is not installed.*brainseg\[remote\]"):
        mirror("s3://bucket/cohort")
