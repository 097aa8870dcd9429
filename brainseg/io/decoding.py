"""The only way to decoders that a damaged file can crash: they run in worker processes.

Our own code decodes uncompressed TIFFs, the files of most cohorts, without a worker, whose start takes
0.7 s. Libraries in C decode everything else, and only a worker calls them.
"""

import importlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import TypeVar

from brainseg.errors import DecodeError
from brainseg.io.decoded import Decoded
from brainseg.io.files import read_file
from brainseg.io.names import shown_name
from brainseg.io.opening import open_inputs
from brainseg.io.pictures import LibraryNeeded, decode, decode_plainly
from brainseg.io.upload import Upload
from brainseg.io.upload_file import InputFile
from brainseg.jobs import Job, JobLost, Jobs, QueueFull

Item = TypeVar("Item")
T = TypeVar("T")
Found = Decoded | OSError | DecodeError

_named = os.environ.get("BRAINSEG_DECODERS", "")
WORKERS = int(_named) if _named.isdecimal() and int(_named) else max(2, min(4, os.cpu_count() or 1))
LONGEST_S = 60.0
"""For one upload, or for a batch of files; the largest upload within the limits takes some seconds."""

MOST_MEMORY_BYTES = 3 * 2**30
"""For one worker; the largest upload within the limits takes two thirds of it."""

BATCH = 16
"""Number of files, or of pairs of image and mask, that a worker decodes in one job."""

_AT_ONCE = 64
_SINGLE_THREADED = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
_DECODERS = (
    "tifffile",
    "imagecodecs",
    "simplejpeg",
    "PIL.PngImagePlugin",
    "PIL.JpegImagePlugin",
    "cv2",
)
_READERS = ("nibabel", "pydicom", "pydicom.filereader")


def decoding_jobs(
    workers: int = WORKERS, longest_s: float = LONGEST_S, memory_bytes: int = MOST_MEMORY_BYTES
) -> Jobs:
    """Return worker processes that decode files, with limits; they start with the first job."""
    environment = dict.fromkeys(_SINGLE_THREADED, "1")
    return Jobs("decoding", workers, longest_s, memory_bytes, environment=environment)


DECODING = decoding_jobs()
"""The workers that decode all files of this process."""


def warm_decoders() -> None:
    """Start the workers in the background, where they import their decoders."""
    DECODING.warm(_import_decoders)


def _import_decoders() -> None:
    for name in (*_DECODERS, *_READERS):
        importlib.import_module(name)


def open_upload(
    files: Sequence[InputFile],
    pages: Mapping[int, int] | None = None,
    jobs: Jobs | None = None,
    wait: Callable[[Job[Upload]], Upload] = Job.result,
) -> Upload:
    """Return what :func:`brainseg.io.open_inputs` does, decoded by a worker.

    Args:
        files: one or more files, or zip archives of them.
        pages: as for :func:`brainseg.io.open_inputs`.
        jobs: other workers than :data:`DECODING`.
        wait: returns the result of the job; meanwhile a page shows its place in line.

    Raises:
        PagesError: as there.
        DecodeError: as there, or the line of uploads is full, or decoding took too long, took too much
            memory, or ended its worker.
    """
    try:
        return wait((jobs or DECODING).schedule(open_inputs, (tuple(files), dict(pages or {}))))
    except QueueFull as full:
        raise DecodeError(str(full)) from None
    except JobLost as lost:
        who = (
            f"{shown_name(files[0].name)} was"
            if len(files) == 1
            else f"The {len(files)} files were"
        )
        raise DecodeError(f"{who} not used: {why_lost(lost)}.") from None


def why_lost(lost: JobLost) -> str:
    """Return the reason why a file that cost its worker was not used."""
    return f"decoding it {lost.reason}, so it is damaged or too large"


def decode_files(paths: Sequence[Path]) -> Iterator[Found]:
    """Yield each picture file as :func:`brainseg.io.decode` returns it, or its error, in order.

    Args:
        paths: of the files; at most :data:`_AT_ONCE` of them are in memory at a time.
    """
    for part in _in_parts(paths, _AT_ONCE):
        here = [_found(path, decode_plainly) for path in part]
        to_send = [path for path, one in zip(part, here, strict=True) if one is None]
        sent = in_workers(_decode_batch, to_send, lambda _, lost: DecodeError(why_lost(lost)))
        yield from (next(sent) if one is None else one for one in here)


def in_workers(
    function: Callable[[list[Item]], list[T]],
    items: Sequence[Item],
    lost: Callable[[Item, JobLost], T],
) -> Iterator[T]:
    """Yield the result of each item, in order; see :meth:`Jobs.map_with_halving`.

    Args:
        function: of the top level of a module, decodes a batch.
        items: such as paths.
        lost: returns the result of an item that costs its worker.
    """
    size = max(1, min(BATCH, -(-len(items) // DECODING.workers)))
    batches = map(list, _in_parts(items, size))
    return chain.from_iterable(DECODING.map_with_halving(function, batches, lost))


def _in_parts(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    return (items[at : at + size] for at in range(0, len(items), size))


def _decode_batch(paths: list[Path]) -> list[Found]:
    return [one for path in paths if (one := _found(path, decode)) is not None]


def _found(path: Path, decoder: Callable[[bytes, str], Decoded]) -> Found | None:
    """Return a file as decoded, or its error; None if it needs a library."""
    try:
        return decoder(read_file(path), path.name)
    except (OSError, DecodeError) as error:
        return error
    except LibraryNeeded:
        return None
