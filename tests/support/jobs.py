"""Functions that workers run in tests: they are imported by name."""

import ctypes
import os
import re
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

import numpy as np
import pytest

from brainseg.cohort import slice_rows
from brainseg.errors import DecodeError
from brainseg.io import Decoded, decode, decoding, picture_upload
from brainseg.jobs import Jobs, worker
from support.pictures import tiff

_FATAL = b"ends its decoder"
_calls: list[int] = []


class Unportable(Exception):
    """Cannot be unpickled."""

    def __init__(self, one: int, other: int) -> None:
        super().__init__(f"{one} and {other}")


class InThisProcess(Jobs):
    """The same line with another engine: it runs each job at once, in the process of the test."""

    def _start(self, function: Callable, args: tuple, longest_s: float) -> Future:
        future: Future = Future()
        future.set_result(worker.run([function, args, longest_s]))
        return future


class FatalFiles(Jobs):
    """Workers whose decoders end the process on the files of :func:`fatal_tiff`."""

    def _start(self, function: Callable, args: tuple, longest_s: float) -> Future:
        return super()._start(run_with_fatal_files, (function, args), longest_s)


def fatal_tiff(pixels: np.ndarray) -> bytes:
    """Return a compressed TIFF on which the decoders of :class:`FatalFiles` end their process."""
    return tiff(pixels, compression="lzw") + _FATAL


def run_with_fatal_files(function: Callable, args: tuple) -> object:
    """Run a job in a worker, with decoders that end the process on some files."""
    for module in (decoding, picture_upload, slice_rows):
        module.decode = _decode_or_crash
    return function(*args)


def _decode_or_crash(data: bytes, name: str, page: int = 0) -> Decoded:
    if data.endswith(_FATAL):
        crash()
    return decode(data, name, page)


def use_fatal_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let all files of this test be decoded by such workers, which end with it."""
    jobs = FatalFiles("decoding")
    for module in (decoding, slice_rows):
        monkeypatch.setattr(module, "DECODING", jobs)


def pid() -> int:
    return os.getpid()


def count_calls() -> int:
    """Return how often this worker has run this function."""
    _calls.append(1)
    return len(_calls)


def sleep(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def note_and_wait(log: str, gate: str) -> str:
    """Write a line to a file, and wait until another file exists."""
    with Path(log).open("a") as file:
        file.write(f"{os.getpid()}\n")
    while not Path(gate).exists():
        time.sleep(0.01)
    return log


def ones(size: int) -> np.ndarray:
    return np.ones(size, np.uint8)


def crash() -> None:
    ctypes.string_at(0)


def backtrack() -> None:
    """Run for hours in native code, which lets no other thread of Python run."""
    re.match(r"(a+)+$", "a" * 60 + "b")


def take_memory(size: int) -> int:
    return len(bytes(size))


def refuse(kind: str) -> None:
    if kind == "decode":
        raise DecodeError("x.tif was not used: file is empty")
    if kind == "exit":
        raise SystemExit(3)
    raise Unportable(1, 2)


def doubled(items: list[int]) -> list[int]:
    """Return twice each item; 13 ends the process and 17 takes forever."""
    if 13 in items:
        crash()
    if 17 in items:
        time.sleep(600)
    return [2 * item for item in items]
