"""Worker processes: what a file does to its decoder stays there, and costs one sentence."""

import subprocess
import sys

import numpy as np
import psutil
import pytest
from support.cohorts import head
from support.files import nifti, voxels
from support.pictures import tiff

from brainseg.errors import DecodeError
from brainseg.io import InputFile, PagesError, Pool, open_inputs

FILES = [InputFile("a_1.tif", tiff(head(1))), InputFile("a_2.tif", tiff(head(2)))]


@pytest.fixture(scope="module")
def of_others() -> list[psutil.Process]:
    """Return the workers of other tests of this process, such as those of the shared pool."""
    return workers()


@pytest.fixture(scope="module")
def pool(of_others):
    made = Pool(workers=1)
    yield made
    made.close()


def workers() -> list[psutil.Process]:
    own = psutil.Process().children()
    return [child for child in own if "brainseg.io.sandbox.worker" in child.cmdline()]


def test_a_worker_gives_what_this_process_gives(pool: Pool) -> None:
    for files in (FILES, [InputFile("t1.nii", nifti(voxels()))]):
        here, there = open_inputs(files), open_inputs(files, pool=pool)
        assert there.kind == here.kind
        assert there.grid.slice_numbers == here.grid.slice_numbers
        for one, other in zip(there.series, here.series, strict=True):
            assert np.array_equal(one.pixels, other.pixels)
            assert (one.label, one.guess, one.notes) == (other.label, other.guess, other.notes)
    assert np.array_equal(there.grid.source.back(there.series[0].pixels).shape, (40, 48, 6))


def test_refusals_come_back_as_they_are(pool: Pool) -> None:
    with pytest.raises(DecodeError, match=r"x\.tif was not used: file is empty"):
        open_inputs([InputFile("x.tif", b"")], pool=pool)
    pages = InputFile("p.tif", tiff(np.stack([head(1)] * 2), photometric="rgb"))
    with pytest.raises(PagesError, match="it has 2 pages") as which:
        open_inputs([FILES[0], pages], pool=pool)
    assert (which.value.file_index, which.value.pages) == (1, 2)
    assert len(open_inputs([pages], {0: 1}, pool).series[0].pixels) == 1


def test_a_worker_is_kept_warm_and_replaced_when_it_ends(pool: Pool, of_others: list) -> None:
    open_inputs(FILES, pool=pool)
    (worker,) = set(workers()) - set(of_others)
    open_inputs(FILES, pool=pool)
    assert set(workers()) - set(of_others) == {worker}
    worker.kill()
    worker.wait()
    assert open_inputs(FILES, pool=pool).series
    (new,) = set(workers()) - set(of_others)
    assert new != worker


def test_a_worker_that_ends_or_hangs_costs_one_sentence_and_is_replaced() -> None:
    pool = Pool(workers=1, longest_s=0.01)
    with pytest.raises(DecodeError, match=r"a_1.tif was not used: decoding it took more than"):
        open_inputs(FILES[:1], pool=pool)
    pool.close()
    small = Pool(workers=1, most_memory_bytes=2**25)
    with pytest.raises(DecodeError, match=r"The 2 files were not used: decoding it (ended|takes)"):
        open_inputs(FILES, pool=small)
    with pytest.raises(DecodeError, match="were not used"):
        open_inputs(FILES, pool=small)
    small.close()


def test_a_closed_pool_can_be_used_again_and_leaves_no_process(pool: Pool, of_others: list) -> None:
    open_inputs(FILES, pool=pool)
    pool.close()
    assert not set(workers()) - set(of_others)
    assert open_inputs(FILES, pool=pool).series


@pytest.mark.skipif(sys.platform != "linux", reason="memory is forbidden on Linux alone")
def test_memory_beyond_the_limit_is_refused_by_the_system() -> None:
    code = (
        "import numpy as np\n"
        "from brainseg.io.sandbox.worker import limit_memory\n"
        "assert limit_memory(2**28)\n"
        "try:\n"
        "    np.ones(2**28, np.uint8)\n"
        "except MemoryError:\n"
        "    raise SystemExit(7)\n"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 7


def test_a_worker_leaves_when_its_server_does() -> None:
    code = (
        "from brainseg.io import Pool\n"
        "import os, psutil, sys\n"
        "pool = Pool(workers=1)\n"
        "pool.warm()\n"
        "sys.stdout.write(str(psutil.Process().children()[0].pid))\n"
        "sys.stdout.flush()\n"
        "os._exit(0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    pid = int(done.stdout)
    if psutil.pid_exists(pid):
        psutil.wait_procs([psutil.Process(pid)], timeout=60)
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
