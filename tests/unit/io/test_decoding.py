"""Decoding in worker processes: what a file does to its decoder costs one sentence."""

import os
import pickle
from concurrent.futures import Future
from pathlib import Path

import numpy as np
import pytest
from support import jobs as functions
from support.cohorts import head
from support.files import nifti, voxels
from support.pictures import png, tiff

import brainseg.io.decoding
from brainseg.errors import DecodeError
from brainseg.io import InputFile, PagesError, decode, decode_files, open_inputs, open_upload
from brainseg.io.decoding import decoding_jobs
from brainseg.jobs import JobLost, Jobs

FILES = [InputFile("a_1.tif", tiff(head(1))), InputFile("a_2.tif", tiff(head(2)))]


def test_a_worker_gives_what_this_process_gives() -> None:
    for files in (FILES, [InputFile("t1.nii", nifti(voxels()))]):
        here, there = open_inputs(files), open_upload(files)
        assert there.kind == here.kind
        assert there.grid.slice_numbers == here.grid.slice_numbers
        for one, other in zip(there.series, here.series, strict=True):
            assert np.array_equal(one.pixels, other.pixels)
            assert (one.label, one.guess, one.notes) == (other.label, other.guess, other.notes)
    assert np.array_equal(there.grid.source.back(there.series[0].pixels).shape, (40, 48, 6))


def test_refusals_come_back_as_they_are() -> None:
    with pytest.raises(DecodeError, match=r"x\.tif was not used: file is empty"):
        open_upload([InputFile("x.tif", b"")])
    pages = InputFile("p.tif", tiff(np.stack([head(1)] * 2), photometric="rgb"))
    with pytest.raises(PagesError, match="it has 2 pages") as which:
        open_upload([FILES[0], pages])
    assert (which.value.file_index, which.value.pages) == (1, 2)
    assert len(open_upload([pages], {0: 1}).series[0].pixels) == 1


def test_an_error_about_pages_can_be_sent_again() -> None:
    again = pickle.loads(pickle.dumps(PagesError("a\u202etif", 2, 7)))
    assert isinstance(again, PagesError)
    assert (again.file_index, again.pages) == (2, 7)
    assert str(again) == str(PagesError("a\u202etif", 2, 7))


def test_a_worker_that_ends_or_hangs_costs_one_sentence_and_is_replaced() -> None:
    jobs = decoding_jobs(workers=1, longest_s=0.001)
    with pytest.raises(DecodeError, match=r"a_1.tif was not used: decoding it took more than"):
        open_upload([InputFile("a_1.tif", tiff(np.zeros((3000, 3000, 3), np.uint8)))], jobs=jobs)
    jobs.shutdown()
    small = decoding_jobs(workers=1, memory_bytes=2**25)
    for _ in range(2):
        with pytest.raises(
            DecodeError, match=r"The 2 files were not used: decoding it (ended|tak)"
        ):
            open_upload(FILES, jobs=small)
    small.shutdown()


def test_a_full_line_of_uploads_refuses_in_one_sentence(tmp_path: Path) -> None:
    jobs, gate = Jobs("decoding", workers=1, most_waiting=0), tmp_path / "gate"
    blocked = Jobs("decoding", workers=1, most_waiting=1)
    first = blocked.submit(functions.note_and_wait, str(tmp_path / "log"), str(gate))
    second = blocked.submit(functions.pid)
    with pytest.raises(DecodeError, match="1 jobs wait for decoding, which is the most: try again"):
        open_upload(FILES, jobs=blocked)
    gate.touch()
    assert first.result() and second.result()
    blocked.shutdown()
    with pytest.raises(DecodeError, match="try again"):
        open_upload(FILES, jobs=jobs)


def in_process(path: Path) -> object:
    try:
        return decode(path.read_bytes(), path.name)
    except DecodeError as error:
        return str(error)


def test_files_of_all_kinds_are_decoded_in_order_and_errors_stand_in_their_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    contents = {
        "plain.tif": tiff(head(1), metadata=None, software=False),
        "a.png": png(head(2)),
        "empty.tif": b"",
        "lzw.tif": tiff(head(3), compression="lzw"),
        "named.png": tiff(head(1)),
        "deep.png": png(head(4).astype(np.uint16) * 257),
        "cut.png": png(head(5))[:-20],
    }
    paths = [tmp_path / name for name in contents]
    for path in paths:
        path.write_bytes(contents[path.name])
    expected = [in_process(path) for path in paths]
    monkeypatch.setattr(brainseg.io.decoding, "_AT_ONCE", 3)
    found = list(decode_files([*paths, tmp_path / "missing.tif"]))
    assert isinstance(found.pop(), FileNotFoundError)
    for one, other in zip(found, expected, strict=True):
        if isinstance(other, str):
            assert str(one) == other
        else:
            assert np.array_equal(one.pixels, other.pixels) and one.notes == other.notes


def test_only_an_uncompressed_tiff_is_decoded_in_this_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker is never asked for a plain file, and always for any other."""

    class Refusing(Jobs):
        def _start(self, function: object, args: tuple, longest_s: float) -> Future:
            future: Future = Future()
            future.set_exception(BrokenPipeError("a worker was asked"))
            return future

    monkeypatch.setattr(brainseg.io.decoding, "DECODING", Refusing("decoding"))
    (tmp_path / "plain.tif").write_bytes(tiff(head(1), metadata=None, software=False))
    (found,) = decode_files([tmp_path / "plain.tif"])
    assert np.array_equal(found.pixels, head(1))
    (tmp_path / "a.png").write_bytes(png(head(1)))
    with pytest.raises(BrokenPipeError, match="a worker was asked"):
        next(decode_files([tmp_path / "a.png"]))


def test_the_decoders_of_a_worker_use_one_thread() -> None:
    jobs = decoding_jobs(workers=1)
    assert jobs.submit(os.getenv, "OMP_NUM_THREADS").result() == "1"
    with pytest.raises(JobLost):
        jobs.submit(functions.crash).result()
    jobs.shutdown()
